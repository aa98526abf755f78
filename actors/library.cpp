// What the API sees of a library. The actor is in library_loop.cpp.

#include "actors/library.hpp"

#include "actors/alarms.hpp"
#include "actors/closed_library.hpp"
#include "config/limits.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace shoal {

library_core::library_core(library_setup setup)
    : setup_(std::move(setup)), store_(setup_.store), restored_(setup_.restored),
      paused_(setup_.paused) {
  protocol_ = std::make_unique<protocol::replicator>(setup_.protocol, setup_.time.mono_us());
  setup_.store = nullptr; // the one that close() lets go of is store_
}

protocol::effects library_core::take_stored(protocol::stored first) {
  const std::lock_guard guard(mutex_);
  return protocol_->step(std::move(first), setup_.time.mono_us());
}

void library_core::connect(caf::actor actor, store_writer_actor writer) {
  const std::lock_guard guard(mutex_);
  actor_ = std::move(actor);
  writer_ = std::move(writer);
}

void library_core::close(std::string reason) {
  {
    const std::lock_guard guard(mutex_);
    refusal_ = std::move(reason);
    actor_ = nullptr;
    writer_ = nullptr;
    store_ = nullptr;
  }
  bell_->ring();
}

void library_core::refuse_writes(std::string reason) {
  const std::lock_guard guard(mutex_);
  refusal_ = std::move(reason);
}

std::shared_ptr<const kv_view> library_core::snapshot() const {
  std::shared_ptr<kv_store> store;
  {
    const std::lock_guard guard(mutex_);
    if (!store_)
      return no_view({ec::unavailable, refusal_});
    store = store_;
  }
  return store->snapshot(); // which may wait for the disk: nobody else waits with it
}

template <class Message>
bool library_core::to_actor(Message m) {
  const std::lock_guard guard(mutex_);
  if (actor_)
    caf::anon_send(actor_, std::move(m));
  return actor_ != nullptr;
}

void library_core::store(job what) {
  const std::lock_guard guard(mutex_);
  if (writer_)
    caf::anon_send(writer_, store_job{std::make_shared<job>(std::move(what))});
}

static error is_closed(const std::string& name) {
  return {ec::unavailable, "library " + name + " is closed"};
}

void library_core::publish(const replica_summary& made, uint64_t newest_stamp_ms) {
  {
    const std::lock_guard guard(mutex_);
    summary_ = made;
    newest_stamp_ms_ = newest_stamp_ms;
  }
  bell_->ring();
}

member_set library_core::members() const {
  const std::lock_guard guard(mutex_);
  return protocol_->members();
}

frontier library_core::now() const {
  const std::lock_guard guard(mutex_);
  return summary_.held;
}

folded_frontier library_core::folded_now() const {
  const std::lock_guard guard(mutex_);
  return fold(summary_.held, protocol_->ended());
}

void library_core::write(std::vector<edit> edits, std::optional<api::idempotency> once,
                         api::callback<api::write_answer> done) {
  write_job w;
  w.edits = std::move(edits);
  if (once)
    w.once = once_key{std::move(once->key), once->request_hash};
  w.done = std::move(done);
  w.asked_us = setup_.time.mono_us();
  if (const auto room = setup_.disk->check(); !room)
    return w.done(room.err());
  std::string refusal;
  {
    const std::lock_guard guard(mutex_);
    refusal = refusal_;
    if (refusal.empty()) {
      caf::anon_send(writer_, store_job{std::make_shared<job>(std::move(w))});
      return;
    }
  }
  w.done(error{ec::unavailable, std::move(refusal)});
}

void library_core::flush(api::callback<nothing> done) { store(members_job{{}, std::move(done)}); }

void library_core::wait(frontier what, std::vector<device_id> devices, size_t needed,
                        uint64_t timeout_ms, api::callback<api::wait_answer> done) {
  auto w = std::make_shared<wait_job>();
  w->what = std::move(what);
  w->so_far.missing = std::move(devices);
  w->needed = needed;
  w->deadline_us = setup_.time.mono_us() + timeout_ms * 1000;
  w->done = std::move(done);
  if (!to_actor(wait_request{w}))
    w->done(is_closed(setup_.name));
}

void library_core::add_member(device_id device, std::string address, std::string name, bool readmit,
                              api::callback<nothing> done) {
  member_change c;
  c.device = device;
  c.address = std::move(address);
  c.name = std::move(name);
  c.readmit = readmit;
  c.done = std::make_shared<api::callback<nothing>>(std::move(done));
  const auto answer = c.done;
  if (!to_actor(std::move(c)))
    (*answer)(is_closed(setup_.name));
}

