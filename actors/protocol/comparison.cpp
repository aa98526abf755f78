// Comparisons, on both sides. One request of each is under way; those that wait keep only their
// peer's name. The first goes alone, for most often it takes all that the others would give again.

#include "actors/protocol/replicator.hpp"

#include <algorithm>
#include <utility>

namespace shoal::protocol {

constexpr uint64_t lost_after_us = 3'000'000; // a link or a feeder may be about to bring it
// Both sides read at moments of their own, and an edit between the two takes a version out of an
// interval on one side first: what differs is looked at again before it counts.
constexpr unsigned looks = 3;
constexpr uint64_t look_again_us = 500'000;
constexpr uint64_t compare_every_us = 10'000'000; // with one peer, because of unequal digests
constexpr size_t at_once_max = 8;                 // comparisons after the first

// ---- the side that answers

void replicator::on_message(session& s, received& e, compare_request& m) {
  if (kept_.resync && kept_.resync->owner == m.stream.origin)
    return; // of these, this node itself is asking others
  const auto to = std::min(m.to, seq_of(held_, m.stream));
  if (to <= m.from) {
    out_.push_back(send{{e.peer}, compare_response{m.stream, m.from, m.from, {}}});
    return;
  }
  if (s.summing)
    return; // asked again while the answer is being made
  s.summing = true;
  out_.push_back(sum{e.peer, m.stream, m.from, to, true, {}});
}

void replicator::on_message(session& s, received& e, shared_change_request& m) {
  const auto to = std::min(m.to, seq_of(held_, m.stream));
  if (s.mending || to <= m.from)
    return; // it asks again; who compares asks for one interval of those that are here
  s.mending = true;
  out_.push_back(load_standing{e.peer, m.stream, m.from, to});
}

// ---- the side that asks

void replicator::compare_with(const device_id& peer, comparison_goal goal) {
  auto [it, fresh] = to_compare_.try_emplace(peer, goal);
  it->second = std::max(it->second, goal);
  next_comparisons();
}

void replicator::next_comparisons() {
  while (comparisons_.size() < (one_compared_ && !kept_.resync ? at_once_max : 1)) {
    const auto next = std::find_if(to_compare_.begin(), to_compare_.end(), [&](const auto& waits) {
      return !comparisons_.contains(waits.first);
    });
    if (next == to_compare_.end())
      break;
    const auto [peer, goal] = *next;
    to_compare_.erase(next);
    const auto s = sessions_.find(peer);
    const bool adopts = goal == comparison_goal::adopt;
    if (s == sessions_.end() || s->second.state != session_state::live || distrusts(peer)
        || adopts != kept_.resync.has_value()) {
      lost_.clear(); // that one may have them
      continue;
    }
    auto& c = comparisons_[peer];
    c.peer = c.report.peer = peer;
    c.goal = c.report.goal = goal;
    c.retry = fresh_backoff();
    c.upto = adopts ? kept_.resync->base : held_;
    next_stream(c);
  }
  one_compared_ = one_compared_ && comparing();
}

/// The comparison with this peer, if that is what it waits for.
comparison* replicator::waiting_for(const device_id& peer, const stream_id& stream,
                                    comparison::waiting what) {
  const auto c = comparisons_.find(peer);
  const bool so = c != comparisons_.end() && c->second.now == stream && c->second.waits == what;
  return so ? &c->second : nullptr;
}

void replicator::next_stream(comparison& c) {
  for (auto it = c.upto.upper_bound(c.now); it != c.upto.end(); ++it) {
    c.now = it->first;
    c.at = c.goal == comparison_goal::adopt ? seq_of(kept_.resync->compared, c.now) : 0;
    c.end = it->second;
    if (c.at < c.end)
      return ask_sums(c);
  }
  end_comparison(c.peer, true);
}

void replicator::ask_sums(comparison& c) {
  c.waits = comparison::waiting::sums;
  c.asked_us = now_us_;
  out_.push_back(send{{c.peer}, compare_request{c.now, c.at, c.end}});
}

void replicator::on_message(session&, received& e, compare_response& m) {
  auto* asking = waiting_for(e.peer, m.stream, comparison::waiting::sums);
  if (!asking || asking->at != m.from)
    return;
  auto& c = *asking;
  c.retry.succeeded();
  if (m.sums.empty())
    return next_stream(c); // it holds no more of this one
  c.end = std::min(c.end, m.to);
  c.waits = comparison::waiting::own_sums;
  c.theirs = std::move(m.sums);
  out_.push_back(sum{e.peer, m.stream, m.from, c.theirs.back().end, false, c.theirs});
}

void replicator::on(summed& e) {
  if (e.for_peer) {
    const auto s = sessions_.find(e.peer);
    if (s == sessions_.end())
      return;
    s->second.summing = false;
    if (e.failed)
      return close(e.peer, "reading the store failed");
    out_.push_back(send{{e.peer}, compare_response{e.stream, e.from, e.to, std::move(e.sums)}});
    return;
  }
  auto* asking = waiting_for(e.peer, e.stream, comparison::waiting::own_sums);
  if (!asking || asking->at != e.from)
    return;
  auto& c = *asking;
  if (e.failed || e.sums.size() != c.theirs.size())
    return close(e.peer, "comparing records: reading the store failed");
  uint64_t versions = 0;
  auto from = c.at;
  for (size_t i = 0; i < c.theirs.size(); ++i) {
    versions += c.theirs[i].versions;
    if (c.theirs[i] != e.sums[i])
      c.differing.push_back({from, c.theirs[i].end});
    from = c.theirs[i].end;
  }
  // Whoever adopts drops nothing that still stands at the peer: for it one look is enough.
  if (!c.differing.empty() && c.goal != comparison_goal::adopt && ++c.looked < looks) {
    c.differing.clear();
    c.waits = comparison::waiting::again;
    c.asked_us = now_us_;
    return;
  }
  c.looked = 0;
  c.report.versions += versions;
  c.report.intervals_differing += c.differing.size();
  c.next = from;
  ask_interval(c);
}

/// The next interval that differs, or on to the next checksums.
void replicator::ask_interval(comparison& c) {
  if (c.goal == comparison_goal::look)
    c.differing.clear();
  if (!c.differing.empty()) {
    c.waits = comparison::waiting::interval;
    c.asked_us = now_us_;
    out_.push_back(send{
        {c.peer}, shared_change_request{c.now, c.differing.front().from, c.differing.front().to}});
    return;
  }
  c.at = c.next;
  if (c.goal == comparison_goal::adopt) {
    kept_.resync->compared[c.now] = c.at;
    keep_state k;
    k.change_resync = true;
    k.resync = kept_.resync;
    out_.push_back(std::move(k));
  }
  if (c.at < c.end)
    return ask_sums(c);
  next_stream(c);
}

/// All parts of an answer to `shared_change_request` are here.
void replicator::finish_repair(const device_id& peer, session& s) {
  auto parts = std::move(s.assembling);
  const auto cost = s.assembling_cost;
  s.assembling.clear();
  s.assembling_cost = 0;
  const auto& r = parts.front();
  auto* c = waiting_for(peer, r.stream, comparison::waiting::interval);
  const bool wanted = c && c->differing.front().from == r.from;
  // The peer compared, and found that this node has lost what it had merged.
  const bool reminded = !wanted && !(kept_.resync && kept_.resync->owner) && !distrusts(peer);
  // Asked for again by the clock; what it was not reminded of is found by the next comparison.
  if ((!wanted && !reminded) || !takes_bytes(peer, cost))
    return out_.push_back(send{{peer}, link_ack{{}, cost}});
  if (reminded)
    return out_.push_back(repair{peer, std::move(parts), repair_goal::remind, cost});
  c->waits = comparison::waiting::store;
  c->retry.succeeded();
  // Of an owner's dropped records nothing stands here that the peer could lack.
  const bool adopt = c->goal == comparison_goal::adopt && !(kept_.resync && kept_.resync->owner);
  out_.push_back(
      repair{peer, std::move(parts), adopt ? repair_goal::adopt : repair_goal::unite, cost});
}

void replicator::on_repaired(const repaired& r) {
  if (r.records > 0)
    note_relayed(r.stream.origin, r.peer);
  if (const auto s = sessions_.find(r.peer);
      s != sessions_.end() && s->second.state == session_state::live) {
    out_.push_back(send{{r.peer}, link_ack{{}, r.cost}});
    note_lost_there(r.peer, s->second, r.lost_there);
  }
  auto* c = r.goal == repair_goal::remind
                ? nullptr
                : waiting_for(r.peer, r.stream, comparison::waiting::store);
  if (r.failed && (c || r.goal == repair_goal::remind))
    return close(r.peer, "what it sent to mend a difference could not be merged");
  if (!c)
    return;
  c->report.records_changed += r.records;
  auto& interval = c->differing.front();
  interval.from = std::max(interval.from + 1, r.to);
  if (interval.from >= interval.to)
    c->differing.pop_front();
  ask_interval(*c);
}

/// Digests say nothing of deletes, which are forgotten at another time on every node; so the peer
/// would not ask for those that it lost.
void replicator::note_lost_there(const device_id& peer, session& s,
                                 const std::vector<dot>& lost_there) {
  constexpr size_t most = 256; // runs; the next comparison finds the rest
  constexpr uint64_t gap = 16; // what is between two is sent along
  for (const auto& d : lost_there) {
    auto& all = s.reminders;
    // The first may be under way.
    if (all.size() > 1 && all.back().stream == d.stream() && d.seq > all.back().to
        && d.seq - all.back().to <= gap)
      all.back().to = d.seq;
    else if (all.size() < most)
      all.push_back({d.stream(), d.seq - 1, d.seq});
  }
  remind(peer, s);
}

void replicator::remind(const device_id& peer, session& s) {
  if (s.reminders.empty() || s.reminding || !window_open(s))
    return;
  s.reminding = true;
  const auto& r = s.reminders.front();
  out_.push_back(load_standing{peer, r.stream, r.from, r.to});
}

void replicator::end_comparison(device_id peer, bool done) {
  const auto ended = comparisons_.find(peer);
  ended->second.report.complete = done;
  const bool adopted = done && ended->second.goal == comparison_goal::adopt;
  out_.push_back(compared{ended->second.report});
  comparisons_.erase(ended);
  one_compared_ = one_compared_ || done;
  if (!done)
    lost_.clear();
  if (adopted) {
    resync_compared_ = true;
    choose_feeders();
    pump_all();
    finish_resync();
  }
  if (!comparing() && !lost_.empty()) {
    keep_state k;
    k.lost = std::exchange(lost_, {});
    std::erase_if(k.lost, [&](const stream_id& s) { return a_neighbour_holds_more(s); });
    if (!k.lost.empty())
      out_.push_back(std::move(k));
  }
  next_comparisons();
}

void replicator::tick_comparisons() {
  consider_lost();
  for (auto& [peer, c] : comparisons_) { // none ends by what follows
    const auto waited = now_us_ - c.asked_us;
    const bool sums = c.waits == comparison::waiting::sums;
    if (c.waits == comparison::waiting::again) {
      if (waited >= look_again_us)
        ask_sums(c);
    } else if ((sums || c.waits == comparison::waiting::interval)
               && waited >= settings_.message_timeout_us && c.retry.due(now_us_)) {
      c.retry.failed(now_us_ + settings_.message_timeout_us, random());
      if (sums)
        ask_sums(c);
      else
        ask_interval(c);
    }
  }
}

void replicator::on(verify& e) {
  for (const auto& [peer, s] : sessions_)
    if (s.state == session_state::live && !s.below_horizon)
      compare_with(peer, e.repair ? comparison_goal::unite : comparison_goal::look);
}

// ---- why to compare

/// After a heartbeat: equal frontiers, equal members and the same ops held back, both settled, must
/// have equal digests.
void replicator::note_digests(const device_id& peer, session& s) {
  if (!settled_ || s.beat_digest.empty() || s.beat_frontier_hash != hash_of_held()
      || s.beat_members_hash != hash_of_members() || s.beat_quarantine != quarantine_)
    return;
  // Of two that are not through yet the one may be an old copy, or both were given what a delete
  // took that others have forgotten: whoever is linked to one that is through learns from that.
  const auto better = [&] {
    return std::any_of(sessions_.begin(), sessions_.end(), [](const auto& other) {
      return other.second.state == session_state::live && !other.second.filling;
    });
  };
  if (s.beat_digest == digest_) {
    // That two hold nothing yet says nothing of what they will be given.
    if (!s.filling || (!held_.empty() && !better()))
      consider_filled();
    return;
  }
  if (s.filling && (!kept_.filling || better()))
    return; // the peer looks to itself
  if (s.compared_us != 0 && now_us_ - s.compared_us < compare_every_us)
    return;
  s.compared_us = now_us_;
  if (kept_.filling && !s.filling) {
    // What this node was given before it could know better may include what a delete took that is
    // forgotten by now. Nothing here is older than its first filling, so the peer is right.
    start_resync(peer, s.deletes_from);
    return;
  }
  compare_with(peer, comparison_goal::unite);
}

bool replicator::a_neighbour_holds_more(const stream_id& stream) const {
  return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& link) {
    const auto& [peer, s] = link;
    return s.state == session_state::live && acked_by(peer, stream) > seq_of(submitted_, stream);
  });
}

