#include "actors/library_loop.hpp"
#include "actors/log_about.hpp"

#include "config/limits.hpp"
#include "messages/shown.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace shoal {

caf::behavior library_actor(caf::event_based_actor* self, std::shared_ptr<library_core> core) {
  auto loop = std::make_shared<library_loop>(self, std::move(core));
  return {
      [=](library_opened& x) { loop->on(x); },   [=](group_stored& x) { loop->on(x); },
      [=](protocol::loaded& x) { loop->on(x); }, [=](session_up& x) { loop->on(x); },
      [=](session_down& x) { loop->on(x); },     [=](inbound& x) { loop->on(x); },
      [=](wait_request& x) { loop->on(x); },     [=](member_change& x) { loop->on(x); },
      [=](prune_request& x) { loop->on(x); },    [=](library_tick& x) { loop->on(x); },
      [=](stop_library& x) { loop->on(x); },     [=](protocol::summed& x) { loop->on(x); },
      [=](verify_request& x) { loop->on(x); },   [=](store_verified& x) { loop->on(x); },
      [=](pause_library& x) { loop->on(x); },    [](const pulse&) {},
  };
}

void library_loop::step(protocol::event e) {
  protocol::effects effects;
  std::optional<device_id> heard;
  if (const auto* r = std::get_if<protocol::received>(&e))
    heard = r->peer;
  {
    const std::lock_guard guard(core_->mutex_);
    effects = core_->protocol_->step(std::move(e), setup_.time.mono_us());
  }
  follow(effects, heard);
}

void library_loop::follow(protocol::effects& effects, const std::optional<device_id>& heard) {
  for (auto& effect : effects)
    std::visit([&](auto& x) { carry_out(x); }, effect);
  for (auto& [peer, frames] : outbox_)
    if (const auto it = links_.find(peer); it != links_.end())
      self_->send(it->second.actor, transport::frames_out{std::move(frames)});
  outbox_.clear();
  note_sessions();
  check_broadcasts();
  check_waits(heard);
  check_verified();
  consider_end();
  if (!ended_)
    arm();
}

void library_loop::carry_out(protocol::send& s) {
  uint64_t ops = 0;
  if (const auto* r = std::get_if<range_message>(&s.body)) {
    ops = r->body.count;
    const std::lock_guard guard(core_->mutex_);
    for (const auto& peer : s.to)
      core_->times_.peers[peer].sent.note(r->body.stream, r->body.from, r->body.to,
                                          setup_.time.wall_ms());
  }
  const auto frame =
      encode_frame({setup_.id, setup_.protocol.self, setup_.time.wall_ms(), std::move(s.body)});
  const auto peers = static_cast<double>(s.to.size());
  if (ops > 0)
    setup_.counted.ops_sent->Increment(static_cast<double>(ops) * peers);
  setup_.counted.bytes_sent->Increment(static_cast<double>(frame->size()) * peers);
  for (const auto& peer : s.to)
    outbox_[peer].push_back(frame);
}

void library_loop::carry_out(protocol::load& l) { read(l); }

void library_loop::commit(job what) { core_->store(std::move(what)); }

void library_loop::carry_out(protocol::apply& a) {
  commit(apply_job{std::move(a), setup_.time.mono_us()});
}

/// A peer that comes and goes all the time must not fill the disk with lines about it.
bool library_loop::may_say(const device_id& peer) {
  return lines_[peer].permits(setup_.time.mono_us(), limits::peer_line_ms * 1000,
                              limits::peer_lines_at_once);
}

void library_loop::carry_out(protocol::close_link& c) {
  if (may_say(c.peer))
    about("library", {{"library", to_string(setup_.id)}, {"peer", to_string(c.peer)}})
        ->warn("{}: closing the link to {}: {}", setup_.name, to_string(c.peer), c.reason);
  if (const auto it = links_.find(c.peer); it != links_.end()) {
    self_->send(setup_.node, drop_peer{c.peer, it->second.number, c.reason, c.breach, c.hearsay});
    end_session(c.peer, c.reason);
  }
}

