#include "sim/world.hpp"

#include "store/sync/keys.hpp"

namespace shoal::sim {

world::world(const plan& p, const sabotage& planted)
    : plan_(p), random_(p.seed), time_(random_.fork(1)), oracle_(plan_, seen_),
      net_(plan_, time_, *this, seen_, random_.fork(2)), around_{plan_, time_, net_, oracle_,
                                                                 seen_, {},    0} {
  joined_ = plan_.join_step == 0;
  for (size_t n = 0; n + (joined_ ? 0 : 1) < plan_.nodes; ++n)
    members_[device_of(n)] = {};
  for (size_t n = 0; n < plan_.nodes; ++n) {
    loads_.emplace_back(plan_, n);
    nodes_.push_back(std::make_unique<sim_node>(around_, n, random_.fork(10 + n)));
    if (planted)
      nodes_[n]->bear(planted(*nodes_[n], around_, random_source(p.seed ^ (n + 77))));
  }
}

void world::run_for(uint64_t us) {
  const auto until = time_.now() + us;
  bool reached = false;
  time_.at(until, [&] { reached = true; });
  while (!reached && !oracle_.found() && time_.step())
    ++events_;
}

void world::run_to_step(uint64_t step) {
  while (events_ < step && !oracle_.found() && time_.step())
    ++events_;
}

void world::drive_load(size_t node) {
  time_.after(around(plan_.edit_every_us), [this, node] {
    if (!loading_)
      return;
    nodes_[node]->write(loads_[node].draw(random_));
    drive_load(node);
  });
}

void world::drive_cuts() {
  if (plan_.cut_every_us == 0)
    return;
  time_.after(around(plan_.cut_every_us), [this] {
    if (!loading_)
      return;
    const auto a = random_.below(plan_.nodes);
    const auto b = random_.below(plan_.nodes);
    if (a != b) {
      ++seen_[fault::cut];
      net_.cut(a, b);
    }
    drive_cuts();
  });
}

void world::drive_blocks() {
  if (plan_.block_every_us == 0)
    return;
  time_.after(around(plan_.block_every_us), [this] {
    if (!loading_)
      return;
    ++seen_[fault::partition];
    std::vector<std::pair<size_t, size_t>> pairs;
    const bool isolate = random_.chance(400);
    const auto alone = random_.below(plan_.nodes);
    const auto sides = random_.next();
    const bool one_way = plan_.one_way_blocks && random_.chance(500);
    for (size_t a = 0; a < plan_.nodes; ++a)
      for (size_t b = 0; b < plan_.nodes; ++b) {
        const bool across =
            isolate ? (a == alone) != (b == alone) : ((sides >> a) & 1) != ((sides >> b) & 1);
        if (a != b && across && (!one_way || a < b))
          pairs.emplace_back(a, b);
      }
    for (const auto& [a, b] : pairs)
      net_.block(a, b, true);
    const bool cuts = random_.chance(500);
    for (const auto& [a, b] : pairs)
      if (cuts && a < b)
        net_.cut(a, b);
    time_.after(random_.between(10'000, 5'000'000), [this, pairs] {
      for (const auto& [a, b] : pairs)
        net_.block(a, b, false);
    });
    drive_blocks();
  });
}

void world::drive_crashes() {
  if (plan_.crash_every_us == 0)
    return;
  time_.after(around(plan_.crash_every_us), [this] {
    if (!loading_)
      return;
    const auto node = random_.below(plan_.nodes);
    if (nodes_[node]->up()) {
      nodes_[node]->crash();
      time_.after(random_.between(1'000, 4'000'000), [this, node] {
        if (!nodes_[node]->up() && members_.contains(device_of(node)))
          nodes_[node]->start(members_);
      });
    }
    drive_crashes();
  });
}

void world::drive_clock(size_t node) {
  if (plan_.step_every_us == 0 || (plan_.skew_ms == 0 && plan_.far_ms == 0))
    return;
  time_.after(around(plan_.step_every_us), [this, node] {
    if (!loading_)
      return;
    ++seen_[fault::clock_step];
    nodes_[node]->step_clock();
    drive_clock(node);
  });
}

void world::drive_verify() {
  if (plan_.verify_every_us == 0)
    return;
  time_.after(around(plan_.verify_every_us), [this] {
    if (!loading_)
      return;
    nodes_[random_.below(plan_.nodes)]->verify();
    drive_verify();
  });
}

// An operator adds the last node to the set of a member that is there, and starts it with that set.
// Members that crashed may have forgotten: the operator looks again.
void world::drive_join() {
  const auto last = plan_.nodes - 1;
  const auto joiner = device_of(last);
  if (!joined_) {
    joined_ = true;
    ++seen_[situation::joined];
    members_[joiner] = {};
    nodes_[last]->start(members_);
  }
  for (size_t n = 0; n < last; ++n)
    if (nodes_[n]->up() && net_.neighbours(n, last)
        && !is_member(nodes_[n]->core().members(), joiner))
      nodes_[n]->admit(members_);
  if (!loading_)
    return;
  time_.after(200'000, [this] { drive_join(); });
}

std::string world::unsettled() const {
  for (size_t n = 0; n < plan_.nodes; ++n) {
    const auto& node = *nodes_[n];
    const auto name = "node " + std::to_string(n);
    if (!node.up())
      return name + " is down";
    const auto& s = node.summary();
    if (!node.ready())
      return name + " is not ready" + (s.settled ? "" : " (not settled)");
    if (s.held != nodes_[0]->summary().held)
      return name + " and node 0 hold different ops";
    if (!oracle_.is_all(s.held))
      return name + " does not hold all that is durable: " + oracle_.missing(s.held);
    if (s.held_back.quarantined != 0)
      return name + " holds " + std::to_string(s.held_back.quarantined) + " ops back";
    if (s.log_entries != 0)
      return name + " has " + std::to_string(s.log_entries) + " log entries";
    if (s.digest != nodes_[0]->summary().digest)
      return name + " and node 0 have different digests";
    if (node.core().comparing())
      return name + " compares";
    if (plan_.shape == topology::mesh)
      if (const auto why = node.core().not_converged(); !why.empty())
        return name + ": " + why;
  }
  return {};
}

void world::settle(uint64_t at_most_us) {
  const auto end = time_.now() + at_most_us;
  while (!oracle_.found()) {
    run_for(250'000);
    const auto why = unsettled();
    if (why.empty())
      return;
    if (time_.now() < end)
      continue;
    const bool log = why.find("log entries") != std::string::npos;
    return oracle_.fail(log ? "log_drains" : "convergence",
                        "quiet for " + std::to_string(at_most_us / 1'000'000) + " s, and " + why);
  }
}

/// One node is cut off, misses a little of what there is, and returns.
void world::catch_up() {
  const auto away = random_.below(plan_.nodes);
  for (size_t n = 0; n < plan_.nodes; ++n)
    if (n != away) {
      net_.block(n, away, true);
      net_.block(away, n, true);
      net_.cut(n, away);
    }
  run_for(100'000);
  const auto before = oracle_.durable_bytes();
  const auto came = nodes_[away]->range_bytes_in();
  for (int i = 0; i < 6; ++i) {
    const auto node = random_.below(plan_.nodes);
    if (node != away)
      nodes_[node]->write(loads_[node].draw(random_));
    run_for(50'000);
  }
  for (size_t n = 0; n < plan_.nodes; ++n)
    if (n != away) {
      net_.block(n, away, false);
      net_.block(away, n, false);
    }
  settle(90'000'000);
  if (oracle_.found())
    return;
  const auto missed = oracle_.durable_bytes() - before;
  const auto cost = nodes_[away]->range_bytes_in() - came;
  // Links come up one after the other: a feeder, the next, and the origin itself may each be
  // sending the same when what came first is not on disk yet.
  if (cost > 4 * missed + 200)
    oracle_.fail("catch_up",
                 "missed " + std::to_string(missed) + " bytes, " + std::to_string(cost) + " came");
}

/// All is level and pruned; then a node comes back from a copy made long before.
void world::restore_late() {
  run_for((plan_.min_tombstone_ms + 3'000) * 1000);
  const auto node = random_.below(plan_.nodes);
  if (!nodes_[node]->up() || !nodes_[node]->has_backup())
    return;
  nodes_[node]->crash(true);
  nodes_[node]->start(members_);
  settle(120'000'000);
}

verdict world::run() {
  for (size_t n = 0; n < plan_.nodes; ++n)
    if (members_.contains(device_of(n)))
      nodes_[n]->start(members_);
  net_.start();
  for (size_t n = 0; n < plan_.nodes; ++n) {
    drive_load(n);
    drive_clock(n);
  }
  drive_cuts();
  drive_blocks();
  drive_crashes();
  drive_verify();
  const auto half = plan_.steps / 2;
  const auto join = plan_.join_step;
  const auto back_up = [this] {
    for (auto& n : nodes_)
      if (n->up())
        n->back_up();
  };
  for (const auto at : {std::min(half, join), std::max(half, join)}) {
    run_to_step(at);
    if (plan_.restore_late && at == half)
      back_up();
    if (join != 0 && at == join)
      drive_join();
  }
  run_to_step(plan_.steps);

  loading_ = false;
  net_.heal();
  for (auto& n : nodes_)
    n->set_clock_right();
  for (auto& n : nodes_)
    if (!n->up())
      n->start(members_);
  if (join != 0)
    drive_join();
  settle(120'000'000);
  if (plan_.restore_late && !oracle_.found())
    restore_late();
  if (plan_.catch_up_phase && !oracle_.found())
    catch_up();
  if (!oracle_.found())
    for (size_t n = 0; n < plan_.nodes; ++n)
      oracle_.final_state(device_of(n), nodes_[n]->disk(), nodes_[n]->summary());
  if (!oracle_.found())
    oracle_.final_fold(random_);

  verdict v;
  v.found = oracle_.found();
  v.trace = around_.trace;
  v.acknowledged_ops = oracle_.acknowledged_ops();
  v.events = events_;
  v.virtual_us = time_.now();
  v.seen = seen_;
  return v;
}

} // namespace shoal::sim
