#include "sim/plan.hpp"

#include <cstdlib>

#include <algorithm>
#include <array>

namespace shoal::sim {

plan make_plan(uint64_t seed, size_t nodes, uint64_t steps) {
  random_source r(seed ^ 0x5e1f);
  plan p;
  p.seed = seed;
  p.nodes = r.between(2, 5);
  if (nodes != 0)
    p.nodes = nodes;
  p.shape = r.chance(600) ? topology::mesh : static_cast<topology>(r.between(1, 3));
  p.steps = r.between(500, 3'000);
  if (steps != 0)
    p.steps = steps;
  p.edit_every_us = r.one_of({20'000, 100'000, 200'000, 500'000});
  p.hot_tags = r.between(1, 6);
  p.entries = r.between(3, 10);
  p.batch_permille = r.one_of({0, 100, 400});
  p.owned_permille = r.one_of({0, 300, 300, 700});
  p.account_permille = r.one_of({0, 150, 300});
  p.value_bytes = r.chance(40) ? r.between(20'000, 70'000) : r.between(1, 40);
  if (p.value_bytes > 1000)
    p.edit_every_us *= 5; // bounds the cost of a seed

  p.latency_us = r.one_of({200, 2'000, 20'000, 80'000});
  p.jitter_us = r.one_of({0, 1'000, 50'000});
  if (r.chance(500))
    p.cut_every_us = r.one_of({500'000, 2'000'000, 6'000'000});
  if (r.chance(500)) {
    p.block_every_us = r.one_of({1'000'000, 4'000'000});
    p.one_way_blocks = r.chance(400);
  }
  if (r.chance(250)) {
    p.lose = r.one_of({0, 30, 200});
    p.duplicate = r.one_of({0, 50, 300});
    p.reorder = r.one_of({0, 100, 500});
  }
  p.sync_us = r.one_of({50, 500, 5'000, 30'000});
  if (r.chance(200))
    p.stall_permille = 20;
  if (r.chance(500))
    p.crash_every_us = r.one_of({700'000, 2'000'000, 5'000'000});
  p.keep_unsynced_permille = r.one_of({0, 500, 1000});
  if (r.chance(600)) {
    p.skew_ms = r.one_of({10, 1'000, 50'000});
    if (r.chance(600))
      p.step_every_us = r.one_of({500'000, 3'000'000});
    p.drift_ppm = r.chance(300) ? 500 : 0;
  }
  if (p.crash_every_us != 0 && r.chance(250))
    p.restore_permille = 300;
  if (p.nodes > 2 && r.chance(300))
    p.join_step = 1 + r.below(p.steps);
  p.heartbeat_us = r.one_of({1'000'000, 3'000'000, 10'000'000});
  p.prune_us = r.one_of({100'000, 1'000'000, 1'000'000});
  p.batch_window_us = r.chance(200) ? r.one_of({1'000, 20'000}) : 0;
  p.ring_bytes = r.one_of({200, 2'000, size_t{4} << 20});
  p.batch_ops = r.one_of({3, 100, 1'000});
  p.load_bytes = r.one_of({1, 600, 5'000, size_t{1} << 20});
  p.window_bytes = r.one_of({500, 4'000, uint64_t{4} << 20});
  p.prune_max = r.one_of({3, 50, 1000});
  // As in production, longer than any two clocks are apart: a node that was given nothing yet, or
  // an old copy of itself, may write with a clock that is behind the delete's.
  p.min_tombstone_ms = 2 * p.skew_ms + r.one_of({0, 0, 2'000, 3'600'000})
                       + static_cast<uint64_t>(std::abs(p.drift_ppm));
  p.sums_max = r.one_of({1, 2, 64});
  if (r.chance(250)) {
    p.max_log_entries = r.one_of({0, 5, 40});
    p.passed_over_after_us = r.one_of({200'000, 2'000'000});
  }
  if (r.chance(200)) {
    constexpr int64_t hour_ms = 3'600'000;
    constexpr int64_t year_ms = 365 * 24 * hour_ms;
    const auto far = static_cast<int64_t>(r.one_of({hour_ms, 10 * year_ms}));
    p.far_ms = r.chance(500) ? far : -far;
    p.far_node = r.below(p.nodes);
    if (p.step_every_us == 0)
      p.step_every_us = 1'000'000;
    if (p.far_ms < 0)
      p.min_tombstone_ms += static_cast<uint64_t>(-2 * p.far_ms);
  }
  p.release_max = r.one_of({1, 20, 1000});
  p.verify_every_us = r.chance(250) ? r.one_of({300'000, 2'000'000}) : 0;
  if (r.chance(250))
    p.flap_every_us = r.one_of({2'000'000, 6'000'000});
  if (r.chance(250))
    p.slow_every_us = r.one_of({1'000'000, 4'000'000});
  if (r.chance(250))
    p.fail_sync_every_us = r.one_of({1'000'000, 5'000'000});
  if (r.chance(200))
    p.fail_reads_every_us = r.one_of({1'000'000, 5'000'000});
  if (r.chance(200))
    p.full_every_us = r.one_of({2'000'000, 8'000'000});
  if (p.crash_every_us != 0 && r.chance(200))
    p.lose_tail_permille = 300;
  if (p.restore_permille == 0 && r.chance(150))
    p.damage_every_us = r.one_of({3'000'000, 10'000'000});
  if (r.chance(200))
    p.churn_every_us = r.one_of({2'000'000, 6'000'000});
  if (p.step_every_us != 0 && r.chance(300))
    p.freeze_permille = 300;
  if (r.chance(300))
    p.newer = r.next();
  p.restore_late = p.min_tombstone_ms < 10'000 && r.chance(100);
  p.later_ops = p.newer != 0 && r.chance(500);
  // Drawn apart: what is drawn above stays what it was.
  random_source later(seed ^ 0x40011);
  if (p.far_ms != 0)
    p.quarantine_max = later.one_of({1, 8, 10'000});
  random_source shelves(seed ^ 0x71b5);
  if (shelves.chance(100)) {
    p.libraries = shelves.between(2, 3);
    p.edit_every_us *= p.libraries; // as much to do as elsewhere, in the same number of events
  }
  return p;
}

std::string to_string(const plan& p) {
  static constexpr std::array<const char*, 4> shapes{"mesh", "line", "star", "ring"};
  std::string out = std::to_string(p.nodes) + " nodes, ";
  out += shapes[static_cast<size_t>(p.shape)];
  const auto say = [&](const char* what, uint64_t n) {
    if (n != 0)
      out += std::string(", ") + what + " " + std::to_string(n);
  };
  say("libraries", p.libraries > 1 ? p.libraries : 0);
  say("steps", p.steps), say("edit_every_us", p.edit_every_us);
  say("value_bytes", p.value_bytes), say("latency_us", p.latency_us);
  say("cut_every_us", p.cut_every_us), say("block_every_us", p.block_every_us);
  say("one_way", p.one_way_blocks), say("lose", p.lose), say("duplicate", p.duplicate);
  say("reorder", p.reorder), say("crash_every_us", p.crash_every_us), say("sync_us", p.sync_us);
  say("restore_late", p.restore_late);
  say("restore", p.restore_permille), say("join_step", p.join_step);
  say("skew_ms", p.skew_ms), say("step_every_us", p.step_every_us), say("ring", p.ring_bytes);
  say("batch_ops", p.batch_ops);
  say("load_bytes", p.load_bytes), say("window", p.window_bytes), say("prune_max", p.prune_max);
  say("min_tombstone_ms", p.min_tombstone_ms);
  if (p.max_log_entries < 1'000'000)
    say("max_log_entries", p.max_log_entries + 1), say("passed_over", p.passed_over_after_us);
  if (p.far_ms != 0)
    out += ", node " + std::to_string(p.far_node) + " far_ms " + std::to_string(p.far_ms);
  if (p.quarantine_max < 10'000)
    say("quarantine_max", p.quarantine_max);
  say("release_max", p.release_max), say("verify_every_us", p.verify_every_us);
  say("flap_every_us", p.flap_every_us), say("slow_every_us", p.slow_every_us);
  say("fail_sync_every_us", p.fail_sync_every_us);
  say("fail_reads_every_us", p.fail_reads_every_us), say("full_every_us", p.full_every_us);
  say("lose_tail", p.lose_tail_permille), say("damage_every_us", p.damage_every_us);
  say("churn_every_us", p.churn_every_us), say("freeze", p.freeze_permille);
  say("newer", p.newer & ((uint64_t{1} << p.nodes) - 1));
  say("later_ops", p.later_ops), say("heartbeat_us", p.heartbeat_us),
      say("batch_window_us", p.batch_window_us);
  return out;
}

} // namespace shoal::sim