void library_loop::carry_out(protocol::fold_members& f) {
  auto folded = core_->members();
  if (merge(folded, f.members)) // nothing new costs no write
    commit(members_job{std::move(f.members), {}});
}

void library_loop::carry_out(protocol::keep_statement& k) {
  const auto& s = k.what;
  if (!links_.contains(k.peer))
    return; // cut off for the one before
  if (transport::identity::device_of(s.public_key) != s.member
      || !transport::identity::verify(s.public_key, signed_bytes(s, setup_.id), s.signature)) {
    protocol::close_link close{
        k.peer, "a statement of " + to_string(s.member) + " with a wrong signature", true};
    carry_out(close);
    step(protocol::link_down{k.peer});
    return;
  }
  commit(keep_statement_job{std::move(k.what)});
}

void library_loop::carry_out(protocol::make_statement&) { commit(make_statement_job{}); }

void library_loop::carry_out(protocol::prune& p) { commit(prune_job{std::move(p.stable), {}}); }

/// Sees to it that a tick comes when the protocol or a waiting client wants one.
void library_loop::arm() {
  const auto now = setup_.time.mono_us();
  uint64_t next = 0;
  {
    const std::lock_guard guard(core_->mutex_);
    next = core_->protocol_->next_tick_us(now);
  }
  for (const auto& w : waits_)
    next = std::min(next, std::max(w->deadline_us, now + 1000));
  if (ending_)
    next = std::min(next, std::max(ending_->until_us, now + 1000));
  if (armed_us_ != 0 && armed_us_ <= next)
    return;
  armed_us_ = next;
  self_->delayed_send(self_, std::chrono::microseconds(next - std::min(next, now)),
                      library_tick{++generation_});
}

void library_loop::on(library_tick& t) {
  if (t.generation != generation_)
    return; // an earlier one took its place
  armed_us_ = 0;
  step(protocol::tick{core_->bounded_wall_ms()});
}

void library_loop::on(library_opened& o) {
  follow(*o.asked, {});
  note_made_up();
  self_->send(setup_.node, members_changed{setup_.id, core_->members()});
}

void library_loop::on(group_stored& g) {
  const bool linked = !links_.empty();
  // While a peer is far behind there is nothing to measure; the newest would only pile up.
  if (linked)
    for (const auto& r : g.what->local)
      if (broadcasts_.size() < broadcasts_measured)
        broadcasts_.push_back({r.stream, r.to, g.synced_us});
  note_stored(*g.what);
  log_stored(*g.what);
  const auto members = g.what->members;
  step(std::move(*g.what));
  note_made_up();
  if (!members || ended_)
    return;
  drop_strangers();
  self_->send(setup_.node, members_changed{setup_.id, *members});
}

/// For traces.
void library_loop::note_stored(const protocol::stored& s) {
  const auto now = setup_.time.wall_ms();
  const std::lock_guard guard(core_->mutex_);
  for (const auto& r : s.local)
    core_->times_.durable.note(r.stream, r.from, r.to, now);
  for (const auto& a : s.applied)
    if (a.what == protocol::outcome::applied)
      core_->times_.durable.note(a.stream, a.from, a.to, now);
}

void library_loop::on(session_up& s) {
  links_[s.peer] = {s.number, s.link};
  {
    const std::lock_guard guard(core_->mutex_);
    core_->notes_[s.peer].last_error.clear(); // of the link before
  }
  if (!paused_ && !ended_)
    step(protocol::link_up{s.peer});
}

void library_loop::end_session(const device_id& peer, const std::string& reason) {
  links_.erase(peer);
  const std::lock_guard guard(core_->mutex_);
  core_->notes_[peer].last_error = reason;
}

void library_loop::on(session_down& s) {
  const auto it = links_.find(s.peer);
  if (it == links_.end() || it->second.number != s.number)
    return;
  end_session(s.peer, s.reason);
  step(protocol::link_down{s.peer});
  bound_wall();
}