/// This node waits for ops that superseded what it was sent, and nobody has them: they were lost
/// with a disk, or undone by a restore. Once everything has been compared with everyone linked,
/// there is nothing to wait for.
void replicator::consider_lost() {
  if (settled_ || !opened_ || kept_.resync.has_value() || !lost_.empty())
    return lost_since_us_.reset();
  std::vector<stream_id> lost;
  bool hope = false;
  // A neighbour at this very frontier that is settled never waited, or waits no more.
  const auto held_hash = hash_of_held();
  bool done_without = false;
  for (const auto& [peer, s] : sessions_)
    done_without |= s.state == session_state::live && !s.filling && !s.beat_digest.empty()
                    && s.beat_frontier_hash == held_hash;
  for (const auto& [stream, seq] : until_) {
    if (hope)
      break;
    if (seq <= seq_of(submitted_, stream))
      continue;
    const auto origin = sessions_.find(stream.origin);
    const bool linked = origin != sessions_.end() && origin->second.state == session_state::live;
    hope = !done_without && !linked && stream.origin != settings_.self
           && is_member(members_, stream.origin);
    hope |= a_neighbour_holds_more(stream);
    lost.push_back(stream);
  }
  if (hope || lost.empty()) {
    lost_since_us_.reset();
    return;
  }
  if (!lost_since_us_)
    lost_since_us_ = now_us_;
  if (now_us_ - *lost_since_us_ < lost_after_us)
    return;
  lost_since_us_.reset();
  lost_ = std::move(lost);
  bool any = false;
  for (const auto& [peer, s] : sessions_)
    if (s.state == session_state::live && !s.below_horizon && !distrusts(peer)) {
      any = true;
      auto& goal = to_compare_[peer];
      goal = std::max(goal, comparison_goal::unite);
    }
  if (!any)
    lost_.clear();
  next_comparisons();
}

} // namespace shoal::protocol
