// What comes from outside while the load lasts: edits, faults and operators. Everything about one
// of them is drawn from its own source.

#include "sim/world.hpp"

#include <algorithm>

namespace shoal::sim {

namespace {

std::string name_of(size_t node) { return "n" + std::to_string(node); }

std::string ms(uint64_t us) { return std::to_string(us / 1000) + " ms"; }

} // namespace

void world::drive(source from, size_t node, uint64_t mean_us, act what, uint32_t index) {
  if (mean_us == 0)
    return;
  const auto stream = static_cast<uint64_t>(from) << 8 | node;
  random_source r(plan_.seed, stream, index);
  const auto gap = 1 + r.below(2 * mean_us);
  const happening h{from, static_cast<uint8_t>(node), index};
  time_.after(gap, [this, h, r, mean_us, what = std::move(what)]() mutable {
    if (!loading_)
      return;
    if (wanted(h))
      what(h, r);
    drive(h.from, h.node, mean_us, std::move(what), h.index + 1);
  });
}

void world::drive_all() {
  const auto& p = plan_;
  for (size_t n = 0; n < p.nodes; ++n) {
    if (!is_here(n))
      continue;
    auto& node = at(n);
    for (auto& s : shelves_)
      drive(source::edit, n | s.around.library << (p.nodes > 16 ? 6 : 4), p.edit_every_us,
            [this, n, &s](const happening& h, random_source& r) {
              auto edits = s.loads[n].draw(r);
              if (!s.nodes[n]->up())
                return;
              did(h, [&] {
                return (s.around.library == 0 ? ""
                                              : "lib" + std::to_string(s.around.library) + ": ")
                       + name_of(n) + " " + text_of(edits);
              });
              s.nodes[n]->write(std::move(edits));
            });
    if (p.skew_ms != 0 || p.far_ms != 0)
      drive(source::clock, n, p.step_every_us, [this, &node, n](const happening& h, auto& r) {
        ++seen_[fault::clock_step];
        node.step_clock(r);
        did(h, [&] { return name_of(n) + "'s clock is set to " + node.clock_text(); });
      });
    drive(source::failed_sync, n, p.fail_sync_every_us, [this, n](const auto& h, auto& r) {
      if (!at(n).up())
        return;
      shelves_[h.index % shelves_.size()].nodes[n]->fail_next_sync(r);
      did(h, [&] { return name_of(n) + ": the next sync fails"; });
    });
    drive(source::failed_read, n, p.fail_reads_every_us, [this, &node, n](const auto& h, auto& r) {
      const auto us = r.between(10'000, 500'000);
      node.fail_reads(time_.now() + us, r);
      did(h, [&] { return name_of(n) + ": reads fail now and then for " + ms(us); });
    });
    drive(source::full_disk, n, p.full_every_us, [this, &node, n](const auto& h, auto& r) {
      const auto us = r.between(100'000, 5'000'000);
      ++seen_[fault::disk_full];
      node.fill_disk(time_.now() + us);
      did(h, [&] { return name_of(n) + ": the disk is full for " + ms(us); });
    });
  }
  const auto call = [this](void (world::*what)(const happening&, random_source&)) {
    return [this, what](const happening& h, random_source& r) { (this->*what)(h, r); };
  };
  drive(source::cut, 0, p.cut_every_us, call(&world::cut));
  drive(source::flap, 0, p.flap_every_us, [this](const happening& h, random_source& r) {
    const auto link = draw_link(r);
    if (!link)
      return;
    ++seen_[fault::flapping];
    const auto us = r.between(300'000, 4'000'000);
    did(h, [&] {
      return name_of(link->first) + "–" + name_of(link->second) + " flaps for " + ms(us);
    });
    flap(link->first, link->second, time_.now() + us, r);
  });
  drive(source::slow_link, 0, p.slow_every_us, call(&world::slow_link));
  drive(source::partition, 0, p.block_every_us, call(&world::partition));
  drive(source::crash, 0, p.crash_every_us, call(&world::crash));
  drive(source::damage, 0, p.damage_every_us, call(&world::damage));
  drive(source::churn, 0, p.churn_every_us, call(&world::churn));
  drive(source::verify, 0, p.verify_every_us, [this](const happening& h, random_source& r) {
    const auto node = r.below(plan_.nodes);
    if (!at(node).up())
      return;
    did(h, [&] { return name_of(node) + " is compared with its peers"; });
    shelves_[h.index % shelves_.size()].nodes[node]->verify();
  });
}

std::optional<std::pair<size_t, size_t>> world::draw_link(random_source& r) const {
  const auto a = r.below(plan_.nodes);
  const auto b = r.below(plan_.nodes);
  if (!net_.neighbours(a, b))
    return std::nullopt;
  return std::pair{a, b};
}

void world::cut(const happening& h, random_source& r) {
  const auto link = draw_link(r);
  if (!link)
    return;
  ++seen_[fault::cut];
  did(h, [&] { return name_of(link->first) + "–" + name_of(link->second) + " is cut"; });
  net_.cut(link->first, link->second);
}

void world::flap(size_t a, size_t b, uint64_t until_us, random_source r) {
  if (!loading_ || time_.now() >= until_us)
    return;
  net_.cut(a, b);
  time_.after(r.between(20'000, 600'000), [this, a, b, until_us, r] { flap(a, b, until_us, r); });
}

void world::slow_link(const happening& h, random_source& r) {
  const auto link = draw_link(r);
  if (!link)
    return;
  ++seen_[fault::slow_link];
  const auto from = link->first;
  const auto to = link->second;
  const auto us = r.between(500'000, 8'000'000);
  const auto us_per_byte = r.one_of({10, 100, 1'000}); // 100, 10 and 1 kB/s
  did(h, [&] {
    return name_of(from) + "→" + name_of(to) + " takes " + std::to_string(us_per_byte)
           + " us per byte for " + ms(us);
  });
  net_.slow(from, to, time_.now() + us, us_per_byte);
}

void world::partition(const happening& h, random_source& r) {
  ++seen_[fault::partition];
  std::vector<std::pair<size_t, size_t>> pairs;
  const bool isolate = r.chance(400);
  const auto alone = r.below(plan_.nodes);
  const auto sides = r.next();
  const bool one_way = plan_.one_way_blocks && r.chance(500);
  for (size_t a = 0; a < plan_.nodes; ++a)
    for (size_t b = 0; b < plan_.nodes; ++b) {
      const bool across =
          isolate ? (a == alone) != (b == alone) : ((sides >> a) & 1) != ((sides >> b) & 1);
      if (a != b && across && (!one_way || a < b))
        pairs.emplace_back(a, b);
    }
  const bool cuts = r.chance(500);
  const auto us = r.between(10'000, 5'000'000);
  did(h, [&] {
    std::string text =
        std::string("nothing passes") + (cuts ? " and links end" : "") + " for " + ms(us) + ":";
    for (const auto& [a, b] : pairs)
      text += " " + name_of(a) + "→" + name_of(b);
    return text;
  });
  for (const auto& [a, b] : pairs)
    net_.block(a, b, true);
  for (const auto& [a, b] : pairs)
    if (cuts && a < b)
      net_.cut(a, b);
  time_.after(us, [this, pairs] {
    for (const auto& [a, b] : pairs)
      net_.block(a, b, false);
  });
}

void world::crash(const happening& h, random_source& r) {
  const auto n = r.below(plan_.nodes);
  const auto us = r.between(1'000, 4'000'000);
  auto& node = at(n);
  if (!node.up())
    return;
  const auto how = node.crash(r);
  did(h, [&] { return name_of(n) + " is killed for " + ms(us) + how; });
  node.start_in(us);
}

void world::damage(const happening& h, random_source& r) {
  const auto n = r.below(plan_.nodes);
  const auto us = r.between(1'000, 2'000'000);
  auto& library = shelves_[h.index % shelves_.size()];
  auto& node = *library.nodes[n];
  // Some other member keeps a good copy.
  const bool another =
      std::any_of(library.nodes.begin(), library.nodes.end(), [&](const auto& other) {
        return other.get() != &node && other->ready() && !other->filling()
               && covers(other->summary().held, node.summary().held);
      });
  if (!node.up() || !another)
    return;
  ++seen_[fault::damage];
  did(h, [&] { return name_of(n) + "'s store is damaged, and rebuilt in " + ms(us); });
  node.wipe(r);
  node.start_in(us);
}

// An operator removes a node, at any other; later it is taken back, and begins empty. It may run
// on for a while and write what nobody takes any more.
void world::churn(const happening& h, random_source& r) {
  const auto n = r.below(plan_.nodes);
  const auto runs_on = r.chance(500);
  const auto us = r.between(100'000, 3'000'000);
  const auto it = members_.find(device_of(n));
  if (it == members_.end() || it->second.removed || !changed_.empty() || plan_.nodes < 3)
    return;
  ++seen_[fault::removed];
  did(h, [&] {
    return name_of(n) + " is removed, " + (runs_on ? "runs on" : "stops")
           + ", and is taken back in " + ms(us);
  });
  it->second.removed = true;
  changed_.insert(n);
  if (!runs_on && at(n).up())
    at(n).crash(r);
  at(n).retire(true);
  tell_members();
  time_.after(us, [this, n] {
    if (loading_)
      readmit(n);
  });
}

void world::readmit(size_t node) {
  auto& m = members_[device_of(node)];
  ++m.generation;
  m.removed = false;
  random_source r(plan_.seed, static_cast<uint64_t>(source::churn) << 8 | 0xff, node);
  each_library_of(node, [&](sim_node& n) {
    n.wipe(r);
    n.drop_image(); // the old directory is put aside, and stays there
  });
  at(node).retire(false);
  at(node).start_in(1);
  ++seen_[situation::readmitted];
  changed_.insert(node);
  tell_members();
}

// An operator adds the last node to the set of members that are there, and starts it with that set.
void world::join() {
  const auto last = plan_.nodes - 1;
  if (!is_here(last) || members_.contains(device_of(last)))
    return;
  ++seen_[situation::joined];
  did({source::join, 0, 0}, [&] { return name_of(last) + " is admitted"; });
  members_[device_of(last)] = {};
  changed_.insert(last);
  at(last).start_in(0);
  tell_members();
}

// The operator hands the set to the neighbours of each node it is about. Members that crash may
// forget: the operator looks again.
void world::tell_members() {
  std::erase_if(changed_, [this](size_t n) { return tell_members_of(n); });
  if (telling_ || changed_.empty())
    return;
  telling_ = true;
  time_.after(200'000, [this] {
    telling_ = false;
    tell_members();
  });
}

/// True once all its neighbours that are up know.
bool world::tell_members_of(size_t node) {
  size_t up = 0;
  size_t know = 0;
  for (size_t n = 0; n < plan_.nodes; ++n) {
    if (!net_.neighbours(n, node) || !at(n).up())
      continue;
    each_library_of(n, [&](sim_node& one) {
      ++up;
      auto theirs = one.core().members();
      if (merge(theirs, members_))
        one.admit(members_);
      else
        ++know;
    });
  }
  return up > 0 && know == up && !loading_;
}

} // namespace shoal::sim
