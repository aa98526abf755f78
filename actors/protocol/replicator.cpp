#include "actors/protocol/replicator.hpp"

#include <algorithm>

namespace shoal::protocol {

constexpr uint64_t said_look_every_us = 100'000;

std::string_view to_string(library_state s) {
  switch (s) {
  case library_state::uninitialized: return "uninitialized";
  case library_state::backfilling: return "backfilling";
  case library_state::catching_up: return "catching_up";
  case library_state::ready: return "ready";
  }
  return "unknown";
}

uint64_t cost_of(const range& part) {
  return part.ops.size() + 128; // the range's own fields, roughly
}

replicator::replicator(settings s, uint64_t now_us)
    : settings_(std::move(s)), started_us_(now_us), now_us_(now_us), ring_(settings_.ring_bytes),
      random_state_(settings_.boot_nonce), restored_(settings_.restored) {}

effects replicator::step(event e, uint64_t now_us) {
  now_us_ = std::max(now_us_, now_us);
  out_.clear();
  std::visit([&](auto& x) { on(x); }, e);
  return std::move(out_);
}

void replicator::on(link_up& e) {
  ++session_changes_;
  sessions_.erase(e.peer); // a new connection starts a new session
  leave(e.peer);
  auto& s = sessions_[e.peer];
  s.last_heard_us = now_us_;
  s.next_beat_us = now_us_ + settings_.heartbeat_us;
  send_hello(e.peer, s);
}

void replicator::on(link_down& e) {
  ++session_changes_;
  sessions_.erase(e.peer);
  coming_statements_.clear(); // one of them may be why
  last_sign_us_[e.peer] = now_us_;
  leave(e.peer);
  choose_resync_peer();
  choose_feeders();
}

/// For those who said they can take it.
bool replicator::compresses(const session& s, const range& part) {
  constexpr size_t from_bytes = 1024; // below it, it costs more than it saves
  return (s.capabilities & capability::zstd) != 0 && part.ops.size() >= from_bytes;
}

/// Nothing is expected of this peer any more.
void replicator::leave(const device_id& peer) {
  std::erase_if(feeders_, [&](const auto& f) { return f.second == peer; });
  std::erase_if(first_to_tell_, [&](const auto& f) { return f.second == peer; });
  if (resync_peer_ == peer) {
    resync_peer_.reset();
    feeders_.clear();
  }
  to_compare_.erase(peer);
  if (comparisons_.contains(peer))
    end_comparison(peer, false);
}

void replicator::close(const device_id& peer, std::string reason, blame of) {
  out_.push_back(close_link{peer, std::move(reason), of != blame::none, of == blame::hearsay});
  link_down down{peer};
  on(down);
}

void replicator::on(received& e) {
  const auto it = sessions_.find(e.peer);
  if (it == sessions_.end())
    return;
  auto& s = it->second;
  s.last_heard_us = now_us_;
  if (s.stale) {
    s.stale = false;
    ++session_changes_;
    choose_feeders();
  }
  const bool greeting = s.state != session_state::live;
  const auto kind = kind_of(e.body);
  if (greeting && kind != message_kind::hello && kind != message_kind::error
      && kind != message_kind::goodbye)
    return; // left over from a session that ended
  std::visit([&](auto& m) { on_message(s, e, m); }, e.body);
}

/// What a statement adds to the hash that heartbeats carry, a sum over members.
static uint64_t hash_of_statement(const statement& st) {
  const auto known = known_of(st);
  return known.hash + known.number;
}

/// Whether what goes out to peers moved: in a mesh most commits are of what others push to all.
bool replicator::may_send(const stored& e) const {
  const stream_id first{settings_.self, 0};
  const stream_id last{settings_.self, UINT64_MAX};
  const bool own_moved = !std::equal(held_.lower_bound(first), held_.upper_bound(last),
                                     e.held.lower_bound(first), e.held.upper_bound(last));
  return own_moved || relays_ || !opened_ || kept_.resync || e.state || e.members
         || !e.local.empty() || !e.repairs.empty()
         || e.held.size() != streams_; // which opens cursors
}

void replicator::on(stored& e) {
  const bool sends = may_send(e);
  const bool moved = !opened_ || e.held != held_ || e.digest != digest_ || e.settled != settled_
                     || e.quarantine != quarantine_ || e.members;
  if (e.held != held_)
    held_hash_.reset();
  const bool new_streams = opened_ && e.held.size() != streams_;
  const auto before = std::exchange(held_, std::move(e.held));
  settled_ = e.settled;
  log_entries_ = e.log_entries;
  oldest_log_ms_ = e.oldest_log_ms;
  records_ = e.records;
  until_ = std::move(e.until);
  if (e.state) {
    // While a change is on its way to the store, what was decided here is newer.
    const auto resync = opened_ ? kept_.resync : e.state->resync;
    // What a forgotten delete had masked must not be told to one who never heard of it.
    if (e.state->deletes_from != kept_.deletes_from)
      ring_.clear();
    const bool filling = (opened_ ? kept_.filling : true) && e.state->filling;
    restored_ = restored_ || e.state->fell_back;
    const auto ended = kept_.ended;
    kept_ = std::move(*e.state);
    kept_.resync = resync;
    kept_.filling = filling;
    for (const auto& [origin, epoch] : ended)
      kept_.ended[origin] = std::max(kept_.ended[origin], epoch);
  }
  digest_ = std::move(e.digest);
  quarantine_ = e.quarantine;
  for (auto& [origin, f] : full_)
    f.room = f.room || e.quarantined < quarantined_;
  quarantined_ = e.quarantined;
  if (!opened_) {
    opened_ = true;
    submitted_ = held_;
    if (e.members)
      take_members(*e.members);
    for (auto& [peer, s] : sessions_)
      send_hello(peer, s);
  }
  merge(submitted_, held_);
  if (moved) {
    changed_us_ = now_us_;
    note_passed();
  }

  if (e.members) {
    take_members(*e.members);
    if (const auto own = members_.find(settings_.self);
        own != members_.end() && settings_.generation == 0)
      settings_.generation = own->second.generation;
    merge(told_members_, members_);
    for (auto& [peer, s] : sessions_)
      if (s.state == session_state::live)
        exchange(peer, s); // the set travels whole on change, also to whom it leaves out
    end_sessions_of_strangers();
  }
  for (auto& r : e.local) {
    own_epoch_ = r.stream.epoch;
    ring_.add(std::move(r));
  }

  // Acks: credit to whom a range came from, word to a linked origin.
  std::map<device_id, link_ack> acks;
  for (auto& a : e.applied) {
    const auto from = sessions_.find(a.peer);
    unstored_[a.peer] -= std::min(unstored_[a.peer], a.cost);
    if (a.what == outcome::refused || a.what == outcome::dropped) {
      submitted_[a.stream] = seq_of(held_, a.stream);
      const bool own = a.stream.origin == a.peer; // what it relays, another version let pass
      if (from != sessions_.end())
        close(a.peer, a.why,
              a.what == outcome::dropped ? blame::none
              : own                      ? blame::breach
                                         : blame::hearsay);
      continue;
    }
    if (a.what == outcome::applied) {
      note_relayed(a.stream.origin, a.peer);
      note_room(a.stream);
    }
    if (a.what == outcome::no_room) {
      submitted_[a.stream] = seq_of(held_, a.stream);
      note_no_room(a.stream);
    }
    if (a.what == outcome::gap) {
      submitted_[a.stream] = seq_of(held_, a.stream);
      if (from != sessions_.end() && from->second.state == session_state::live
          && !is_full(a.stream))
        request(a.peer, a.stream.origin, true);
    }
    if (from != sessions_.end()) {
      auto& ack = acks[a.peer];
      ack.credit += a.cost;
      ack.held[a.stream] = seq_of(held_, a.stream);
      auto& known = announced_[a.peer][a.stream]; // it sent this, so it holds it
      if (a.what != outcome::gap)
        known = std::max(known, a.to);
    }
    if (const auto& origin = a.stream.origin; origin != a.peer && sessions_.contains(origin))
      acks[origin].held[a.stream] = seq_of(held_, a.stream);
    if (a.relay && a.what == outcome::applied)
      ring_.add(std::move(*a.relay));
  }
  for (const auto& r : e.repairs) {
    unstored_[r.peer] -= std::min(unstored_[r.peer], r.cost);
    on_repaired(r);
  }
  finish_resync();
  if (new_streams)
    tell_of_new_streams(before, acks);
  for (auto& [peer, ack] : acks)
    if (const auto s = sessions_.find(peer);
        s != sessions_.end() && s->second.state == session_state::live)
      out_.push_back(send{{peer}, std::move(ack)});

  for (auto& st : e.statements) {
    coming_statements_.erase(st.member);
    const auto known = statements_.find(st.member);
    if (known != statements_.end() && known->second.number >= st.number)
      continue;
    last_sign_us_[st.member] = now_us_;
    const bool own = st.member == settings_.self;
    if (own) {
      // Not its own frontier, which leaves out what waits; one that was not asked for is from
      // before a restore.
      stated_ = statement_pending_ ? asked_ : unfold(st.held, held_).held;
      stated_quarantine_ = asked_quarantine_;
      statement_pending_ = false;
      stated_membership_ = st.membership;
    }
    if (known != statements_.end())
      statements_hash_ -= hash_of_statement(known->second);
    statements_hash_ += hash_of_statement(st);
    statements_[st.member] = st;
    note_own_word(st);
    note_said(st);
    spread(st, std::nullopt);
  }
  for (const auto& t : e.tips)
    heed(t);
  for (const auto& member : std::set(said_more_))
    note_said(statements_.at(member)); // what differed may have come
  if (held_.size() != streams_) {      // a stream that was not there before
    streams_ = held_.size();
    for (auto& [peer, s] : sessions_)
      if (s.state == session_state::live)
        open_cursors(peer, s);
  }
  if (settings_.batch_window_us == 0 || e.local.empty()) {
    if (sends)
      pump_all();
  } else if (flush_at_us_ == 0) {
    flush_at_us_ = now_us_ + settings_.batch_window_us;
  }
  consider_statement();
  // Nothing else moves what all have said. In a large mesh it is the next tick's: one statement of
  // many moves little.
  if (e.members || (!e.statements.empty() && crowd() == 1))
    consider_prune();
  if (e.members)
    choose_feeders();
  if (moved)
    note_level();
}

/// Peers whose newest heartbeat told of what this node has only now come to hold: they say no more
/// until they change themselves.
void replicator::note_level() {
  if (beats_that_differ_.empty())
    return;
  const auto hash = hash_of_held();
  const auto level = [&](const auto& told) {
    if (told.second != hash)
      return false;
    const auto s = sessions_.find(told.first);
    if (s != sessions_.end() && s->second.beat_frontier_hash == hash)
      announced_[told.first] = held_;
    return true;
  };
  beats_that_differ_.erase(
      std::remove_if(beats_that_differ_.begin(), beats_that_differ_.end(), level),
      beats_that_differ_.end());
}

void replicator::take_members(const member_set& set) {
  members_ = set;
  members_hash_.reset();
  membership_hash_.reset();
  note_crowd();
}

bool replicator::superseded() const {
  const auto own = members_.find(settings_.self);
  return own != members_.end() && settings_.generation != 0
         && own->second.generation > settings_.generation;
}

bool replicator::greets(const device_id& peer) const {
  return !superseded()
         && (is_member(members_, peer)
             || (!members_.contains(settings_.self) && settings_.contacts.contains(peer)));
}

void replicator::end_sessions_of_strangers() {
  std::vector<device_id> gone;
  for (const auto& [peer, s] : sessions_)
    if (!greets(peer))
      gone.push_back(peer);
  for (const auto& peer : gone) {
    out_.push_back(send{{peer}, goodbye{superseded() ? begins_anew : no_longer_a_member}});
    link_down down{peer};
    on(down);
  }
}

bool replicator::own_ops_taken() const {
  for (const auto& [peer, s] : sessions_) {
    if (s.state != session_state::live)
      continue;
    for (auto it = held_.lower_bound({settings_.self, 0});
         it != held_.end() && it->first.origin == settings_.self; ++it)
      if (acked_by(peer, it->first) < it->second)
        return false;
  }
  return true;
}

void replicator::on(tick& e) {
  wall_ms_ = e.wall_ms;
  const auto dead_us = settings_.heartbeat_us * settings_.heartbeat_misses;
  const auto stale_us = settings_.heartbeat_us * 3 / 2;
  std::vector<device_id> silent;
  const bool tell = changed_us_ != 0
                    && now_us_ - changed_us_ >= settings_.beat_after_change_us * crowd_of_peers();
  for (auto& [peer, s] : sessions_) {
    if (s.state == session_state::live && now_us_ - s.last_heard_us > dead_us)
      silent.push_back(peer);
    else if (s.state == session_state::live && !s.stale && now_us_ - s.last_heard_us > stale_us) {
      s.stale = true; // `choose_feeders` below looks for others
      ++session_changes_;
      beat(peer, s);
    } else if (s.state == session_state::live && (tell || now_us_ >= s.next_beat_us))
      beat(peer, s);
  }
  if (tell)
    changed_us_ = 0;
  for (const auto& peer : silent)
    close(peer, "no sign of life for " + std::to_string(dead_us / 1'000'000) + " s");
  if (flush_at_us_ != 0 && now_us_ >= flush_at_us_) {
    flush_at_us_ = 0;
    pump_all();
  }
  if (kept_.resync)
    choose_resync_peer(); // distrust may have ended, or a peer has been filled
  consider_statement();
  // The work goes by the square of the members.
  if (crowd() == 1 || now_us_ - said_look_us_ >= said_look_every_us * crowd()) {
    said_look_us_ = now_us_;
    consider_prune();
    consider_marks();
    consider_ended();
  }
  consider_retention();
  tick_comparisons();
  try_full();
  ask_the_silent();
  ask_next_exchange();
  choose_feeders();
  const bool alone = std::none_of(members_.begin(), members_.end(), [&](const auto& m) {
    return m.first != settings_.self && !m.second.removed;
  });
  if (opened_ && kept_.filling && alone)
    consider_filled();
  if (const auto fill = filling_from(); !fill) {
    fill_since_us_ = 0;
  } else if (fill_since_us_ == 0) {
    fill_since_us_ = now_us_;
    fill_from_ = fill->progress;
  }
}

uint64_t replicator::next_tick_us(uint64_t now_us) const {
  // Without peers nothing changes by itself: many idle libraries cost nothing.
  uint64_t next = now_us + (sessions_.empty() ? 10'000'000 : 1'000'000);
  if (flush_at_us_ != 0)
    next = std::min(next, flush_at_us_);
  if (exchanges_due_)
    next = std::min(next, exchange_next_us_);
  if (feeders_due_)
    next = std::min(next, feeders_next_us_);
  if (feeders_look_us_ != 0)
    next = std::min(next, std::max(feeders_look_us_, feeders_next_us_));
  if (changed_us_ != 0)
    next = std::min(next, changed_us_ + settings_.beat_after_change_us * crowd_of_peers());
  if ((stated_ != held_ || stated_quarantine_ != quarantine_) && !statement_pending_ && may_state())
    next =
        std::min(next, crowd() > 1 ? statement_due_us_ : last_statement_us_ + settings_.prune_us);
  return std::max(next, now_us + 1000);
}

frontier replicator::held_by(const device_id& device) const {
  if (device == settings_.self)
    return held_;
  frontier out;
  if (const auto it = announced_.find(device); it != announced_.end())
    out = it->second;
  if (const auto* said = said_by(device))
    merge(out, *said);
  return out;
}

std::optional<stream_id> replicator::lacks(const device_id& device, const frontier& what,
                                           const std::optional<stream_id>& first) const {
  static const frontier nothing;
  const auto announced = announced_.find(device);
  const auto& known = device == settings_.self        ? held_
                      : announced == announced_.end() ? nothing
                                                      : announced->second;
  const auto* told = device == settings_.self ? nullptr : said_by(device);
  const auto& said = told ? *told : nothing;
  if (first)
    if (const auto part = what.find(*first);
        part != what.end() && std::max(seq_of(known, *first), seq_of(said, *first)) < part->second)
      return first;
  frontier_walk in_known(known);
  frontier_walk in_said(said);
  for (const auto& [stream, seq] : what)
    if (in_known.seq_of(stream) < seq && in_said.seq_of(stream) < seq)
      return stream;
  return std::nullopt;
}

uint64_t replicator::acked_by(const device_id& device, const stream_id& stream) const {
  const auto it = announced_.find(device);
  return it == announced_.end() ? 0 : seq_of(it->second, stream);
}

library_state replicator::state(uint64_t now_us) const {
  if (!opened_ || !members_.contains(settings_.self))
    return library_state::uninitialized;
  if (filling_from())
    return library_state::backfilling;
  bool linked = false;
  for (const auto& [peer, s] : sessions_) {
    if (s.state == session_state::greeting && now_us - s.last_heard_us < settings_.dial_round_us)
      return library_state::catching_up;
    if (s.state != session_state::live)
      continue; // does not hold this node a member, or never answered
    if (!has_all_but_full(s.at_hello))
      return library_state::catching_up;
    linked = true;
  }
  if (!settled_)
    return library_state::catching_up;
  bool others = false;
  for (const auto& [device, m] : members_)
    others |= device != settings_.self && !m.removed;
  if (linked || !others || now_us - started_us_ >= settings_.dial_round_us)
    return library_state::ready;
  return library_state::catching_up;
}

bool replicator::diverged_from(const session& s) const {
  return settled_ && s.beat_frontier_hash == hash_of_held()
         && s.beat_members_hash == hash_of_members() && s.beat_quarantine == quarantine_
         && !s.beat_digest.empty() && s.beat_digest != digest_;
}

std::optional<wall_bounds> replicator::bounds() const {
  std::vector<int64_t> walls;
  for (const auto& [peer, s] : sessions_)
    if (s.state == session_state::live && s.clock_from_mono_ms)
      walls.push_back(*s.clock_from_mono_ms);
  return bounds_from(std::move(walls), settings_.max_drift_ms);
}

} // namespace shoal::protocol
