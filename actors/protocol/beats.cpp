// Heartbeats, which tell by hashes whether two nodes know the same, and exchanges of what differs.

#include "actors/protocol/replicator.hpp"

#include <algorithm>

namespace shoal::protocol {

// An exchange is the answer to heartbeats that differ, at most one a second.
constexpr uint64_t exchanges_every_us = 200'000;
constexpr uint64_t exchanges_at_once = 8;
/// In a large mesh, for what a peer told of to come here by itself.
constexpr uint64_t exchange_patience_us = 1'000'000;

/// To who has these statements.
static bool is_news(const statement& st, const std::map<device_id, known_statement>& known) {
  const auto it = known.find(st.member);
  const auto here = known_of(st);
  return it == known.end() || it->second.number < here.number
         || (it->second.number == here.number && it->second.hash != here.hash);
}

uint64_t replicator::hash_of_held() const {
  if (!held_hash_)
    held_hash_ = hash_of(held_);
  return *held_hash_;
}

uint64_t replicator::hash_of_members() const {
  if (!members_hash_)
    members_hash_ = hash_of(members_);
  return *members_hash_;
}

uint64_t replicator::hash_of_membership() const {
  if (!membership_hash_)
    membership_hash_ = membership_hash(members_);
  return *membership_hash_;
}

// As many peers as are linked speak to this node, and each member's word comes here, by whatever
// way. What each says again and again it says less often when they are many, so that no node hears
// more of it than from ten.
constexpr size_t heard = 10;

/// Links may be few where members are many: in a tree, say.
uint64_t replicator::crowd_of_peers() const {
  return std::max<size_t>(1, sessions_.size() / heard);
}

void replicator::note_crowd() {
  const auto members = static_cast<size_t>(std::count_if(
      members_.begin(), members_.end(), [](const auto& m) { return !m.second.removed; }));
  crowd_ = std::max<size_t>(1, members / heard);
}

void replicator::beat(const device_id& peer, session& s) {
  // In a large mesh each peer at a time of its own: else all of them speak to all at one moment.
  s.next_beat_us = now_us_ + settings_.heartbeat_us
                   - (crowd_of_peers() > 1 ? random() % (settings_.heartbeat_us / 4) : 0);
  heartbeat m;
  m.ping = s.next_ping++;
  s.pings[m.ping] = now_us_;
  if (s.pings.size() > 16)
    s.pings.erase(s.pings.begin());
  m.echo = s.echo;
  m.echo_held_us = s.echo == 0 ? 0 : now_us_ - s.echo_since_us;
  m.frontier_hash = hash_of_held();
  m.members_hash = hash_of_members();
  m.statements_hash = statements_hash_;
  m.quarantine_hash = quarantine_;
  if (settled_)
    m.digest = digest_;
  m.filling = kept_.filling || kept_.resync;
  s.echo = 0;
  out_.push_back(send{{peer}, std::move(m)});
}

void replicator::on_message(session& s, received& e, heartbeat& m) {
  if (const auto ping = s.pings.find(m.echo); m.echo != 0 && ping != s.pings.end()) {
    const uint64_t round = now_us_ - ping->second;
    s.rtt_us = round - std::min(round, m.echo_held_us);
    s.pings.erase(s.pings.begin(), std::next(ping));
    // A wall that nobody can have must not overflow where it is compared.
    const auto theirs =
        static_cast<int64_t>(std::min<uint64_t>(e.sent_wall_ms, INT64_MAX / 4) + *s.rtt_us / 2000);
    s.clock_offset_ms = theirs - static_cast<int64_t>(e.wall_ms);
    s.clock_from_mono_ms = theirs - static_cast<int64_t>(now_us_ / 1000);
  }
  const bool still =
      s.to_ask != exchange_cause::none && cause_to_ask(e.peer, s) != exchange_cause::none;
  s.echo = m.ping;
  s.echo_since_us = now_us_;
  s.beat_frontier_hash = m.frontier_hash;
  s.beat_members_hash = m.members_hash;
  s.beat_digest = m.digest;
  s.filling = m.filling;
  if (s.filling && resync_peer_ == e.peer && kept_.resync && kept_.resync->owner) {
    leave(e.peer); // it may lack them itself
    choose_source({e.peer});
  }
  s.beat_quarantine = m.quarantine_hash;
  // Exactly that: more than its acks said, if one was lost with an earlier link, or less than a
  // statement from before a restore said.
  if (m.frontier_hash == hash_of_held())
    announced_[e.peer] = held_;
  // A first measurement at once, not a heartbeat later.
  if (!s.rtt_us && m.echo == 0)
    beat(e.peer, s);
  if (m.frontier_hash != hash_of_held())
    beats_that_differ_[e.peer] = m.frontier_hash;
  else
    beats_that_differ_.erase(e.peer);
  s.beat_statements_hash = m.statements_hash;
  s.other_statements = m.statements_hash == statements_hash_ ? 0 : s.other_statements + 1;
  if (!still)
    s.differs_since_us = now_us_;
  s.to_ask = cause_to_ask(e.peer, s);
  exchanges_due_ = exchanges_due_ || s.to_ask != exchange_cause::none;
  ask_next_exchange();
  note_digests(e.peer, s);
}

/// What was held until now: for as long as a heartbeat may still tell of it.
void replicator::note_passed() {
  constexpr size_t most = 1024;
  if (crowd_of_peers() == 1)
    return passed_.clear();
  const auto hash = hash_of_held();
  if (!passed_.empty() && passed_.back().hash == hash)
    return;
  if (!passed_.empty())
    passed_.back().left_us = now_us_;
  passed_.push_back({hash, now_us_});
  while (passed_.size() > most || now_us_ - passed_.front().left_us > settings_.heartbeat_us)
    passed_.pop_front();
}

/// A peer that tells of it is behind by what is on its way to it, or was about to be level.
bool replicator::held_lately(uint64_t hash) const {
  return std::any_of(passed_.begin(), passed_.end(), [&](const held_before& p) {
    return p.hash == hash && now_us_ - p.left_us <= settings_.heartbeat_us;
  });
}

/// What the peer's newest beat tells of, as far as that is not known here by now.
exchange_cause replicator::cause_to_ask(const device_id& peer, const session& s) const {
  if (s.state != session_state::live
      || now_us_ - s.last_exchange_us < settings_.exchange_every_us * crowd_of_peers())
    return exchange_cause::none;
  const auto known = announced_.find(peer);
  if (s.beat_members_hash != hash_of_members()
      || (s.beat_frontier_hash != hash_of_held() && !held_lately(s.beat_frontier_hash)
          && (known == announced_.end() || hash_of(known->second) != s.beat_frontier_hash)))
    return exchange_cause::holdings;
  // A statement that a link lost, or that came before its follower, is found here. In a large mesh
  // one or another is on its way at any moment.
  return s.beat_statements_hash != statements_hash_
                 && (crowd_of_peers() == 1 || s.other_statements > 1)
             ? exchange_cause::statements
             : exchange_cause::none;
}

/// An exchange goes by the square of the members, and what is on its way to all makes the beats of
/// all differ: a large mesh asks one peer after another. What the first has told may be all that
/// the others would have.
void replicator::ask_next_exchange() {
  const auto wait_us = crowd_of_peers() > 1 ? exchange_patience_us : 0;
  while (exchanges_due_ && (crowd_of_peers() == 1 || now_us_ >= exchange_next_us_)) {
    auto next = sessions_.end();
    uint64_t soon_us = 0; // when the first of those is due that are not yet
    for (auto it = sessions_.begin(); it != sessions_.end(); ++it) {
      const auto& s = it->second;
      if (s.to_ask == exchange_cause::none)
        continue;
      const bool members = s.beat_members_hash != hash_of_members(); // nothing else brings those
      if (const auto from = s.differs_since_us + (members ? 0 : wait_us); from > now_us_)
        soon_us = soon_us == 0 ? from : std::min(soon_us, from);
      else if ((next == sessions_.end() || s.to_ask > next->second.to_ask
                || (s.to_ask == next->second.to_ask
                    && s.last_exchange_us < next->second.last_exchange_us)))
        next = it;
    }
    exchanges_due_ = next != sessions_.end() || soon_us != 0;
    if (next == sessions_.end()) {
      exchange_next_us_ = std::max(exchange_next_us_, soon_us);
      return;
    }
    auto& [peer, s] = *next;
    s.to_ask = exchange_cause::none;
    if (cause_to_ask(peer, s) == exchange_cause::none)
      continue; // an earlier one told
    exchange_next_us_ =
        now_us_ + settings_.exchange_every_us / 4 * std::min<uint64_t>(crowd_of_peers(), 10) / 10;
    ask_exchange(peer, s);
  }
}

/// Statements are many and long: each side first says which it has.
void replicator::ask_exchange(const device_id& peer, session& s) {
  s.last_exchange_us = now_us_;
  watermark_exchange m;
  m.held = held_;
  if (s.beat_members_hash != hash_of_members())
    m.members = members_;
  m.known = known_statements();
  out_.push_back(send{{peer}, std::move(m)});
}

std::map<device_id, known_statement> replicator::known_statements() const {
  std::map<device_id, known_statement> out;
  for (const auto& [member, st] : statements_)
    out[member] = known_of(st);
  return out;
}

/// All that may be news to a peer which has said what it knows, if it has.
void replicator::exchange(const device_id& peer, session& s, const watermark_exchange* asked) {
  s.last_exchange_us = now_us_;
  watermark_exchange m;
  m.is_response = true;
  if (!asked || s.beat_members_hash != hash_of_members())
    m.members = members_;
  if (greets(peer)) { // who was just removed is told that, and no more
    m.held = held_;
    for (const auto& [member, st] : statements_)
      if (!asked || is_news(st, asked->known))
        m.statements.push_back(st);
    if (asked && !asked->is_response)
      m.known = known_statements();
  }
  out_.push_back(send{{peer}, std::move(m)});
}

/// With a Hello go this node's word and the peer's own, ahead of all ops: from the latter it learns
/// that it once held more. Of the others each side asks for what it lacks.
void replicator::greet_with_statements(const device_id& peer, session& s) {
  s.last_exchange_us = now_us_;
  watermark_exchange m;
  m.is_response = true;
  m.held = held_;
  for (const auto& member : {settings_.self, peer})
    if (const auto st = statements_.find(member); st != statements_.end())
      m.statements.push_back(st->second);
  if (crowd_of_peers() == 1) // a large mesh hears of each from itself, as a rule
    m.known = known_statements();
  out_.push_back(send{{peer}, std::move(m)});
}

void replicator::on_message(session& s, received& e, watermark_exchange& m) {
  if (!believes(e.peer, m.held) || !takes_members(e.peer, m.members))
    return;
  // A range that went out and neither arrived nor was asked for again: nothing is on its way, yet
  // the peer lacks it. What it has just got from another, and asked not to get again, may still be
  // on its way to its store.
  if (s.in_flight == 0 && !s.loading)
    for (auto& [stream, cursor] : s.cursors)
      if (const auto theirs = seq_of(m.held, stream);
          theirs < cursor.sent
          && (cursor.asked_us == 0 || now_us_ - cursor.asked_us >= settings_.exchange_every_us))
        cursor.sent = theirs;
  for (auto& st : m.statements) {
    on_message(s, e, st);
    if (!sessions_.contains(e.peer))
      return; // closed, and `s` with it
  }
  const bool lacks = std::any_of(statements_.begin(), statements_.end(),
                                 [&](const auto& st) { return is_news(st.second, m.known); });
  if ((!m.is_response || (!m.known.empty() && lacks))
      && s.exchanges.permits(now_us_, exchanges_every_us, exchanges_at_once))
    exchange(e.peer, s, &m);
  open_cursors(e.peer, s);
  pump(e.peer, s);
  if (!covers(submitted_, m.held))
    choose_feeders();
}

} // namespace shoal::protocol
