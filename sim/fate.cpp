// What becomes of a node from outside: its clock, its disk, its end and its return. The libraries
// of one node share all of it.

#include "sim/node.hpp"

#include <algorithm>

namespace shoal::sim {

void sim_node::step_clock(random_source& r) {
  for (auto* o : others_) {
    auto same = r;
    o->set_clock(same);
  }
  set_clock(r);
}

void sim_node::set_clock(random_source& r) {
  const auto most = static_cast<int64_t>(around_.planned.skew_ms);
  frozen_ms_.reset();
  offset_ms_ = static_cast<int64_t>(r.below(2 * around_.planned.skew_ms + 1)) - most;
  if (index_ == around_.planned.far_node && r.chance(500)) {
    offset_ms_ += around_.planned.far_ms;
  } else if (r.chance(around_.planned.freeze_permille)) {
    frozen_ms_ = wall_ms();
    ++around_.seen[fault::clock_frozen];
  }
}

std::string sim_node::clock_text() const {
  return (offset_ms_ < 0 ? "" : "+") + std::to_string(offset_ms_) + " ms"
         + (frozen_ms_ ? " and stands still" : "");
}

void sim_node::heal() {
  const auto most = static_cast<int64_t>(around_.planned.skew_ms);
  frozen_ms_.reset();
  offset_ms_ = std::clamp(offset_ms_, -most, most) + std::max<int64_t>(0, around_.planned.far_ms);
  failing_sync_.reset();
  failing_reads_until_us_ = 0;
  full_until_us_ = 0;
  retired_ = false;
  if (up())
    enqueue(look_at_held{});
}

void sim_node::fail_reads(uint64_t until_us, random_source& r) {
  failing_reads_until_us_ = until_us;
  failing_reads_ = r;
  for (auto* o : others_)
    o->failing_reads_until_us_ = until_us;
}

void sim_node::fill_disk(uint64_t until_us) {
  full_until_us_ = until_us;
  for (auto* o : others_)
    o->full_until_us_ = until_us;
}

void sim_node::retire(bool on) {
  retired_ = on;
  for (auto* o : others_)
    o->retired_ = on;
}

uint64_t sim_node::bounded_wall_ms() const {
  const auto bounds = core_->bounds();
  const auto mono_ms = (around_.time.now() - started_us_) / 1000;
  return bounds ? bounds->bound(wall_ms(), mono_ms) : wall_ms();
}

uint64_t sim_node::wall_ms() const {
  const auto now = static_cast<int64_t>(around_.time.now());
  const auto ppm = around_.planned.drift_ppm * (index_ % 2 == 0 ? 1 : -1);
  const auto right = 1'700'000'000'000 + (now + now / 1'000'000 * ppm) / 1000;
  const auto goes = static_cast<uint64_t>(right + offset_ms_);
  if (!frozen_ms_)
    return goes;
  // No further behind than clocks ever are: marks of deletes are kept for as long.
  return std::clamp(*frozen_ms_, static_cast<uint64_t>(right) - around_.planned.skew_ms, goes);
}

void sim_node::upgrade() {
  if (later_)
    return;
  later_ = true;
  for (auto* o : others_)
    o->later_ = true;
  if (!up())
    return;
  die(starts_);
  start();
}

bool sim_node::die(random_source& r) {
  const bool kept = die_alone(r);
  for (auto* o : others_)
    if (o->up())
      (void)o->die_alone(r);
  return kept;
}

bool sim_node::die_alone(random_source& r) {
  ++life_;
  around_.note(0xc0 + index_);
  const bool kept = unsynced_ && r.chance(around_.planned.keep_unsynced_permille);
  if (unsynced_)
    ++around_.seen[kept ? situation::crash_mid_sync : situation::group_lost];
  if (kept) {
    write(unsynced_->batch); // it was there, but nobody was told
    for (const auto& c : unsynced_->commits)
      around_.judge.durable(c);
  }
  if (saboteur_)
    saboteur_->crashed(disk_, kept);
  unsynced_.reset();
  writing_ = false;
  queue_.clear();
  windows_.clear();
  core_.reset();
  data_.reset();
  tick_at_ = 0;
  release_at_ = 0;
  around_.net.cut_all(index_, true);
  return kept;
}

std::string sim_node::crash(random_source& r) {
  if (!up())
    return {};
  ++around_.seen[fault::crash];
  const bool mid_sync = unsynced_.has_value();
  std::string how = die(r) ? ", the last group is on disk" : mid_sync ? ", a group is lost" : "";
  how += find_disk(r);
  for (auto* o : others_)
    (void)o->find_disk(r);
  return how;
}

std::string sim_node::find_disk(random_source& r) {
  const auto& p = around_.planned;
  const bool back = r.chance(p.restore_permille);
  const bool take = r.chance(500);
  const bool cut = r.chance(p.lose_tail_permille);
  const auto groups = r.between(1, 5);
  if (has_image() && back) {
    put_image_back();
    return ", and an older disk is back";
  }
  if (p.restore_permille > 0 && take)
    take_image();
  if (!cut || undo_.empty())
    return {};
  for (uint64_t i = 0; i < groups && !undo_.empty(); ++i) {
    (void)disk_.commit(undo_.back());
    undo_.pop_back();
  }
  around_.judge.restored(self_, disk_);
  ++around_.seen[fault::tail_lost];
  return ", and the newest groups are missing";
}

void sim_node::wipe(random_source& r) {
  if (up())
    die(r);
  disk_ = {};
  undo_.clear();
  around_.judge.restored(self_, disk_);
}

void sim_node::restore() {
  random_source r(around_.planned.seed, static_cast<uint64_t>(source::old_copy) << 8, 1);
  die(r);
  put_image_back();
  for (auto* o : others_)
    if (o->has_image())
      o->put_image_back();
  start();
}

void sim_node::put_image_back() {
  disk_ = image_;
  undo_.clear();
  around_.judge.restored(self_, disk_);
  ++around_.seen[fault::old_copy];
}

} // namespace shoal::sim
