#include "sim/node.hpp"

#include "actors/stored_event.hpp"
#include "sim/later_version.hpp"
#include "sim/workload.hpp"
#include "store/sync/compare.hpp"
#include "store/sync/keys.hpp"

#include <cstdlib>
#include <xxhash.h>

namespace shoal::sim {

size_t index_of(const device_id& d) {
  return (static_cast<size_t>(d.bytes[6]) << 8 | static_cast<size_t>(d.bytes[7])) - 1;
}

/// Streams of random numbers that each node has.
enum class drawn_for : uint64_t {
  starts = 0x30000,
  syncs,
  reads,
  checks,
  clock,
  failing_reads,
  limits
};
static random_source source_of(const surroundings& s, drawn_for what, size_t node) {
  // There is one clock for all libraries.
  const uint64_t library = what == drawn_for::clock ? 0 : s.library;
  return {s.planned.seed, static_cast<uint64_t>(what) | library << 32, node};
}

sim_node::sim_node(surroundings& s, size_t index)
    : around_(s), index_(index), self_(device_of(index)),
      starts_(source_of(s, drawn_for::starts, index)),
      syncs_(source_of(s, drawn_for::syncs, index)), reads_(source_of(s, drawn_for::reads, index)),
      checks_(source_of(s, drawn_for::checks, index)),
      limits_(source_of(s, drawn_for::limits, index)),
      failing_reads_(source_of(s, drawn_for::failing_reads, index)), failing_disk_(disk_, [this] {
        const bool fails = reads_fail() && failing_reads_.chance(50);
        around_.seen[fault::read_failed] += fails;
        return fails;
      }) {
  around_.disks.push_back(&disk_);
  later_ = (s.planned.newer >> index & 1) != 0;
  auto r = source_of(s, drawn_for::clock, index);
  if (around_.planned.skew_ms > 0 || around_.planned.far_ms != 0)
    set_clock(r);
}

void sim_node::start_in(uint64_t us) {
  around_.time.after(us, [this] {
    if (!up() && !retired_ && is_member(around_.members, self_))
      start();
  });
}

void sim_node::start() {
  ++life_;
  started_us_ = around_.time.now();
  if (disk_.of(family::meta).empty()) { // what `shoal init` does
    auto fresh = replica::open(disk_, self_, {});
    kv_transaction txn(disk_);
    if (!(*fresh)->merge_members(txn, around_.members))
      std::abort(); // an empty disk has nothing that could be wrong
    (*fresh)->seal(txn);
    (void)disk_.commit(txn.take());
  }
  auto epoch = next_epoch(disk_, self_, wall_ms(), starts_.next());
  if (!epoch)
    return around_.judge.fail("codec", "a disk image does not open: " + epoch.err().message);
  epoch_ = *epoch;
  if (saboteur_)
    saboteur_->starting(disk_, epoch_);
  if (around_.planned.later_ops && !later_)
    later_ = starts_.chance(200);
  if (around_.planned.later_ops && later_)
    read_later_ops();
  auto opened = replica::open(disk_, self_,
                              {.fresh_epoch = epoch_,
                               .max_quarantined = around_.planned.quarantine_max,
                               .program = later_ ? "a later one" : "this one",
                               .names_known_after = epoch_ % 2 == 0 ? 0U : 1000U,
                               .names_at_once = 1 + epoch_ % 5,
                               .names_idle_groups = epoch_ % 3 == 0 ? 5U : 4096U});
  if (!opened)
    return around_.judge.fail("codec", "a disk image does not open: " + opened.err().message);
  data_ = std::move(*opened);
  accounts_moved_ = true;
  durable_ = data_->summary();
  around_.say(
      [&] { return "n" + std::to_string(index_) + " starts with " + text_of(durable_.held); });

  const auto& p = around_.planned;
  protocol::settings s;
  s.self = self_;
  s.boot_nonce = reads_.next();
  s.is_own_word = [of = around_.library](const statement& st) {
    return st.signature == sign(st, of);
  };
  s.name = "node " + std::to_string(index_);
  s.heartbeat_us = p.heartbeat_us;
  s.prune_us = p.prune_us;
  s.batch_window_us = p.batch_window_us;
  s.ring_bytes = p.ring_bytes;
  s.batch_ops = p.batch_ops;
  s.page_ops = p.batch_ops * 10;
  s.message_timeout_us = 10'000'000;
  s.load_bytes = p.load_bytes;
  s.max_log_entries = p.max_log_entries;
  s.passed_over_after_us = p.passed_over_after_us;
  core_ = std::make_unique<protocol::replicator>(s, 0);
  protocol::stored first;
  fill_in(first, *data_, durable_, true);
  first.members = data_->members();
  for (const auto& [member, st] : data_->statements())
    first.statements.push_back(st);
  step(std::move(first));
  schedule_release();
  for (auto* o : others_)
    if (!o->up())
      o->start();
}

void sim_node::read_later_ops() {
  kv_transaction txn(disk_);
  const auto read = list_held(disk_, nullptr, [&](held_op&& h) {
    if (take_later_kinds(h.bytes))
      put_held(txn, h);
    return true;
  });
  if (!read.ok())
    return around_.judge.fail("codec", "held ops: " + read.err().message);
  (void)disk_.commit(txn.take());
}

bool sim_node::ready() const {
  return up() && core_->state(around_.time.now() - started_us_) == protocol::library_state::ready
         && durable_.held_back.halves == 0; // as the library says it
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

bool sim_node::holds_member(size_t peer) const {
  return up() && is_member(core_->members(), device_of(peer));
}

void sim_node::linked(size_t peer) {
  windows_[peer] = {};
  around_.say(
      [&] { return "n" + std::to_string(index_) + " is linked to n" + std::to_string(peer); });
  step(protocol::link_up{device_of(peer)});
}

void sim_node::unlinked(size_t peer) {
  around_.note(0xd0 + index_ * 16 + peer);
  around_.say([&] { return "n" + std::to_string(index_) + " loses n" + std::to_string(peer); });
  step(protocol::link_down{device_of(peer)});
}

void sim_node::arrived(size_t peer, const frame_ptr& frame) {
  if (!up())
    return;
  around_.note(XXH3_64bits(frame->data(), frame->size()) + around_.time.now());
  auto e = decode_envelope(std::string_view(*frame).substr(4));
  if (!e && e.err().code == ec::unknown_kind)
    return void(++around_.seen[situation::unknown_kind]); // as the shell does
  if (!e)
    return around_.judge.fail("codec", "a frame does not decode: " + e.err().message);
  if (e->library != library_of(around_.library) || e->sender != device_of(peer))
    return around_.judge.fail("crossed", "a frame of " + to_string(e->library) + " and "
                                             + to_string(e->sender) + " came to library "
                                             + std::to_string(around_.library) + " from n"
                                             + std::to_string(peer));
  // As the shell does: to this library, the peer is no member yet. Its Hello is answered, or it
  // would take the session for one that begins.
  if (!others_.empty() && std::holds_alternative<hello>(e->body)
      && !core_->sessions().contains(e->sender)) {
    around_.net.send(index_, peer,
                     encode_frame({library_of(around_.library), self_, wall_ms(),
                                   error_message{"unknown_library", "unknown library"}}),
                     false);
    return;
  }
  hear(peer, e->timestamp_ms, std::move(e->body));
}

void sim_node::hear(size_t peer, uint64_t sent_wall_ms, message body) {
  if (auto* hi = std::get_if<hello>(&body))
    hi->window = std::min(hi->window, around_.planned.window_bytes);
  if (const auto* ack = std::get_if<link_ack>(&body))
    windows_[peer].credited += ack->credit;
  if (auto* r = std::get_if<range_message>(&body)) {
    range_bytes_in_ += r->body.ops.size();
    if (later_ && around_.planned.later_ops)
      (void)take_later_kinds(r->body.ops);
  }
  around_.say([&] {
    return "n" + std::to_string(peer) + "→n" + std::to_string(index_) + " " + text_of(body);
  });
  if (saboteur_ && !saboteur_->arriving(body))
    return;
  step(protocol::received{device_of(peer), sent_wall_ms, wall_ms(), std::move(body)});
}

// ---- effects ----

void sim_node::carry_out(protocol::send& e) {
  const bool is_hello = std::holds_alternative<hello>(e.body);
  const bool first_part = [&] {
    const auto* r = std::get_if<range_message>(&e.body);
    return r && r->body.ops.size() < wire_limits::range_part_bytes / 2 && !r->body.more;
  }();
  // A member that was removed is told so, once, by the set it no longer is in.
  const bool farewell =
      std::holds_alternative<watermark_exchange>(e.body) || std::holds_alternative<goodbye>(e.body);
  const std::string what(to_string(kind_of(e.body)));
  uint64_t cost = 0;
  if (auto* r = std::get_if<range_message>(&e.body)) {
    cost = protocol::cost_of(r->body);
    if (later_ && around_.planned.later_ops)
      put_later_kinds(r->body.ops, [&, of = r->body.stream](uint64_t seq) {
        return is_of_later_kind({of.origin, of.epoch, seq}, around_.planned.newer);
      });
  }
  auto frame = encode_frame({library_of(around_.library), self_, wall_ms(), std::move(e.body)});
  if (later_)
    frame = with_unknown_key(*frame);
  for (const auto& to : e.to) {
    const auto peer = index_of(to);
    if (!farewell && !is_member(core_->members(), to))
      around_.judge.fail("members", text_of(self_) + " sends " + what + " to " + text_of(to)
                                        + ", which it holds no member");
    auto& w = windows_[peer];
    // A range goes out while the window is open; a read that was under way may still come on top:
    // either may be an atomic batch of five edits.
    const auto open = around_.planned.window_bytes + around_.planned.load_bytes
                      + std::min(around_.planned.ring_bytes, wire_limits::range_part_bytes)
                      + 16 * (around_.planned.value_bytes + 400);
    const auto outstanding = w.sent - std::min(w.sent, w.credited);
    if (cost > 0 && first_part && outstanding > open)
      around_.judge.fail("in_flight", std::to_string(outstanding) + " bytes on their way of "
                                          + std::to_string(open));
    w.sent += cost;
    if (later_ && !is_hello && reads_.chance(20))
      around_.net.send(index_, peer, with_unknown_kind(*frame), true);
    around_.net.send(index_, peer, frame, !is_hello);
  }
}

void sim_node::carry_out(protocol::load& e) {
  // The snapshot may be taken at once or late; what it shows is read at one moment either way.
  auto read = [this, e] {
    protocol::loaded answer{e.peer, e.stream, e.from, {}, false, 0};
    const bool may_fail = reads_fail();
    const kv_view& disk = may_fail ? static_cast<const kv_view&>(failing_disk_) : disk_;
    auto parts = read_range(disk, e.stream, e.from, e.max_bytes, e.max_ops);
    if (!parts && !may_fail)
      around_.judge.fail("codec", "read_range: " + parts.err().message);
    answer.failed = !parts;
    if (parts)
      answer.parts = std::move(*parts);
    if (const auto forgotten = forgotten_until(disk_, e.stream))
      answer.deletes_from = *forgotten;
    return answer;
  };
  const bool late = reads_.chance(500);
  auto early = late ? protocol::loaded{} : read();
  around_.time.after(reads_.below(around_.planned.sync_us * 2 + 1),
                     [this, read, late, early = std::move(early), life = life_]() mutable {
                       if (life == life_)
                         step(late ? read() : std::move(early));
                     });
}

void sim_node::carry_out(protocol::close_link& e) { around_.net.cut(index_, index_of(e.peer)); }

void sim_node::carry_out(protocol::sum& e) {
  around_.time.after(reads_.below(around_.planned.sync_us * 2 + 1), [this, e, life = life_] {
    if (life != life_)
      return;
    const bool may_fail = reads_fail();
    const kv_view& disk = may_fail ? static_cast<const kv_view&>(failing_disk_) : disk_;
    auto sums = e.for_peer ? sums_of(disk, e.stream, e.from, e.to, around_.planned.sums_max)
                           : sums_of(disk, e.stream, e.from, e.like);
    if (!sums && may_fail)
      return step(protocol::summed{e.peer, e.stream, e.from, e.to, e.for_peer, {}, true});
    if (!sums)
      return around_.judge.fail("codec", "sums_of: " + sums.err().message);
    step(protocol::summed{e.peer, e.stream, e.from, e.to, e.for_peer, std::move(*sums), false});
  });
}

void sim_node::carry_out(protocol::load_standing& e) {
  around_.time.after(reads_.below(around_.planned.sync_us * 2 + 1), [this, e, life = life_] {
    if (life != life_)
      return;
    const bool may_fail = reads_fail();
    const kv_view& disk = may_fail ? static_cast<const kv_view&>(failing_disk_) : disk_;
    auto parts = read_standing(disk, e.stream, e.from, e.to, around_.planned.load_bytes);
    if (!parts && may_fail)
      return step(protocol::loaded{e.peer, e.stream, e.from, {}, true, 0});
    if (!parts)
      return around_.judge.fail("codec", "read_standing: " + parts.err().message);
    step(protocol::loaded{e.peer, e.stream, e.from, std::move(*parts), false, 0});
  });
}

void sim_node::carry_out(protocol::compared& e) { around_.judge.compared(e.report); }

void sim_node::carry_out(protocol::forged& e) {
  around_.say([&] { return text_of(self_) + " finds altered records of " + text_of(e.owner); });
  if (saboteur_ && saboteur_->caught(e))
    return;
  std::string by;
  for (const auto& peer : e.by)
    by += " " + text_of(peer);
  around_.judge.fail("forged", text_of(self_) + " holds records of " + text_of(e.owner)
                                   + " that it did not sign; relayed by" + by);
}

} // namespace shoal::sim
