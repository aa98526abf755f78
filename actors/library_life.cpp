// The library actor between running and not: pausing, ending, and what it tells about peers that
// come and go.

#include "actors/library_loop.hpp"
#include "actors/log_about.hpp"
#include "config/limits.hpp"
#include "messages/shown.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace shoal {

/// To all linked peers; the protocol then takes them for gone, the links stay.
void library_loop::say_goodbye(const std::string& reason) {
  goodbye bye{reason, {}};
  {
    const std::lock_guard guard(core_->mutex_);
    bye.held = core_->protocol_->held();
  }
  const auto frame =
      encode_frame({setup_.id, setup_.protocol.self, setup_.time.wall_ms(), std::move(bye)});
  std::vector<device_id> peers;
  for (const auto& [peer, l] : links_) {
    self_->send(l.actor, transport::frames_out{{frame}});
    peers.push_back(peer);
  }
  for (const auto& peer : peers)
    step(protocol::link_down{peer});
}

void library_loop::on(pause_library& p) {
  if (ended_ || p.on == paused_)
    return;
  if (p.on)
    say_goodbye("paused");
  paused_ = p.on;
  {
    const std::lock_guard guard(core_->mutex_);
    core_->paused_ = paused_;
  }
  about("library", {{"library", to_string(setup_.id)}})
      ->info("{}: {}", setup_.name, paused_ ? "paused" : "resumed");
  if (paused_)
    return;
  std::vector<device_id> peers;
  for (const auto& [peer, l] : links_)
    peers.push_back(peer);
  for (const auto& peer : peers)
    step(protocol::link_up{peer});
}

void library_loop::on(stop_library& s) {
  if (s.flushed && ending_)
    ending_->flushed = true;
  if (s.flushed)
    return consider_end();
  if (ending_)
    return;
  // What a client was told is durable may be news to this actor still: the writer answers first.
  core_->refuse_writes("library " + setup_.name + " is closed: " + s.reason);
  core_->flush([self = caf::actor_cast<caf::actor>(self_)](const status&) {
    caf::anon_send(self, stop_library{{}, false, true});
  });
  ending_ = ending{s.reason, s.left, setup_.time.mono_us() + limits::offer_ms * 1000, false};
  for (const auto& w : waits_)
    w->done(error{ec::unavailable, "library " + setup_.name + " is closed: " + s.reason});
  waits_.clear();
  consider_end();
  if (!ended_)
    arm();
}

/// Ends when linked peers have what is durable here, or the time for it is over. Who left waits for
/// the peers to end their sessions: they have noted the removal then.
void library_loop::consider_end() {
  if (!ending_ || ended_)
    return;
  bool done = setup_.time.mono_us() >= ending_->until_us;
  if (!done) {
    const std::lock_guard guard(core_->mutex_);
    const auto& sessions = core_->protocol_->sessions();
    const bool any = std::any_of(sessions.begin(), sessions.end(), [](const auto& s) {
      return s.second.state == protocol::session_state::live;
    });
    done = ending_->left ? !any : ending_->flushed && core_->protocol_->own_ops_taken();
  }
  if (!done)
    return;
  ended_ = true;
  say_goodbye(ending_->reason);
  links_.clear();
  core_->close("library " + setup_.name + " is closed: " + ending_->reason);
  self_->send(setup_.node, library_stopped{setup_.id, told_});
  self_->quit();
}

/// Links of those who are no members any more are for other libraries.
void library_loop::drop_strangers() {
  std::vector<device_id> gone;
  const char* reason = protocol::no_longer_a_member;
  {
    const std::lock_guard guard(core_->mutex_);
    if (core_->protocol_->superseded())
      reason = protocol::begins_anew;
    for (const auto& [peer, l] : links_)
      if (!core_->protocol_->greets(peer))
        gone.push_back(peer);
  }
  for (const auto& peer : gone)
    end_session(peer, reason);
}

/// A peer that durably holds more of this device's own ops than this device: they were written by
/// it, so its store was exchanged for an older one.
void library_loop::note_restored(const device_id& peer, const frontier& theirs) {
  const auto own = setup_.protocol.self;
  uint64_t lost = 0;
  {
    const std::lock_guard guard(core_->mutex_);
    const auto& held = core_->protocol_->held();
    for (auto it = theirs.lower_bound({own, 0}); it != theirs.end() && it->first.origin == own;
         ++it)
      lost += it->second - std::min(it->second, seq_of(held, it->first));
    if (lost == 0 || setup_.refilled || !core_->restored_.empty())
      return;
    core_->restored_ = to_string(peer) + " holds " + std::to_string(lost)
                       + " ops of this device that are not here: this is an older copy of the "
                         "store; they are fetched back";
  }
  about("library", {{"library", to_string(setup_.id)}, {"peer", to_string(peer)}})
      ->warn("{}: restored: {} holds {} ops of this device that are not here; "
             "they are fetched back",
             setup_.name, to_string(peer), lost);
}