void library_core::remove_member(device_id device, bool purge, api::callback<nothing> done) {
  member_change c;
  c.device = device;
  c.remove = true;
  c.purge = purge;
  c.done = std::make_shared<api::callback<nothing>>(std::move(done));
  const auto answer = c.done;
  if (!to_actor(std::move(c)))
    (*answer)(is_closed(setup_.name));
}

void library_core::remove_self(api::callback<nothing> done) {
  member_change c;
  c.device = setup_.protocol.self;
  c.remove = c.leave = true;
  c.done = std::make_shared<api::callback<nothing>>(std::move(done));
  const auto answer = c.done;
  if (!to_actor(std::move(c)))
    (*answer)(is_closed(setup_.name));
}

void library_core::sync_now() { caf::anon_send(setup_.node, dial_now{}); }

void library_core::prune(api::callback<api::prune_answer> done) {
  const auto answer = std::make_shared<api::callback<api::prune_answer>>(std::move(done));
  if (!to_actor(prune_request{answer}))
    (*answer)(is_closed(setup_.name));
}

void library_core::verify(bool repair, api::callback<api::verify_answer> done) {
  const auto answer = std::make_shared<api::callback<api::verify_answer>>(std::move(done));
  if (!to_actor(verify_request{repair, answer}))
    (*answer)(is_closed(setup_.name));
}

void library_core::retry_held(std::optional<dot> which, api::callback<api::retry_answer> done) {
  store(retry_job{which, std::move(done)});
}

void library_core::release_held(dot which, api::callback<api::release_answer> done) {
  store(release_job{which, std::move(done)});
}

void library_core::hide_held(dot which, api::callback<nothing> done) {
  store(hide_job{which, std::move(done)});
}

uint64_t library_core::bounded(uint64_t wall) const {
  const std::lock_guard guard(bounds_mutex_);
  return wall_bounds_ ? wall_bounds_->bound(wall, setup_.time.mono_us() / 1000) : wall;
}

uint64_t library_core::bounded_wall_ms() const { return bounded(setup_.time.wall_ms()); }

double library_core::hlc_drift_seconds() const {
  const std::lock_guard guard(mutex_);
  const auto wall = setup_.time.wall_ms();
  return newest_stamp_ms_ > wall ? static_cast<double>(newest_stamp_ms_ - wall) / 1000 : 0.0;
}

std::vector<api::op_trace> library_core::trace(const frontier& what) const {
  const std::lock_guard guard(mutex_);
  std::vector<api::op_trace> out;
  for (const auto& [stream, seq] : what) {
    auto t = times_.trace(stream, seq);
    std::erase_if(t.members,
                  [&](const auto& m) { return !is_member(protocol_->members(), m.device); });
    bool told = t.durable_ms.has_value();
    for (const auto& member : protocol_->members()) {
      const device_id device = member.first;
      if (member.second.removed || device == setup_.protocol.self)
        continue;
      auto it = std::find_if(t.members.begin(), t.members.end(),
                             [&](const auto& known) { return known.device == device; });
      if (it == t.members.end())
        it = t.members.insert(it, {device, std::nullopt, std::nullopt, false});
      it->holds = device == stream.origin || seq_of(protocol_->held_by(device), stream) >= seq;
      told |= !it->holds;
    }
    if (told)
      out.push_back(std::move(t));
  }
  return out;
}

void library_core::set_models(uint64_t hash) {
  const std::lock_guard guard(mutex_);
  protocol_->set_models(hash);
}

static uint64_t lacking(const frontier& has, const frontier& of) {
  uint64_t sum = 0;
  for (const auto& [stream, seq] : of)
    sum += seq - std::min(seq, seq_of(has, stream));
  return sum;
}

static void show_dials(api::member_status& out, const dial_board::line& l, uint64_t wall_ms) {
  out.breaker = "closed";
  if (out.connected || out.removed)
    return;
  out.failures = l.failures;
  out.next_try_ms = l.next_ms;
  out.rests_until_ms = l.rests_until_ms > wall_ms ? l.rests_until_ms : 0;
  if (l.failures >= limits::breaker_opens_after)
    out.breaker = l.dialling ? "half_open" : "open";
  if (out.last_error.empty() || l.failures > 0)
    out.last_error = l.error.empty() ? out.last_error : l.error;
}

