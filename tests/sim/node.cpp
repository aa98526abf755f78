#include "tests/sim/node.hpp"

#include "store/sync/compare.hpp"
#include "store/sync/keys.hpp"
#include "tests/sim/workload.hpp"

#include <cstdlib>
#include <xxhash.h>

namespace shoal::sim {

static const library_id library{{'l', 'i', 'b'}};

size_t index_of(const device_id& d) { return static_cast<size_t>(d.bytes[7]) - 1; }

/// Stands for a signature: nobody else can make it without knowing the member.
static std::string sign(const statement& s) {
  const auto bytes = signed_bytes(s, library);
  return keys::u64(XXH3_64bits_withSeed(bytes.data(), bytes.size(), s.member.bytes[7]));
}

static std::string raw(const digest_value& d) { return keys::u64(d.low) + keys::u64(d.high); }

sim_node::sim_node(surroundings& s, size_t index, random_source r)
    : around_(s), index_(index), self_(device_of(index)), random_(r) {
  around_.disks.push_back(&disk_);
  if (around_.planned.skew_ms > 0 || around_.planned.far_ms != 0)
    step_clock();
}

void sim_node::step_clock() {
  const auto most = static_cast<int64_t>(around_.planned.skew_ms);
  offset_ms_ = static_cast<int64_t>(random_.below(2 * around_.planned.skew_ms + 1)) - most;
  if (index_ == around_.planned.far_node && random_.chance(500))
    offset_ms_ += around_.planned.far_ms;
}

void sim_node::set_clock_right() {
  const auto most = static_cast<int64_t>(around_.planned.skew_ms);
  offset_ms_ = std::clamp(offset_ms_, -most, most) + std::max<int64_t>(0, around_.planned.far_ms);
  if (up())
    enqueue(look_at_held{});
}

uint64_t sim_node::bounded_wall_ms() const {
  const auto bounds = core_->bounds();
  const auto mono_ms = (around_.time.now() - started_us_) / 1000;
  return bounds ? bounds->bound(wall_ms(), mono_ms) : wall_ms();
}

uint64_t sim_node::wall_ms() const {
  const auto now = static_cast<int64_t>(around_.time.now());
  const auto ppm = around_.planned.drift_ppm * (index_ % 2 == 0 ? 1 : -1);
  return static_cast<uint64_t>(1'700'000'000'000 + (now + now / 1'000'000 * ppm) / 1000
                               + offset_ms_);
}

void sim_node::start(const member_set& members) {
  ++life_;
  started_us_ = around_.time.now();
  if (disk_.of(family::meta).empty()) { // what `shoal init` does
    auto fresh = replica::open(disk_, self_, {});
    kv_transaction txn(disk_);
    if (!(*fresh)->merge_members(txn, members))
      std::abort(); // an empty disk has nothing that could be wrong
    (*fresh)->seal(txn);
    (void)disk_.commit(txn.take());
  }
  if (epoch_ == 0 || !planted(bug::epoch_reused))
    epoch_ = random_.next() | 1;
  plant_restart();
  auto opened = replica::open(disk_, self_, {.fresh_epoch = epoch_});
  if (!opened)
    return around_.judge.fail("codec", "a disk image does not open: " + opened.err().message);
  data_ = std::move(*opened);
  durable_ = data_->summary();

  const auto& p = around_.planned;
  protocol::settings s;
  s.self = self_;
  s.boot_nonce = random_.next();
  s.name = "node " + std::to_string(index_);
  s.heartbeat_us = p.heartbeat_us;
  s.prune_us = p.prune_us;
  s.batch_window_us = p.batch_window_us;
  s.ring_bytes = p.ring_bytes;
  s.load_bytes = p.load_bytes;
  s.max_log_entries = p.max_log_entries;
  s.passed_over_after_us = p.passed_over_after_us;
  core_ = std::make_unique<protocol::replicator>(s, 0);
  protocol::stored first;
  fill_in(first, true);
  first.members = data_->members();
  for (const auto& [member, st] : data_->statements())
    first.statements.push_back(st);
  step(std::move(first));
  schedule_release();
}

void sim_node::crash(bool restore) {
  if (!up())
    return;
  ++life_;
  around_.note(0xc0 + index_);
  if (unsynced_ && random_.chance(around_.planned.keep_unsynced_permille)) {
    (void)disk_.commit(std::move(unsynced_->batch)); // it was there, but nobody was told
    for (const auto& c : unsynced_->commits)
      around_.judge.durable(c);
  } else if (planted(bug::disk_forgets) || planted(bug::epoch_reused)) {
    disk_ = before_;
  }
  if (has_backup() && (restore || random_.chance(around_.planned.restore_permille))) {
    disk_ = backup_;
    around_.judge.restored(self_, disk_);
  } else if (around_.planned.restore_permille > 0 && random_.chance(500)) {
    backup_ = disk_;
  }
  unsynced_.reset();
  writing_ = false;
  queue_.clear();
  windows_.clear();
  core_.reset();
  data_.reset();
  tick_at_ = 0;
  release_at_ = 0;
  around_.net.cut_all(index_, true);
}

bool sim_node::ready() const {
  return up() && core_->state(around_.time.now() - started_us_) == protocol::library_state::ready;
}

void sim_node::step(protocol::event e) {
  if (!up())
    return;
  const auto now = around_.time.now() - started_us_;
  auto out = core_->step(std::move(e), now);
  const auto life = life_;
  for (auto& effect : out) {
    std::visit([&](auto& x) { carry_out(x); }, effect);
    if (life != life_)
      return;
  }
  schedule_tick();
}

void sim_node::schedule_tick() {
  const auto at = started_us_ + core_->next_tick_us(around_.time.now() - started_us_);
  if (tick_at_ > around_.time.now() && tick_at_ <= at)
    return;
  tick_at_ = at;
  around_.time.at(at, [this, at, life = life_] {
    if (life != life_ || tick_at_ != at)
      return;
    tick_at_ = 0;
    step(protocol::tick{bounded_wall_ms()});
  });
}

void sim_node::schedule_release() {
  const auto due = data_->next_release_ms();
  if (!due || release_at_ != 0)
    return;
  const auto wall = bounded_wall_ms();
  const auto wait_ms = std::clamp<uint64_t>(*due - std::min(*due, wall), 1, 1000); // walls step
  release_at_ = around_.time.now() + wait_ms * 1000;
  around_.time.at(release_at_, [this, life = life_] {
    if (life != life_)
      return;
    release_at_ = 0;
    enqueue(look_at_held{});
  });
}

void sim_node::linked(size_t peer) {
  windows_[peer] = {};
  step(protocol::link_up{device_of(peer)});
}

void sim_node::unlinked(size_t peer) {
  around_.note(0xd0 + index_ * 16 + peer);
  step(protocol::link_down{device_of(peer)});
}

void sim_node::arrived(size_t peer, const frame_ptr& frame) {
  if (!up())
    return;
  around_.note(XXH3_64bits(frame->data(), frame->size()) + around_.time.now());
  auto e = decode_envelope(std::string_view(*frame).substr(4));
  if (!e)
    return around_.judge.fail("codec", "a frame does not decode: " + e.err().message);
  auto body = std::move(e->body);
  if (auto* hi = std::get_if<hello>(&body))
    hi->window = std::min(hi->window, around_.planned.window_bytes);
  if (const auto* ack = std::get_if<link_ack>(&body))
    windows_[peer].credited += ack->credit;
  if (const auto* r = std::get_if<range_message>(&body))
    range_bytes_in_ += r->body.ops.size();
  if (around_.planned.planted != bug::none) {
    if (planted(bug::live_only) && std::holds_alternative<state_request>(body))
      return;
    plant(body);
  }
  step(protocol::received{device_of(peer), e->timestamp_ms, wall_ms(), std::move(body)});
}

// ---- effects ----

void sim_node::carry_out(protocol::send& e) {
  const bool is_hello = std::holds_alternative<hello>(e.body);
  const bool first_part = [&] {
    const auto* r = std::get_if<range_message>(&e.body);
    return r && r->body.ops.size() < wire_limits::range_part_bytes / 2 && !r->body.more;
  }();
  uint64_t cost = 0;
  if (const auto* r = std::get_if<range_message>(&e.body))
    cost = protocol::cost_of(r->body);
  const auto frame = encode_frame({library, self_, wall_ms(), std::move(e.body)});
  for (const auto& to : e.to) {
    const auto peer = index_of(to);
    auto& w = windows_[peer];
    // A range goes out while the window is open; a read that was under way may still come on top.
    const auto open = around_.planned.window_bytes + around_.planned.load_bytes
                      + std::min(around_.planned.ring_bytes, wire_limits::range_part_bytes)
                      + 10 * (around_.planned.value_bytes + 400);
    const auto outstanding = w.sent - std::min(w.sent, w.credited);
    if (cost > 0 && first_part && outstanding > open)
      around_.judge.fail("in_flight", std::to_string(outstanding) + " bytes on their way of "
                                          + std::to_string(open));
    w.sent += cost;
    around_.net.send(index_, peer, frame, !is_hello);
  }
}

void sim_node::carry_out(protocol::load& e) {
  // The snapshot may be taken at once or late; what it shows is read at one moment either way.
  auto read = [this, e] { return read_range(disk_, e.stream, e.from, e.max_bytes); };
  const bool late = random_.chance(500);
  auto early = late ? result<std::vector<range>>(std::vector<range>{}) : read();
  around_.time.after(random_.below(around_.planned.sync_us * 2 + 1),
                     [this, e, read, late, early = std::move(early), life = life_] {
                       if (life != life_)
                         return;
                       auto parts = late ? read() : early;
                       if (!parts)
                         around_.judge.fail("codec", "read_range: " + parts.err().message);
                       protocol::loaded answer{e.peer, e.stream, e.from, {}, !parts};
                       if (parts)
                         answer.parts = std::move(*parts);
                       step(std::move(answer));
                     });
}

void sim_node::carry_out(protocol::close_link& e) { around_.net.cut(index_, index_of(e.peer)); }

void sim_node::carry_out(protocol::sum& e) {
  around_.time.after(random_.below(around_.planned.sync_us * 2 + 1), [this, e, life = life_] {
    if (life != life_)
      return;
    auto sums = e.for_peer ? sums_of(disk_, e.stream, e.from, e.to, around_.planned.sums_max)
                           : sums_of(disk_, e.stream, e.from, e.like);
    if (!sums)
      return around_.judge.fail("codec", "sums_of: " + sums.err().message);
    step(protocol::summed{e.peer, e.stream, e.from, e.to, e.for_peer, std::move(*sums), false});
  });
}

void sim_node::carry_out(protocol::load_standing& e) {
  around_.time.after(random_.below(around_.planned.sync_us * 2 + 1), [this, e, life = life_] {
    if (life != life_)
      return;
    auto parts = read_standing(disk_, e.stream, e.from, e.to, around_.planned.load_bytes);
    if (!parts)
      return around_.judge.fail("codec", "read_standing: " + parts.err().message);
    step(protocol::loaded{e.peer, e.stream, e.from, std::move(*parts), false});
  });
}

void sim_node::carry_out(protocol::compared& e) { around_.judge.compared(e.report); }

// ---- the store's queue ----

void sim_node::write(std::vector<edit> edits) {
  if (up())
    enqueue(client_edit{std::move(edits)});
}

void sim_node::admit(const member_set& members) { enqueue(protocol::fold_members{members}); }

void sim_node::enqueue(request r) {
  if (around_.planned.planted != bug::none && !plant(r))
    return;
  if (const auto* e = std::get_if<protocol::prune>(&r))
    check_prune(*e);
  queue_.push_back(std::move(r));
  if (!writing_)
    begin_group();
}

void sim_node::check_prune(const protocol::prune& e) const {
  std::map<device_id, const sim_store*> disks;
  for (const auto& [device, m] : core_->members())
    if (!core_->passed_over().contains(device))
      disks[device] = around_.disks[index_of(device)];
  around_.judge.pruning(self_, e.stable, disks);
}

void sim_node::begin_group() {
  writing_ = true;
  // What was asked for in this same step waits together.
  around_.time.after(1, [this, life = life_] {
    if (life != life_)
      return;
    group g;
    kv_transaction txn(disk_);
    auto requests = std::move(queue_);
    queue_.clear();
    for (auto& r : requests)
      std::visit([&](auto& x) { run(txn, g, x); }, r);
    if (auto released = data_->release(txn, bounded_wall_ms(), around_.planned.release_max);
        !released)
      around_.judge.fail("codec", "held ops: " + released.err().message);
    if (!txn.empty()) {
      data_->seal(txn);
      g.batch = txn.take();
      g.touched = true;
    }
    g.summary = data_->summary();
    if (planted(bug::ack_before_durable))
      for (const auto& c : g.commits)
        around_.judge.acknowledged(c);
    uint64_t delay = g.touched ? 1 + random_.below(around_.planned.sync_us * 2) : 1;
    if (g.touched && random_.chance(around_.planned.stall_permille))
      delay += random_.below(2'000'000);
    unsynced_ = std::move(g);
    around_.time.after(delay, [this, life_then = life_] {
      if (life_then != life_)
        return;
      auto done = std::move(*unsynced_);
      unsynced_.reset();
      end_group(done);
    });
  });
}

void sim_node::end_group(group& g) {
  if (planted(bug::disk_forgets) || planted(bug::epoch_reused))
    before_ = disk_;
  if (around_.planned.planted != bug::none)
    plant(g.batch);
  (void)disk_.commit(std::move(g.batch));
  for (const auto& c : g.commits) {
    around_.judge.durable(c);
    if (!planted(bug::ack_before_durable))
      around_.judge.acknowledged(c);
  }
  durable_ = std::move(g.summary);
  around_.note(durable_.digest.low ^ hash_of(durable_.held));
  auto& answer = g.answer;
  fill_in(answer, g.state_changed);
  writing_ = false;
  const auto life = life_;
  step(std::move(answer));
  if (life != life_)
    return;
  schedule_release();
  around_.judge.group_done(self_, disk_, durable_, ready(), data_->filling(), random_.chance(15));
  if (!writing_ && !queue_.empty())
    begin_group();
}

void sim_node::run(kv_transaction& txn, group& g, client_edit& r) {
  auto done = data_->commit(txn, r.edits, bounded_wall_ms());
  if (!done) {
    const auto code = done.err().code;
    if (code != ec::not_found && code != ec::missing_field && code != ec::missing_parent
        && code != ec::invalid_field && (code != ec::clock || around_.planned.far_ms == 0))
      around_.judge.fail("refused", "an edit was refused: " + done.err().message);
    return;
  }
  g.answer.local.push_back(done->covered);
  g.commits.push_back(std::move(*done));
}

void sim_node::run(kv_transaction&, group&, look_at_held&) {}

void sim_node::run(kv_transaction& txn, group& g, protocol::apply& r) {
  const auto& first = r.parts.front();
  protocol::apply_result out;
  out.peer = r.peer;
  out.stream = first.stream;
  out.from = first.from;
  out.to = first.to;
  out.cost = r.cost;
  auto done = data_->apply(txn, r.parts, bounded_wall_ms());
  if (!done) {
    around_.judge.fail("refused", "a range was refused: " + done.err().message);
    out.what = protocol::outcome::refused;
    out.why = done.err().message;
  } else {
    switch (*done) {
    case applied_as::applied: out.what = protocol::outcome::applied; break;
    case applied_as::duplicate: out.what = protocol::outcome::duplicate; break;
    case applied_as::gap: out.what = protocol::outcome::gap; break;
    }
    range whole = first;
    whole.more = false;
    bool complete = true;
    for (const auto& part : r.parts) {
      complete = complete && part.log_complete && part.until.empty();
      if (&part != &first) {
        whole.ops += part.ops;
        whole.count += part.count;
      }
    }
    if (complete)
      out.relay = std::move(whole);
  }
  g.answer.applied.push_back(std::move(out));
}

void sim_node::run(kv_transaction& txn, group& g, protocol::fold_members& r) {
  if (const auto changed = data_->merge_members(txn, r.members); changed && *changed)
    g.answer.members = data_->members();
}

void sim_node::run(kv_transaction& txn, group& g, protocol::keep_statement& r) {
  if (r.what.signature != sign(r.what))
    return around_.judge.fail("codec", "a statement's signature does not hold");
  if (data_->keep_statement(txn, r.what))
    g.answer.statements.push_back(r.what);
}

void sim_node::run(kv_transaction& txn, group& g, protocol::make_statement&) {
  auto s = data_->next_statement();
  if (!s)
    return;
  s->signature = sign(*s);
  if (data_->keep_statement(txn, *s))
    g.answer.statements.push_back(*s);
}

void sim_node::run(kv_transaction& txn, group&, protocol::prune& r) {
  auto removed = data_->prune(txn, r.stable, around_.planned.prune_max);
  if (!removed)
    return around_.judge.fail("refused", "prune: " + removed.err().message);
  if (*removed >= around_.planned.prune_max)
    queue_.push_back(std::move(r)); // the rest with the next group
}

void sim_node::run(kv_transaction& txn, group& g, protocol::prune_marks& r) {
  const auto wall = bounded_wall_ms();
  const auto before = wall - std::min(wall, around_.planned.min_tombstone_ms);
  auto dropped = data_->prune_marks(txn, r.stable, before, 100);
  if (!dropped)
    return around_.judge.fail("refused", "prune_marks: " + dropped.err().message);
  g.state_changed |= *dropped > 0;
  around_.judge.marks_dropped(*dropped);
  auto dead = data_->buried(txn, r.stable, before, 50);
  if (!dead)
    return around_.judge.fail("refused", "buried: " + dead.err().message);
  if (!dead->empty()) {
    client_edit e{std::move(*dead)};
    run(txn, g, e);
  }
}

void sim_node::run(kv_transaction& txn, group& g, protocol::repair& r) {
  const auto& first = r.parts.front();
  auto changed = data_->repair(txn, r.parts, r.adopt, bounded_wall_ms());
  if (!changed)
    around_.judge.fail("refused", "repair: " + changed.err().message);
  g.answer.repairs.push_back(
      {r.peer, first.stream, first.from, first.to, r.cost, changed ? *changed : 0, !changed});
}

void sim_node::run(kv_transaction& txn, group& g, protocol::keep_state& r) {
  if (r.filled)
    data_->set_filled(txn);
  if (r.change_resync)
    data_->set_resync(txn, r.resync);
  data_->raise_deletes_from(txn, r.deletes_from);
  data_->lower_until(txn, r.lost);
  if (!r.lost.empty())
    around_.judge.lost();
  if (r.passed_over && r.passed_over->second != 0)
    around_.judge.passed_over();
  if (r.passed_over)
    data_->set_passed_over(txn, r.passed_over->first,
                           r.passed_over->second == 0 ? std::nullopt
                                                      : std::optional(r.passed_over->second));
  g.state_changed = true;
}

/// What the store says of itself after a group.
void sim_node::fill_in(protocol::stored& answer, bool with_state) const {
  answer.held = durable_.held;
  answer.settled = durable_.settled;
  answer.log_entries = durable_.log_entries;
  answer.oldest_log_ms = durable_.oldest_log_ms;
  answer.digest = raw(durable_.digest);
  answer.quarantine = durable_.held_back.hash;
  for (const auto& [model, n] : durable_.records)
    answer.records += static_cast<uint64_t>(std::max<int64_t>(n, 0));
  if (!durable_.settled)
    answer.until = data_->until();
  if (with_state)
    answer.state = protocol::durable_state{data_->deletes_from(), data_->filling(), data_->resync(),
                                           data_->passed_over()};
}

} // namespace shoal::sim
