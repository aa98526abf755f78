#include "sim/net.hpp"

#include <algorithm>

namespace shoal::sim {

void timeline::at(uint64_t when, std::function<void()> what) {
  when = std::max(when, now_);
  // Follows from the moment, not from all that was drawn before: an event less moves nothing else.
  same_when_ = when == last_when_ ? same_when_ + 1 : 0;
  last_when_ = when;
  const auto tie = random_source(seed_, when, same_when_).next();
  heap_.push_back({when, tie, number_++, std::move(what)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

bool timeline::step() {
  if (heap_.empty())
    return false;
  std::pop_heap(heap_.begin(), heap_.end(), later);
  auto next = std::move(heap_.back());
  heap_.pop_back();
  now_ = next.when;
  next.what();
  return true;
}

sim_net::sim_net(const plan& p, timeline& t, net_listener& l, occurred& seen)
    : plan_(p), time_(t), nodes_(l), seen_(seen), lines_(p.nodes) {
  for (size_t a = 0; a < p.nodes; ++a)
    for (size_t b = 0; b < p.nodes; ++b) {
      const auto way = a << 8 | b;
      lines_[a].push_back({.frames = random_source(p.seed, 0x10000 | way, 0),
                           .links = random_source(p.seed, 0x20000 | way, 0),
                           .held = {}});
    }
}

bool sim_net::neighbours(size_t a, size_t b) const {
  if (a == b)
    return false;
  const auto low = std::min(a, b);
  const auto high = std::max(a, b);
  switch (plan_.shape) {
  case topology::mesh: return true;
  case topology::line: return high - low == 1;
  case topology::star: return low == 0;
  case topology::ring: return high - low == 1 || high - low == plan_.nodes - 1;
  case topology::tree: return (high - 1) / plan_.children == low;
  }
  return false;
}

uint64_t sim_net::delay(line& l, size_t bytes) {
  const auto slow = time_.now() < l.slow_until ? l.us_per_byte * bytes : 0;
  return 1 + plan_.latency_us + l.frames.below(plan_.jitter_us + 1) + slow;
}

void sim_net::slow(size_t a, size_t b, uint64_t until_us, uint64_t us_per_byte) {
  lines_[a][b].slow_until = until_us;
  lines_[a][b].us_per_byte = us_per_byte;
}

void sim_net::start() {
  for (size_t a = 0; a < plan_.nodes; ++a)
    for (size_t b = a + 1; b < plan_.nodes; ++b)
      if (neighbours(a, b))
        dial(a, b);
}

void sim_net::dial(size_t a, size_t b) {
  time_.after(lines_[a][b].links.between(1'000, 800'000), [this, a, b] {
    auto& there = lines_[a][b];
    auto& back = lines_[b][a];
    const bool free = !there.up && !back.up;
    if (free && nodes_.is_up(a) && nodes_.is_up(b) && nodes_.accepts(a, b) && nodes_.accepts(b, a)
        && !there.blocked && !back.blocked) {
      for (auto* l : {&there, &back}) {
        l->up = true;
        l->connection = ++connections_;
        l->held.clear();
        l->last_arrival = time_.now();
      }
      nodes_.linked(a, b);
      nodes_.linked(b, a);
    }
    if (!there.up || !plan_.lasting_links)
      dial(a, b);
  });
}

void sim_net::send(size_t from, size_t to, frame_ptr frame, bool faulty) {
  auto& l = lines_[from][to];
  if (!l.up)
    return;
  if (l.blocked || !l.held.empty())
    l.held.emplace_back(std::move(frame), faulty);
  else
    deliver(from, to, std::move(frame), faulty);
}

void sim_net::deliver(size_t from, size_t to, frame_ptr frame, bool faulty) {
  auto& l = lines_[from][to];
  faulty = faulty && !healed_;
  if (faulty && l.frames.chance(plan_.lose)) {
    ++seen_[fault::frame_lost];
    return;
  }
  const int copies = faulty && l.frames.chance(plan_.duplicate) ? 2 : 1;
  seen_[fault::frame_repeated] += copies == 2;
  for (int i = 0; i < copies; ++i) {
    uint64_t when = time_.now() + delay(l, frame->size());
    if (faulty && l.frames.chance(plan_.reorder)) {
      when += l.frames.below(200'000);
      ++seen_[fault::frame_reordered];
    } else {
      when = l.last_arrival = std::max(when, l.last_arrival + 1);
    }
    time_.at(when, [this, from, to, frame, connection = l.connection] {
      const auto& now = lines_[from][to];
      if (now.up && now.connection == connection)
        nodes_.arrived(to, from, frame);
    });
  }
}

void sim_net::cut(size_t a, size_t b, std::optional<size_t> crashed) {
  for (const auto& way : {std::pair{a, b}, std::pair{b, a}}) {
    const auto from = way.first;
    const auto to = way.second;
    auto& l = lines_[from][to];
    if (!l.up)
      continue;
    l.held.clear();
    if (crashed == to) {
      l.up = false; // nobody is there to be told
      continue;
    }
    // What is on its way may arrive until this side notices.
    time_.after(l.links.below(2 * plan_.latency_us + 2), [this, from, to, c = l.connection] {
      auto& now = lines_[from][to];
      if (!now.up || now.connection != c)
        return;
      now.up = false;
      nodes_.unlinked(to, from);
    });
  }
}

void sim_net::cut_all(size_t node, bool crashed) {
  for (size_t peer = 0; peer < plan_.nodes; ++peer)
    if (peer != node)
      cut(node, peer, crashed ? std::optional(node) : std::nullopt);
}

void sim_net::block(size_t a, size_t b, bool on) {
  auto& l = lines_[a][b];
  l.blocked = on;
  if (on)
    return;
  auto held = std::move(l.held);
  l.held.clear();
  for (auto& [frame, faulty] : held)
    deliver(a, b, std::move(frame), faulty);
}

void sim_net::heal() {
  healed_ = true;
  for (auto& from : lines_)
    for (auto& l : from)
      l.slow_until = 0;
  const bool was_faulty = plan_.lose + plan_.duplicate + plan_.reorder > 0;
  for (size_t a = 0; a < plan_.nodes; ++a)
    for (size_t b = 0; b < plan_.nodes; ++b)
      if (a != b) {
        block(a, b, false);
        if (was_faulty && a < b)
          cut(a, b);
      }
}

} // namespace shoal::sim
