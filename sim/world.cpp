#include "sim/world.hpp"

#include "store/sync/keys.hpp"

#include <algorithm>

namespace shoal::sim {

world::world(const plan& p, const sabotage& planted, const excerpt* part, trace_lines* lines)
    : plan_(p), part_(part), lines_(lines), time_(p.seed), net_(plan_, time_, *this, seen_) {
  seen_[situation::many_libraries] += plan_.libraries > 1;
  const bool joins = plan_.join_step != 0;
  for (size_t n = 0; n + (joins ? 1 : 0) < plan_.nodes; ++n)
    if (is_here(n))
      members_[device_of(n)] = {};
  for (size_t k = 0; k < plan_.libraries; ++k) {
    auto& s = shelves_.emplace_back(*this, k);
    for (size_t n = 0; n < plan_.nodes; ++n) {
      s.loads.emplace_back(plan_, n);
      s.nodes.push_back(std::make_unique<sim_node>(s.around, n));
      if (planted)
        s.nodes[n]->bear(planted(*s.nodes[n], s.around, random_source(p.seed, 77 | k << 32, n)));
    }
  }
  for (size_t n = 0; n < plan_.nodes && plan_.libraries > 1; ++n)
    for (auto& s : shelves_) {
      std::vector<sim_node*> others;
      for (auto& o : shelves_)
        if (&o != &s)
          others.push_back(o.nodes[n].get());
      s.nodes[n]->share(std::move(others));
    }
}

bool world::accepts(size_t node, size_t peer) const {
  return std::any_of(shelves_.begin(), shelves_.end(),
                     [&](const shelf& s) { return s.nodes[node]->holds_member(peer); });
}

/// As the shell does: a link is offered to the libraries of which the peer is a member.
void world::linked(size_t node, size_t peer) {
  each_library_of(node, [&](sim_node& n) {
    if (n.holds_member(peer))
      n.linked(peer);
  });
}

void world::unlinked(size_t node, size_t peer) {
  each_library_of(node, [&](sim_node& n) { n.unlinked(peer); });
}

void world::arrived(size_t node, size_t peer, const frame_ptr& frame) {
  const auto head = decode_head(std::string_view(*frame).substr(4));
  for (size_t k = 0; k < shelves_.size(); ++k)
    if (head && head->library == library_of(k))
      return shelves_[k].nodes[node]->arrived(peer, frame);
  shelves_.front().judge.fail("codec", "a frame names no library");
}

bool world::failed() const {
  return std::any_of(shelves_.begin(), shelves_.end(),
                     [](const shelf& s) { return s.judge.found().has_value(); });
}

void world::run_to_time(uint64_t us) {
  while (time_.due(us) && !failed()) {
    (void)time_.step();
    ++events_;
  }
  time_.advance(us);
}

void world::run_for(uint64_t us) { run_to_time(time_.now() + us); }

uint64_t world::run_to(uint64_t step, uint64_t excerpt_us) {
  if (!part_) {
    while (events_ < step && !failed() && time_.step())
      ++events_;
    excerpt_us = time_.now(); // with all of that moment
  }
  run_to_time(excerpt_us);
  return time_.now();
}

std::string world::unsettled() const {
  for (const auto& s : shelves_)
    if (auto why = unsettled(s); !why.empty())
      return (s.around.library == 0 ? "" : "lib" + std::to_string(s.around.library) + ": ") + why;
  return {};
}

std::string world::unsettled(const shelf& library) const {
  const replica_summary* first = nullptr;
  std::string name_of_first;
  for (size_t n = 0; n < plan_.nodes; ++n) {
    if (!is_here(n))
      continue;
    const auto& node = *library.nodes[n];
    const auto name = "n" + std::to_string(n);
    if (!node.up())
      return name + " is down";
    const auto& s = node.summary();
    if (!first) {
      first = &s;
      name_of_first = name;
    }
    if (!node.ready())
      return name + " is not ready" + (s.settled ? "" : " (not settled)");
    if (s.held != first->held)
      return name + " and " + name_of_first + " hold different ops";
    if (!library.judge.is_all(s.held))
      return name + " does not hold all that is durable: " + library.judge.missing(s.held);
    if (s.held_back.quarantined != 0)
      return name + " holds " + std::to_string(s.held_back.quarantined) + " ops back";
    if (s.log_entries != 0)
      return name + " has " + std::to_string(s.log_entries) + " log entries, "
             + std::to_string(node.disk().of(family::log).size()) + " on disk";
    if (s.digest != first->digest)
      return name + " and " + name_of_first + " have different digests";
    if (node.core().comparing())
      return name + " compares";
    if (plan_.shape == topology::mesh)
      if (const auto why = node.core().not_converged(); !why.empty())
        return name + ": " + why;
  }
  return {};
}

/// Who compares asks one peer, then eight at a time, and each of them stream by stream.
uint64_t world::patience_us() const { return std::max<uint64_t>(10, plan_.nodes) * 12'000'000; }

void world::settle(uint64_t at_most_us) {
  const auto end = time_.now() + at_most_us;
  while (!failed()) {
    run_for(250'000);
    const auto why = unsettled();
    if (why.empty())
      return;
    if (time_.now() < end)
      continue;
    const bool log = why.find("log entries") != std::string::npos;
    return shelves_.front().judge.fail(log ? "log_drains" : "convergence",
                                       "quiet for " + std::to_string(at_most_us / 1'000'000)
                                           + " s, and " + why);
  }
}

/// One node is cut off, misses a little of what there is, and returns.
void world::catch_up() {
  constexpr uint32_t edits = 6;
  random_source r(plan_.seed, static_cast<uint64_t>(source::away) << 8, 0);
  const auto away = r.below(plan_.nodes);
  if (!plan_.catch_up_phase || !is_here(away) || !wanted({source::away, 0, 0}))
    return;
  did({source::away, 0, 0}, [&] { return "n" + std::to_string(away) + " is cut off"; });
  const auto block_all = [&](bool on) {
    for (size_t n = 0; n < plan_.nodes; ++n)
      if (n != away) {
        net_.block(n, away, on);
        net_.block(away, n, on);
        if (on)
          net_.cut(n, away);
      }
  };
  block_all(true);
  run_for(100'000);
  const auto durable = [this] {
    uint64_t sum = 0;
    for (const auto& s : shelves_)
      sum += s.judge.durable_bytes();
    return sum;
  };
  const auto came_in = [&] {
    uint64_t sum = 0;
    each_library_of(away, [&](const sim_node& n) { sum += n.range_bytes_in(); });
    return sum;
  };
  // Some of it may have been on its way when it was cut off.
  uint64_t lacked = 0;
  for (const auto& s : shelves_)
    if (s.nodes[away]->up())
      lacked += s.judge.bytes_beyond(s.nodes[away]->core().held());
  const auto before = durable() - lacked;
  const auto came = came_in();
  for (uint32_t i = 0; i < edits; ++i) {
    const happening h{source::last_edit, 0, i};
    random_source drawn(plan_.seed, static_cast<uint64_t>(source::last_edit) << 8, i);
    const auto node = drawn.below(plan_.nodes);
    if (node != away && is_here(node) && wanted(h)) {
      auto& s = shelves_[i % shelves_.size()];
      auto edited = s.loads[node].draw(drawn);
      did(h, [&] { return "n" + std::to_string(node) + " " + text_of(edited); });
      s.nodes[node]->write(std::move(edited));
    }
    run_for(50'000);
  }
  block_all(false);
  settle(std::max<uint64_t>(90'000'000, patience_us()));
  if (failed())
    return;
  const auto missed = durable() - before;
  const auto cost = came_in() - came;
  // Links come up one after the other: a feeder, the next, and the origin itself may each be
  // sending the same when what came first is not on disk yet.
  if (cost > 4 * missed + 200 * shelves_.size())
    shelves_.front().judge.fail("catch_up", "missed " + std::to_string(missed) + " bytes, "
                                                + std::to_string(cost) + " came");
}

/// All is level and pruned; then a node comes back from a copy made long before.
void world::restore_late() {
  const happening h{source::old_copy, 0, 0};
  if (!plan_.restore_late || !wanted(h))
    return;
  run_for((plan_.min_tombstone_ms + 3'000) * 1000);
  random_source r(plan_.seed, static_cast<uint64_t>(source::old_copy) << 8, 0);
  const auto node = r.below(plan_.nodes);
  if (!at(node).up() || !at(node).has_image())
    return;
  did(h, [&] { return "n" + std::to_string(node) + " comes back from an old copy"; });
  at(node).restore();
  // The copy may be from before a neighbour was taken back: with no other way to it than over that
  // one, the operator tells it.
  for (size_t n = 0; n < plan_.nodes; ++n)
    if (net_.neighbours(n, node) && members_.contains(device_of(n)))
      changed_.insert(n);
  tell_members();
  settle(patience_us());
}

void world::take_images() {
  if (plan_.restore_late)
    for (auto& s : shelves_)
      for (auto& n : s.nodes)
        if (n->up())
          n->take_image();
}

void world::load_phase() {
  const auto& times = part_ ? part_->times : schedule{};
  const auto half = plan_.steps / 2;
  if (plan_.join_step != 0 && plan_.join_step <= half) {
    times_.join_us = run_to(plan_.join_step, times.join_us);
    join();
  }
  times_.half_us = run_to(half, times.half_us);
  take_images();
  if (plan_.join_step > half) {
    times_.join_us = run_to(plan_.join_step, times.join_us);
    join();
  }
  times_.load_us = run_to(plan_.steps, times.load_us);
}

void world::last_checks() {
  for (auto& s : shelves_) {
    for (size_t n = 0; n < plan_.nodes && !failed(); ++n)
      if (is_here(n))
        s.judge.final_state(device_of(n), s.nodes[n]->disk(), s.nodes[n]->summary());
    // The model's fold is compared always; this one costs as much as a tenth of the run.
    random_source order(plan_.seed, 78, s.around.library);
    if (!failed() && order.chance(300))
      s.judge.final_fold(order);
  }
}

verdict world::run() {
  verdict v;
  for (size_t n = 0; n < plan_.nodes; ++n)
    if (members_.contains(device_of(n)))
      at(n).start();
  net_.start();
  drive_all();
  load_phase();

  loading_ = false;
  net_.heal();
  for (size_t n = 0; n < plan_.nodes; ++n)
    each_library_of(n, [this](sim_node& node) {
      node.heal();
      if (plan_.later_ops)
        node.upgrade();
    });
  for (const auto& [device, m] : member_set(members_))
    if (m.removed)
      readmit(index_of(device));
  for (size_t n = 0; n < plan_.nodes; ++n)
    if (is_here(n) && !at(n).up())
      at(n).start();
  settle(patience_us());
  if (!failed())
    restore_late();
  if (!failed())
    catch_up();
  last_checks();

  for (const auto& s : shelves_) {
    if (!v.found)
      v.found = s.judge.found();
    v.trace = v.trace * 31 + s.around.trace;
    v.acknowledged_ops += s.judge.acknowledged_ops();
  }
  v.events = events_;
  v.virtual_us = time_.now();
  v.seen = seen_;
  v.script = std::move(script_);
  v.times = times_;
  return v;
}

} // namespace shoal::sim
