// One connection per pair of devices: which of two stays, and whether two processes share a key.
//
//   link_up ─▶ in force, unless there is another, or one that would win is on its way
//          └─▶ next ── the other's fate is known, or it greets as the same process ─▶ in force
//                  └── it greets as another process, and the one in force still answers ─▶ refused

#include "actors/clocks.hpp"
#include "actors/log_about.hpp"
#include "actors/node_loop.hpp"
#include "actors/socket_thread.hpp"
#include "config/limits.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace shoal {

node_loop::peer& node_loop::peer_of(const device_id& device) {
  auto [it, fresh] = peers_.try_emplace(device);
  if (fresh)
    it->second.wait = protocol::backoff(setup_->options.sync.retry_initial_ms * 1000,
                                        setup_->options.sync.retry_max_seconds * 1'000'000);
  return it->second;
}

/// The cause is over when it was not met for as long as two dials may be apart.
void node_loop::alarm(const std::string& cause, const std::string& text) {
  const auto for_us = setup_->options.sync.retry_max_seconds * 2'000'000 + limits::alarm_ms * 1000;
  if (setup_->alarms->raise(cause, text, mono_us() + for_us))
    spdlog::error("ALARM: {}", text);
}

void node_loop::on(const transport::link_up& up) {
  auto& p = peer_of(up.peer);
  if (up.outbound)
    p.dialling = false;
  if (stop_at_us_ != 0) {
    self_->send(up.link, transport::close_link{"stopping"});
    return;
  }
  if (!p.rest.over(mono_us())) {
    self_->send(up.link, transport::close_link{"refused for a while, for it broke a rule: "
                                               + p.rest.reason()});
    return;
  }
  connection c;
  c.link = up.link;
  c.outbound = up.outbound;
  c.remote = up.remote;
  c.number = next_number_++;
  c.receiver = spawn_in_socket_thread(
      self_->home_system(),
      [of = peer_link_setup{self_id(), up.peer, c.number, up.link,
                            caf::actor_cast<caf::actor>(self_), setup_->catalog.directory,
                            true}](auto* self) { return peer_link(self, of); });
  self_->send(up.link, transport::attach{c.receiver});
  // TLS has proven a member: its Hello, which carries a member set and a frontier, may be large
  // already.
  self_->send(up.link, transport::hello_accepted{});
  const bool lower_is_self = self_id() < up.peer;
  // Dialled by the higher id: it gives way to one that the lower id dialled.
  const bool weak = up.outbound != lower_is_self;
  const auto now = mono_us();
  if (!p.link) {
    if (p.next)
      give_up_next(p, "duplicate connection");
    if (weak && p.dialling) { // this node's own dial wins, if it succeeds: no data on both
      c.waits = connection::reason::own_dial;
      c.until_us = now + limits::crossing_dial_ms * 1000;
      p.next = std::move(c);
      return;
    }
    return adopt(up.peer, p, std::move(c));
  }
  if (p.nonce == 0) { // two dials that crossed: nobody has said anything yet
    if (p.outbound != up.outbound && weak) {
      self_->send(up.link, transport::close_link{"duplicate connection"});
      return;
    }
    return adopt(up.peer, p, std::move(c));
  }
  // The peer has given the old one up, has restarted, or is there twice: its Hello will tell.
  if (p.next)
    give_up_next(p, "duplicate connection");
  c.waits = connection::reason::greeting;
  c.until_us = now + limits::handshake_timeout_ms * 1000;
  p.next = std::move(c);
}

/// Puts the connection in force, in place of the one that was.
void node_loop::adopt(const device_id& device, peer& p, connection c) {
  if (p.link) {
    self_->send(p.link, transport::close_link{"duplicate connection"});
    each_actor_of(device, [&](const caf::actor& to) {
      self_->send(to, session_down{device, p.number, {}});
    });
  }
  p.link = c.link;
  p.receiver = c.receiver;
  p.outbound = c.outbound;
  p.number = c.number;
  p.nonce = c.nonce;
  p.since_us = mono_us();
  p.drop_reason.clear();
  p.last_failure.clear();
  if (may_say(p))
    about("peer_link", {{"peer", to_string(device)}})
        ->info("linked to {} at {}{}", to_string(device), c.remote,
               c.outbound ? "" : ", which dialled");
  // The libraries hear of the link before its first frame can reach them.
  each_actor_of(device, [&](const caf::actor& to) {
    self_->send(to, session_up{device, p.number, p.link});
  });
  self_->send(c.receiver, admit_link{});
  publish(device, p);
}

void node_loop::adopt_next(const device_id& device, peer& p) {
  auto c = std::move(*p.next);
  p.next.reset();
  adopt(device, p, std::move(c));
}

void node_loop::give_up_next(peer& p, const std::string& why) {
  self_->send(p.next->link, transport::close_link{why});
  p.next.reset();
}

void node_loop::on(const link_greeted& g) {
  const auto it = peers_.find(g.peer);
  if (it == peers_.end())
    return;
  auto& p = it->second;
  if (p.link && p.number == g.number) {
    p.nonce = g.boot_nonce;
    return;
  }
  if (!p.next || p.next->number != g.number)
    return;
  p.next->nonce = g.boot_nonce;
  p.next->greeted_in = g.library;
  if (p.next->waits == connection::reason::own_dial)
    return;
  if (!p.link || p.nonce == g.boot_nonce)
    return adopt_next(g.peer, p);
  p.next->waits = connection::reason::old_link;
  p.next->until_us = mono_us() + limits::duplicate_ping_ms * 1000;
  self_->send(p.receiver,
              probe_link{library_id{random_record_id().bytes}, setup_->catalog.boot_nonce});
}