void library_loop::on(inbound& in) {
  const auto it = links_.find(in.peer);
  if (it == links_.end()) {
    if (std::holds_alternative<hello>(*in.body)) // not a member: as if the library were not here
      self_->send(in.link, transport::frames_out{{encode_frame(
                               {setup_.id, setup_.protocol.self, setup_.time.wall_ms(),
                                error_message{"unknown_library", "unknown library"}})}});
    return;
  }
  if (it->second.number != in.number || ended_)
    return; // from a connection that was replaced
  if (paused_) {
    if (std::holds_alternative<hello>(*in.body))
      self_->send(in.link, transport::frames_out{
                               {encode_frame({setup_.id, setup_.protocol.self,
                                              setup_.time.wall_ms(), goodbye{"paused"}})}});
    return;
  }
  {
    const std::lock_guard guard(core_->mutex_);
    core_->notes_[in.peer].last_seen_ms = in.wall_ms;
    if (const auto* r = std::get_if<range_message>(in.body.get()))
      core_->times_.received.note(r->body.stream, r->body.from, r->body.to, in.wall_ms);
    else if (const auto* ack = std::get_if<link_ack>(in.body.get()))
      for (const auto& [stream, seq] : ack->held)
        core_->times_.peers[in.peer].durable.note(
            stream, core_->protocol_->acked_by(in.peer, stream), seq, in.wall_ms);
  }
  setup_.counted.bytes_received->Increment(static_cast<double>(in.bytes));
  if (const auto* r = std::get_if<range_message>(in.body.get()))
    setup_.counted.ops_received->Increment(r->body.count);
  if (const auto* h = std::get_if<hello>(in.body.get())) {
    note_models(in.peer, *h);
    note_restored(in.peer, h->held);
  }
  if (const auto* bye = std::get_if<goodbye>(in.body.get())) {
    told_ |= bye->reason == protocol::no_longer_a_member;
    const std::lock_guard guard(core_->mutex_);
    core_->notes_[in.peer].last_error = "peer said goodbye: " + shown(bye->reason);
  }
  const bool is_beat = std::holds_alternative<heartbeat>(*in.body);
  step(protocol::received{in.peer, in.sent_wall_ms, in.wall_ms, std::move(*in.body)});
  if (is_beat) {
    note_made_up();
    bound_wall();
    note_mismatch(in.peer);
  }
}

/// Whenever a member's clock was heard, or a member went.
void library_loop::bound_wall() {
  const std::lock_guard guard(core_->mutex_);
  const std::lock_guard bounds_guard(core_->bounds_mutex_);
  core_->wall_bounds_ = core_->protocol_->bounds();
}

/// Other definitions are no reason to stop: each side keeps what it does not know as it came.
void library_loop::note_models(const device_id& peer, const hello& h) {
  uint64_t own = 0;
  {
    const std::lock_guard guard(core_->mutex_);
    own = core_->protocol_->models();
  }
  if (h.models != 0 && h.models != own)
    about("library", {{"library", to_string(setup_.id)}, {"peer", to_string(peer)}})
        ->warn("{}: {} ({}) defines other models than this node; what only one side knows is kept "
               "as it "
               "came (shoal models, there and here, shows them)",
               setup_.name, shown(h.name), to_string(peer));
}

/// Equal frontiers and unequal digests: never silent.
void library_loop::note_mismatch(const device_id& peer) {
  bool diverged = false;
  {
    const std::lock_guard guard(core_->mutex_);
    const auto it = core_->protocol_->sessions().find(peer);
    diverged =
        it != core_->protocol_->sessions().end() && core_->protocol_->diverged_from(it->second);
  }
  if (diverged) {
    setup_.counted.digest_mismatch->Increment();
    about("library", {{"library", to_string(setup_.id)}, {"peer", to_string(peer)}})
        ->critical("{}: DIVERGED from {}: equal frontiers, unequal digests", setup_.name,
                   to_string(peer));
  }
}