api::library_status library_core::status() const {
  auto read_only = setup_.disk->alarm(); // not under the mutex: it asks the disk
  const std::lock_guard guard(mutex_);
  const auto now = setup_.time.mono_us();
  api::library_status s;
  s.id = setup_.id;
  s.name = setup_.name;
  s.sync = setup_.sync;
  s.state = protocol::to_string(protocol_->state(now));
  s.why = protocol_->not_converged();
  s.restored = restored_;
  const auto own = protocol_->members().find(setup_.protocol.self);
  if (own != protocol_->members().end() && own->second.removed) {
    s.state = "removed";
    s.why = "this device was removed; `shoal member add … --readmit` on a member takes it back";
  } else if (s.state == "uninitialized" && own == protocol_->members().end()) {
    s.why = "no member has added this device yet; `shoal member add` there does";
  }
  if (const auto halves = summary_.held_back.halves; halves > 0 && s.state == "ready") {
    s.state = "catching_up";
    s.why = std::to_string(halves)
            + " ops are held of atomic batches whose others show; they merge in their time, or "
              "see `shoal deadletter LIB list`, release and drop";
  }
  if (paused_) {
    s.state = "paused";
    s.why = "paused by command; `shoal resume` goes on";
  }
  if (s.why.empty() && protocol_->held() != summary_.held)
    s.why = "just written, and not with the other members yet";
  s.converged = s.why.empty();
  s.log_entries = summary_.log_entries;
  if (s.log_entries > 0)
    s.log_held_by = protocol_->holding_back();
  s.tombstones = summary_.tombstones;
  s.settled = summary_.settled;
  s.digest = to_string(summary_.digest);
  s.held = summary_.held;
  for (const auto& [model, n] : summary_.records)
    if (n > 0)
      s.records[model] = static_cast<uint64_t>(n);
  const auto& waiting = summary_.held_back;
  s.deadletters = waiting.quarantined + waiting.unmergeable - waiting.hidden;
  s.conflicts = summary_.conflicts;
  const auto wall = setup_.time.wall_ms();
  std::vector<std::string> full;
  for (const auto& [device, f] : protocol_->full()) {
    const auto m = protocol_->members().find(device);
    s.quarantine_full.push_back(device);
    full.push_back(m == protocol_->members().end() || m->second.name.empty() ? to_string(device)
                                                                             : m->second.name);
  }
  s.alarms = clock_alarms({.wall_ms = wall,
                           .bounded_wall_ms = bounded(wall),
                           .newest_stamp_ms = newest_stamp_ms_,
                           .max_drift_ms = setup_.protocol.max_drift_ms,
                           .quarantined = waiting.quarantined,
                           .unmergeable = waiting.unmergeable,
                           .full = std::move(full)});
  for (const auto& [until_us, text] : forged_)
    if (setup_.time.mono_us() < until_us)
      s.alarms.push_back(text);
  s.read_only = std::move(read_only);
  uint64_t missing = 0;
  for (const auto& [device, m] : protocol_->members()) {
    if (device == setup_.protocol.self)
      continue;
    api::member_status out;
    out.device = device;
    out.name = m.name;
    out.address = m.address;
    out.removed = m.removed;
    const auto held = protocol_->held_by(device);
    out.behind_in = lacking(s.held, held);
    out.behind_out = lacking(held, s.held);
    missing = std::max(missing, out.behind_in);
    const auto session = protocol_->sessions().find(device);
    bool stale = false;
    if (session != protocol_->sessions().end()
        && session->second.state == protocol::session_state::live) {
      out.connected = true;
      stale = session->second.stale;
      if (const auto models = session->second.models; models != 0)
        out.models = models == protocol_->models() ? "same" : "differ";
      if (session->second.rtt_us)
        out.rtt_ms = static_cast<double>(*session->second.rtt_us) / 1000;
      if (session->second.clock_offset_ms)
        out.clock_offset_ms = static_cast<double>(*session->second.clock_offset_ms);
    }
    if (const auto note = notes_.find(device); note != notes_.end()) {
      out.last_seen_ms = note->second.last_seen_ms;
      out.last_error = note->second.last_error;
    }
    out.state = m.removed                                   ? "removed"
                : protocol_->passed_over().contains(device) ? "needs_snapshot"
                : !out.connected ? (out.last_seen_ms == 0 && held.empty() ? "never_seen" : "down")
                : stale          ? "stale"
                : out.behind_in + out.behind_out == 0 ? "synced"
                                                      : "catching_up";
    show_dials(out, setup_.dials->get(device), wall);
    s.members.push_back(std::move(out));
  }
  if (const auto fill = protocol_->filling_from(); fill && s.state == "backfilling") {
    s.progress = fill->progress;
    s.source = fill->peer;
    if (fill->eta_us)
      s.eta_seconds = static_cast<double>(*fill->eta_us) / 1e6;
  }
  if (s.state == "catching_up") {
    uint64_t here = 0;
    for (const auto& [stream, seq] : s.held)
      here += seq;
    s.progress =
        here + missing == 0 ? 1.0 : static_cast<double>(here) / static_cast<double>(here + missing);
  }
  return s;
}

} // namespace shoal