/// A restored store that holds what the linked members do is no older copy any more. Who links
/// later and knows of more says so.
void library_loop::note_made_up() {
  {
    const std::lock_guard guard(core_->mutex_);
    const auto& sessions = core_->protocol_->sessions();
    const bool any = std::any_of(sessions.begin(), sessions.end(), [](const auto& s) {
      return s.second.state == protocol::session_state::live;
    });
    if (core_->restored_.empty() || !any
        || core_->protocol_->state(setup_.time.mono_us()) != protocol::library_state::ready)
      return;
    core_->restored_.clear();
  }
  about("library", {{"library", to_string(setup_.id)}})
      ->info("{}: no older copy any more: what was lost has been fetched back", setup_.name);
}

/// At debug: every op as it becomes durable, so that it can be followed from node to node by its
/// stream and seq, which `shoal trace` tells of a token.
void library_loop::log_stored(const protocol::stored& s) {
  if (!log_ || !log_->should_log(spdlog::level::debug))
    return;
  const auto say = [&](const stream_id& stream, uint64_t from, uint64_t to, const device_id* peer) {
    const auto seqs =
        to == from + 1 ? std::to_string(to) : std::to_string(from + 1) + "-" + std::to_string(to);
    std::vector<about::id> ids{
        {"library", to_string(setup_.id)}, {"stream", to_string(stream)}, {"seqs", seqs}};
    if (peer)
      ids.emplace_back("peer", to_string(*peer));
    about("library", std::move(ids))
        ->debug("{}: {} {} of {}{}", setup_.name, peer ? "applied" : "committed", seqs,
                to_string(stream), peer ? " from " + to_string(*peer) : "");
  };
  for (const auto& r : s.local)
    say(r.stream, r.from, r.to, nullptr);
  for (const auto& a : s.applied)
    if (a.what == protocol::outcome::applied)
      say(a.stream, a.from, a.to, &a.peer);
}

/// Peers that came, went, fell silent and are heard again are events: each is one line.
void library_loop::note_sessions() {
  std::set<device_id> now;
  std::set<device_id> stale;
  std::vector<std::pair<device_id, std::string>> lines;
  {
    const std::lock_guard guard(core_->mutex_);
    if (core_->protocol_->session_changes() == session_changes_)
      return; // as a rule
    session_changes_ = core_->protocol_->session_changes();
    for (const auto& [peer, s] : core_->protocol_->sessions())
      if (s.state == protocol::session_state::live) {
        now.insert(peer);
        if (s.stale)
          stale.insert(peer);
      }
    const auto named = [&](const device_id& d) {
      const auto m = core_->protocol_->members().find(d);
      return m == core_->protocol_->members().end() || m->second.name.empty()
                 ? to_string(d)
                 : shown(m->second.name) + " (" + to_string(d) + ")";
    };
    for (const auto& peer : now)
      if (!connected_.contains(peer) && may_say(peer))
        lines.emplace_back(peer, "connected to " + named(peer));
    for (const auto& peer : connected_)
      if (!now.contains(peer) && may_say(peer)) {
        const auto note = core_->notes_.find(peer);
        const bool told = note != core_->notes_.end() && !note->second.last_error.empty();
        lines.emplace_back(peer, "disconnected from " + named(peer)
                                     + (told ? ": " + note->second.last_error : std::string()));
      }
    for (const auto& peer : stale)
      if (!stale_.contains(peer))
        lines.emplace_back(
            peer, named(peer) + " is stale: nothing was heard for longer than its heartbeat");
    for (const auto& peer : stale_)
      if (now.contains(peer) && !stale.contains(peer))
        lines.emplace_back(peer, named(peer) + " is heard again");
    connected_ = std::move(now);
    stale_ = std::move(stale);
  }
  for (const auto& [peer, line] : lines)
    about("library", {{"library", to_string(setup_.id)}, {"peer", to_string(peer)}})
        ->info("{}: {}", setup_.name, line);
}

} // namespace shoal