/// The old link lives: two processes run with one key.
void node_loop::on(const link_alive& a) {
  const auto it = peers_.find(a.peer);
  if (it == peers_.end() || it->second.number != a.number)
    return;
  auto& p = it->second;
  if (!p.next || p.next->waits != connection::reason::old_link)
    return;
  alarm("twice " + to_string(a.peer), "device " + to_string(a.peer)
                                          + " runs twice: a second node with its key was refused, "
                                            "since the first one still answers; "
                                            "stop one of them, and give it a key of its own");
  self_->send(p.next->link,
              transport::frames_out{{encode_frame(
                  {p.next->greeted_in, self_id(), wall_ms(),
                   error_message{duplicate_device, "another node runs with this device's key"}})}});
  give_up_next(p, "duplicate device");
}

void node_loop::on(const duplicate_reported& d) {
  alarm("refused by " + to_string(d.peer),
        "another node runs with this device's key: " + to_string(d.peer)
            + " is linked with it and refuses this one; stop one of them, and give it a key of its "
              "own");
}

/// What did not come in time.
void node_loop::step_next() {
  const auto now = mono_us();
  for (auto& [device, p] : peers_) {
    if (!p.next || now < p.next->until_us)
      continue;
    if (p.next->waits == connection::reason::greeting)
      give_up_next(p, "no Hello came");
    else
      adopt_next(device, p); // the own dial, or the old link, is not heard of any more
  }
}

void node_loop::on(const transport::link_down& down) {
  const auto it = peers_.find(down.peer);
  if (it == peers_.end())
    return;
  auto& p = it->second;
  const auto now = mono_us();
  if (p.next && p.next->link.address() == down.link) {
    p.next.reset();
    return;
  }
  if (!p.link || p.link.address() != down.link) {
    if (!p.link) {
      p.last_failure = down.reason;
      p.wait.failed(now, random_());
      publish(down.peer, p);
    }
    return;
  }
  const auto reason = p.drop_reason.empty() ? down.reason : p.drop_reason;
  if (down.breach)
    note_breach(down.peer, p, reason, false);
  if (may_say(p))
    about("peer_link", {{"peer", to_string(down.peer)}})
        ->info("link to {} ended: {}", to_string(down.peer), reason);
  p.link = nullptr;
  p.receiver = nullptr;
  p.nonce = 0;
  p.last_failure = reason;
  if (now - p.since_us >= limits::backoff_reset_ms * 1000)
    p.wait.succeeded();
  p.wait.failed(now, random_());
  each_actor_of(down.peer, [&](const caf::actor& to) {
    self_->send(to, session_down{down.peer, p.number, reason});
  });
  publish(down.peer, p);
  note_refusal(down.peer, reason);
  if (stop_at_us_ != 0)
    finish_stop();
  else if (p.next)
    adopt_next(down.peer, p);
}

void node_loop::on(const transport::dial_failed& failed) {
  note_own_key(failed.reason);
  if (!failed.expected)
    return;
  const auto it = peers_.find(*failed.expected);
  if (it == peers_.end())
    return;
  auto& p = it->second;
  p.dialling = false;
  // Each reason once; the node tries for as long as it takes.
  const bool known = p.wait.failures() > 0 && p.last_failure == failed.reason;
  about("peer_link", {{"peer", to_string(it->first)}})
      ->log(!known && may_say(p) ? spdlog::level::info : spdlog::level::debug,
            "dialling {} at {}: {}", to_string(it->first), config::to_string(failed.address),
            failed.reason);
  if (p.next && p.next->waits == connection::reason::own_dial)
    return adopt_next(it->first, p);
  p.last_failure = failed.reason;
  p.wait.failed(mono_us(), random_());
  publish(it->first, p);
}

void node_loop::on(const transport::link_refused& refused) {
  note_own_key(refused.reason);
  spdlog::get("peer_link")
      ->info("refused a connection from {}: {}{}", refused.remote, refused.reason,
             refused.others ? " (and " + std::to_string(refused.others) + " more)" : "");
}

void node_loop::note_own_key(const std::string& reason) {
  if (reason.find(transport::own_device_text) != std::string::npos)
    alarm("own key",
          "a node with this device's own key was dialled or has dialled: an address leads back to "
          "this node, or its directory was copied and runs elsewhere");
}

/// A peer that comes and goes all the time must not fill the disk with lines about it.
bool node_loop::may_say(peer& p) {
  return p.lines.permits(mono_us(), limits::peer_line_ms * 1000, limits::peer_lines_at_once);
}

/// The peer proved its key, so it is known who it was.
void node_loop::note_breach(const device_id& device, peer& p, const std::string& reason,
                            bool hearsay) {
  if (!hearsay && p.rested_for != p.number) {
    p.rested_for = p.number;
    p.rest.breached(mono_us(), reason);
    if (p.next)
      give_up_next(p, reason);
  }
  setup_->catalog.counted->count_breach(to_string(device));
  alarm("breach " + to_string(device), "member " + to_string(device) + " was cut off: " + reason
                                           + "; it is broken or hostile: update it, or remove it");
}

/// For `peers` and metrics.
void node_loop::publish(const device_id& device, const peer& p) {
  const auto now = mono_us();
  const auto next = std::max(p.wait.next_us(), p.rest.until_us());
  dial_board::line l;
  l.failures = p.link ? 0 : p.wait.failures();
  l.dialling = p.dialling;
  l.error = p.last_failure;
  if (!p.link && !p.dialling && !p.addresses.empty())
    l.next_ms = wall_ms() + (next > now ? (next - now) / 1000 : 0);
  if (!p.link && !p.rest.over(now))
    l.rests_until_ms = wall_ms() + (p.rest.until_us() - now) / 1000;
  setup_->catalog.dials->set(device, std::move(l));
}

} // namespace shoal