void library_loop::check_broadcasts() {
  if (broadcasts_.empty())
    return;
  std::map<stream_id, uint64_t> least;
  const std::lock_guard guard(core_->mutex_);
  while (!broadcasts_.empty()) {
    const auto& b = broadcasts_.front();
    // As a rule nothing new: one look tells.
    if (links_.contains(broadcast_lacks_)
        && core_->protocol_->acked_by(broadcast_lacks_, b.stream) < b.to)
      return;
    auto [it, fresh] = least.try_emplace(b.stream, UINT64_MAX);
    if (fresh)
      for (const auto& [peer, l] : links_)
        // Of equal ones the last: acks come in the order in which it went out.
        if (const auto acked = core_->protocol_->acked_by(peer, b.stream); acked <= it->second) {
          it->second = acked;
          broadcast_lacks_ = peer;
        }
    if (it->second < b.to)
      return;
    if (!links_.empty())
      setup_.counted.broadcast_seconds->Observe(
          static_cast<double>(setup_.time.mono_us() - b.synced_us) / 1e6);
    broadcasts_.pop_front();
  }
}

void library_loop::check_waits(const std::optional<device_id>& heard) {
  if (waits_.empty())
    return;
  const auto now = setup_.time.mono_us();
  std::erase_if(waits_, [&](const std::shared_ptr<wait_job>& w) {
    auto& answer = w->so_far;
    {
      const std::lock_guard guard(core_->mutex_);
      std::erase_if(answer.missing, [&](const device_id& device) {
        if (heard && device != *heard)
          return false;
        if (const auto lacks = core_->protocol_->lacks(device, w->what, w->lacks_first)) {
          w->lacks_first = lacks;
          return false;
        }
        answer.held.push_back(device);
        return true;
      });
    }
    const bool enough = answer.held.size() >= w->needed;
    if (!enough && now < w->deadline_us)
      return false;
    if (enough)
      answer.missing.clear();
    std::sort(answer.held.begin(), answer.held.end());
    w->done(std::move(answer));
    return true;
  });
}

void library_loop::on(wait_request& w) {
  if (ended_)
    return w.what->done(error{ec::unavailable, "library " + setup_.name + " is closed"});
  waits_.push_back(std::move(w.what));
  check_waits();
  arm();
}

void library_loop::on(member_change& c) {
  const auto& done = *c.done;
  const auto set = core_->members();
  const auto known = set.find(c.device);
  member m = known == set.end() ? member{} : known->second;
  if (c.remove) {
    if (c.leave && (known == set.end() || m.removed))
      return done(success());
    if (known == set.end() || m.removed)
      return done(error{ec::not_found, to_string(c.device) + " is not a member of " + setup_.name});
    if (c.device == setup_.protocol.self && !c.leave)
      return done(error{ec::bad_request,
                        "a node does not remove itself: `shoal library leave` leaves in order"});
    m.removed = true;
    m.purge = c.purge;
  } else {
    if (m.removed && !c.readmit)
      return done(error{ec::conflict, to_string(c.device) + " was removed from " + setup_.name
                                          + "; --readmit takes it back, with an empty store"});
    if (m.removed) {
      m.generation += 1;
      m.removed = m.purge = false;
    }
    if (!c.address.empty())
      m.address = c.address;
    if (!c.name.empty())
      m.name = c.name;
    if (known == set.end() || m != known->second)
      m.revision = std::max(setup_.time.wall_ms(), m.revision + 1);
  }
  // The writer has sent its group when it answers, but this actor may not have taken it, and
  // whoever is told looks at the members next: the answer comes here too, behind the group. Should
  // the library close meanwhile, the member is stored all the same.
  auto answer = [core = core_, done](const status& r) {
    if (!r)
      return done(r);
    core->wait({}, {}, 0, 0, [done](const result<api::wait_answer>&) { done(success()); });
  };
  commit(members_job{{{c.device, std::move(m)}}, std::move(answer)});
}

void library_loop::on(prune_request& p) {
  std::optional<frontier> stable;
  api::prune_answer answer;
  {
    const std::lock_guard guard(core_->mutex_);
    stable = core_->protocol_->stable();
    answer.held_by = core_->protocol_->holding_back();
    answer.log_entries = core_->summary_.log_entries;
  }
  if (!stable)
    return (*p.done)(std::move(answer));
  commit(prune_job{std::move(*stable),
                   [done = p.done, held_by = answer.held_by](result<api::prune_answer> r) {
                     if (r)
                       r->held_by = held_by;
                     (*done)(std::move(r));
                   }});
}

} // namespace shoal
