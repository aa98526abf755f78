// What one peer says.

#include "actors/protocol/replicator.hpp"

#include "messages/shown.hpp"

#include <algorithm>

namespace shoal::protocol {

// A member makes a statement a second; what comes faster is found by heartbeats.
constexpr uint64_t statements_every_us = 50'000;
constexpr uint64_t statements_at_once = 32;
constexpr uint64_t statement_stored_us = 5'000'000; // or another peer's is taken

void replicator::send_hello(const device_id& peer, session& s) {
  if (s.hello_sent || !opened_)
    return;
  s.hello_sent = true;
  hello m;
  m.boot_nonce = settings_.boot_nonce;
  m.name = settings_.name;
  m.members = members_;
  m.held = held_;
  m.capabilities = capability::zstd;
  m.filling = kept_.filling || kept_.resync;
  m.records = records_;
  m.deletes_from = kept_.deletes_from;
  m.models = settings_.models;
  m.statements = statements_hash_;
  // Its own ops are coming from another peer: what it pushed as well would come twice.
  const auto feeder = feeders_.find(peer);
  m.asks = s.awaits = feeder != feeders_.end() && ahead(feeder->second, peer) > 0;
  out_.push_back(send{{peer}, std::move(m)});
}

void replicator::on_message(session& s, received& e, hello& m) {
  if (superseded()) {
    out_.push_back(send{{e.peer}, goodbye{begins_anew}});
    return;
  }
  if (!greets(e.peer)) {
    out_.push_back(send{{e.peer}, error_message{"unknown_library", "unknown library"}});
    return;
  }
  // Answering it with a Hello, as if the session were new, would go on for ever between two nodes.
  if (s.state == session_state::live)
    return close(e.peer, "a second Hello in one session", blame::breach);
  if (s.state == session_state::refused) {
    // The peer holds this node a member by now.
    const auto heard = s.last_heard_us;
    s = session{};
    s.last_heard_us = heard;
  }
  // Taken back after a removal: this store is from before it. Nothing of it may reach anyone; the
  // node begins anew when it has seen the set.
  const auto here = members_.find(settings_.self);
  const auto there = m.members.find(settings_.self);
  if (here != members_.end() && there != m.members.end()
      && there->second.generation > here->second.generation) {
    rest(e.peer, s);
    takes_members(e.peer, m.members);
    return;
  }
  announced_.erase(e.peer); // it may hold less than before: a restored copy
  if (!believes(e.peer, m.held) || !takes_members(e.peer, m.members))
    return;
  // Own ops that are not here: this is an older copy, whatever its statements say by now. A member
  // can make that up, and have this node compare what it holds with it; the alternative is that a
  // restored node brings back what was deleted.
  for (auto it = m.held.lower_bound({settings_.self, 0});
       it != m.held.end() && it->first.origin == settings_.self; ++it)
    restored_ = restored_ || it->second > seq_of(held_, it->first);
  s.state = session_state::live;
  ++session_changes_;
  s.next_beat_us = now_us_ + settings_.heartbeat_us;
  s.window = std::min<uint64_t>(m.window, wire_limits::window_bytes);
  s.at_hello = m.held;
  s.filling = m.filling;
  s.records = m.records;
  s.capabilities = m.capabilities;
  s.deletes_from = std::move(m.deletes_from);
  s.models = m.models;
  s.asks = m.asks;
  s.greeted_us = now_us_;
  s.expected = fresh_backoff();
  send_hello(e.peer, s);
  if (!statements_.empty() && m.statements != statements_hash_)
    greet_with_statements(e.peer, s);
  check_horizon(e.peer, s);
  choose_resync_peer();
  open_cursors(e.peer, s);
  pump(e.peer, s);
  beat(e.peer, s);
  choose_feeders();
}

/// The session is over, the link is not: the peer's next Hello begins another.
void replicator::rest(const device_id& peer, session& s) {
  s = session{};
  s.state = session_state::refused;
  ++session_changes_;
  s.last_heard_us = last_sign_us_[peer] = now_us_;
  leave(peer);
  choose_resync_peer();
  choose_feeders();
}

void replicator::on_message(session& s, received& e, goodbye& m) {
  if (believes(e.peer, m.held))
    rest(e.peer, s);
}

void replicator::on_message(session& s, received& e, error_message& m) {
  // It does not (yet) hold us a member; its own Hello will tell when that changes.
  if (m.code == "unknown_library")
    return rest(e.peer, s);
  close(e.peer, "peer reports " + shown(m.code) + ": " + shown(m.text));
}

bool replicator::permits_statement(const device_id& member) {
  return statement_paces_[member].permits(now_us_, statements_every_us, statements_at_once);
}

void replicator::on_message(session&, received& e, statement& m) {
  const auto known = statements_.find(m.member);
  if (known != statements_.end() && known->second.number >= m.number) {
    if (m.member == settings_.self && known->second.number == m.number && m != known->second) {
      stated_.clear(); // made before a restore, under the number of this one: neither counts
      note_own_word(m);
    }
    return;
  }
  // Of those alone whose number is bounded: a wrong signature shows after its check, which is dear.
  if (!told_members_.contains(m.member) || !permits_statement(m.member))
    return;
  // Several peers tell the same; checked and stored once is enough. The one before may be made up.
  auto& coming = coming_statements_[m.member];
  if (coming.number >= m.number && now_us_ - coming.since_us < statement_stored_us)
    return;
  coming = {m.number, now_us_};
  first_to_tell_.try_emplace(m.member, e.peer);
  note_own_word(m);
  // An own one that is newer than the newest here comes from before a restore: it is kept for its
  // number, so that the next one is taken for newer by those who have it.
  if (m.member == e.peer && !believes(e.peer, unfold(m.held, held_).held))
    return;
  out_.push_back(keep_statement{e.peer, std::move(m)});
}

void replicator::on_message(session& s, received& e, range_message& m) {
  const range& part = m.body;
  s.expecting_us = 0;
  s.expected.succeeded();
  const auto cost = cost_of(part);
  const auto origin = part.stream.origin;
  const auto feeder = feeders_.find(origin);
  const bool asked = part.repair
                     || (takes_from(e.peer)
                         && (origin == e.peer
                             || (feeder != feeders_.end() && feeder->second == e.peer
                                 && told_members_.contains(origin))));
  if (!asked) {
    // From a feeder that was just replaced: not needed, but its sender must not run out of credit.
    out_.push_back(send{{e.peer}, link_ack{{}, cost + s.assembling_cost}});
    s.assembling.clear();
    s.assembling_cost = 0;
    return;
  }
  if (!s.assembling.empty()) {
    const auto& first = s.assembling.front();
    const bool next = first.stream == part.stream && first.from == part.from && first.to == part.to
                      && first.repair == part.repair && part.part == s.assembling.size();
    if (!next) { // one in between is missing: what came of this range is of no use
      out_.push_back(send{{e.peer}, link_ack{{}, s.assembling_cost}});
      s.assembling.clear();
      s.assembling_cost = 0;
    }
  }
  if (s.assembling.empty() && part.part != 0) {
    out_.push_back(send{{e.peer}, link_ack{{}, cost}});
    if (part.repair)
      return; // asked for again by the clock
    return ask_again(e.peer, part.stream);
  }
  s.assembling_cost += cost;
  if (s.assembling_cost > wire_limits::range_bytes)
    return close(e.peer,
                 "a range of more than " + std::to_string(wire_limits::range_bytes) + " bytes",
                 blame::breach);
  s.assembling.push_back(std::move(m.body));
  s.assembling.back().compressed = false; // as it may be passed on
  if (s.assembling.back().more)
    return;
  if (s.assembling.front().repair)
    finish_repair(e.peer, s);
  else
    finish_range(e.peer, s);
}

void replicator::finish_range(const device_id& peer, session& s) {
  auto parts = std::move(s.assembling);
  const auto cost = s.assembling_cost;
  s.assembling.clear();
  s.assembling_cost = 0;
  const auto stream = parts.front().stream;
  const auto from = parts.front().from;
  const auto to = parts.front().to;
  if (!takes_stream(peer, stream))
    return;
  auto& submitted = submitted_[stream];
  if (to <= submitted) {
    link_ack ack{{}, cost};
    ack.held[stream] = seq_of(held_, stream);
    out_.push_back(send{{peer}, std::move(ack)});
    return;
  }
  if (is_full(stream)) { // left with its sender, who must not run out of credit
    out_.push_back(send{{peer}, link_ack{{}, cost}});
    return;
  }
  if (from > submitted) {
    out_.push_back(send{{peer}, link_ack{{}, cost}});
    return ask_again(peer, stream);
  }
  if (!takes_bytes(peer, cost)) {
    out_.push_back(send{{peer}, link_ack{{}, cost}});
    return ask_again(peer, stream);
  }
  gaps_.erase(stream);
  submitted = to;
  out_.push_back(apply{peer, std::move(parts), cost});
  if (take_over(stream.origin))
    choose_feeders(); // the feeder is told to stop
}

/// Something before or within what came is missing.
void replicator::ask_again(const device_id& peer, const stream_id& stream) {
  auto& gap = gaps_.try_emplace(stream, fresh_backoff()).first->second;
  if (!gap.due(now_us_))
    return;
  // The answer needs its time; what is behind the gap arrives meanwhile.
  gap.failed(now_us_ + settings_.exchange_every_us, random());
  request(peer, stream.origin, true);
}

backoff replicator::fresh_backoff() const {
  return {settings_.retry_initial_us, settings_.retry_max_us};
}

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014): jitter
/// needs no more.
uint64_t replicator::random() {
  random_state_ += 0x9e3779b97f4a7c15;
  uint64_t z = random_state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

size_t replicator::retries() const {
  size_t n = gaps_.size();
  for (const auto& [peer, s] : sessions_)
    n += s.expected.failures() > 0 ? 1 : 0;
  for (const auto& [peer, c] : comparisons_)
    n += c.retry.failures() > 0 ? 1 : 0;
  return n;
}

/// A peer that said it holds more, of origins that it sends, and sends nothing: is asked anew, with
/// growing waits, for ever.
void replicator::ask_the_silent() {
  const auto waits = [&](const device_id& origin) { // try_full sees to those
    const auto it = full_.find(origin);
    return it != full_.end() && !it->second.trying;
  };
  for (auto& [peer, s] : sessions_) {
    std::vector<device_id> due;
    if (s.state == session_state::live && takes_from(peer)
        && !(kept_.resync && !resync_compared_)) {
      if (!s.awaits && ahead(peer, peer) > 0 && !waits(peer))
        due.push_back(peer);
      for (const auto& [origin, feeder] : feeders_)
        if (feeder == peer && origin != peer && ahead(peer, origin) > 0 && !waits(origin))
          due.push_back(origin);
    }
    if (due.empty()) {
      s.expecting_us = 0;
      s.expected.succeeded();
    } else if (s.expecting_us == 0) {
      s.expecting_us = now_us_;
    } else if (now_us_ - s.expecting_us >= settings_.message_timeout_us
               && s.expected.due(now_us_)) {
      s.expected.failed(now_us_ + settings_.message_timeout_us, random());
      for (const auto& origin : due)
        request(peer, origin, true);
    }
  }
}

void replicator::request(const device_id& peer, const device_id& origin, bool follow) {
  if (kept_.resync && !resync_compared_)
    return;
  if (const auto s = sessions_.find(peer); peer == origin && s != sessions_.end())
    s->second.awaits = false;
  state_request m;
  m.origin = origin;
  m.follow = follow;
  const auto s = sessions_.find(peer);
  m.comparing = kept_.resync || (s != sessions_.end() && s->second.demanded);
  for (auto it = submitted_.lower_bound({origin, 0});
       it != submitted_.end() && it->first.origin == origin; ++it)
    if (it->second > 0)
      m.from[it->first.epoch] = it->second;
  out_.push_back(send{{peer}, std::move(m)});
}

void replicator::on_message(session& s, received& e, state_request& m) {
  std::erase_if(s.cursors, [&](const auto& c) { return c.first.origin == m.origin; });
  s.following.erase(m.origin);
  if (m.stop)
    return;
  if (m.origin == settings_.self)
    s.asks = false;
  s.compares |= m.comparing;
  if (m.comparing && s.below_horizon) {
    s.below_horizon = false; // what it pushed before was refused
    open_cursors(e.peer, s);
    request(e.peer, e.peer, true);
  }
  if (s.below_horizon) {
    demand_comparison(e.peer, kept_.deletes_from);
    return;
  }
  if (m.follow) {
    s.following.insert(m.origin);
    if (lies_toward(e.peer, m.origin)) // no more: it asks here
      first_to_tell_.erase(m.origin);
  }
  if (s.following.size() > wire_limits::members)
    return close(e.peer, "it follows more origins than a library can have members", blame::breach);
  // Its statements travel the same way from now on; this one may have come before the request.
  if (const auto st = statements_.find(m.origin);
      m.follow && st != statements_.end() && m.origin != settings_.self)
    out_.push_back(send{{e.peer}, st->second});
  for (auto it = held_.lower_bound({m.origin, 0});
       it != held_.end() && it->first.origin == m.origin; ++it) {
    const auto from = m.from.find(it->first.epoch);
    auto& cursor = cursor_at(s, it->first);
    cursor.sent = from == m.from.end() ? 0 : from->second;
    cursor.asked_us = now_us_;
    if (!m.follow && m.origin != settings_.self)
      cursor.end = it->second;
  }
  pump(e.peer, s);
}

void replicator::on_message(session& s, received& e, link_ack& m) {
  s.in_flight -= std::min(s.in_flight, m.credit);
  if (!believes(e.peer, m.held))
    return;
  pump(e.peer, s);
  remind(e.peer, s);
  if (std::any_of(m.held.begin(), m.held.end(),
                  [&](const auto& told) { return told.second > seq_of(submitted_, told.first); }))
    choose_feeders();
}

} // namespace shoal::protocol
