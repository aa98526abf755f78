// Transitive sync: for every origin that does not push to this node itself, one peer is asked to
// follow it.

#include "actors/protocol/replicator.hpp"

#include <algorithm>
#include <tuple>

namespace shoal::protocol {

constexpr uint64_t greeting_us = 500'000; // for a Hello on a connection that is there
constexpr uint64_t hand_over_us =
    5'000'000; // a feeder that brings nothing is not waited for longer
constexpr uint64_t hand_over_ops = 10'000;
/// For a feeder to bring what another peer has told of; and two round trips to it.
constexpr uint64_t patience_us = 100'000;
/// … where the feeder is not known to hold anything of the origin: it may lie elsewhere.
constexpr uint64_t patience_with_strangers_us = 5'000;

/// By how many ops the peer is known to be ahead of this node in the origin's streams.
uint64_t replicator::ahead(const device_id& peer, const device_id& origin) const {
  const auto known = announced_.find(peer);
  if (known == announced_.end())
    return 0;
  uint64_t sum = 0;
  for (auto it = known->second.lower_bound({origin, 0});
       it != known->second.end() && it->first.origin == origin; ++it)
    sum += it->second - std::min(it->second, seq_of(submitted_, it->first));
  return sum;
}

/// Whether the peer is known to hold an op of it.
bool replicator::holds_any_of(const device_id& peer, const device_id& origin) const {
  const auto known = announced_.find(peer);
  if (known == announced_.end())
    return false;
  const auto it = known->second.lower_bound({origin, 0});
  return it != known->second.end() && it->first.origin == origin;
}

/// Statements go from link to link as ops do, and members that never wrote make them, too.
bool replicator::lies_toward(const device_id& peer, const device_id& origin) const {
  const auto first = first_to_tell_.find(origin);
  return first != first_to_tell_.end() && first->second == peer;
}

/// Before an origin's first op nobody knows behind which neighbour it lies. So of the first ops of
/// a stream those are told who may have asked another for them: by heartbeats and exchanges, one of
/// each per relay on the way, the last would hear seconds later. In a mesh nobody is told, for
/// nobody relies on another.
void replicator::tell_of_new_streams(const frontier& before,
                                     std::map<device_id, link_ack>& words) const {
  constexpr size_t few = 16; // links, as in a tree
  const bool any_may = !feeders_.empty() && sessions_.size() <= few;
  const auto may_rely = [&](const device_id& peer, const session& s) {
    return any_may || !s.following.empty()
           || std::any_of(feeders_.begin(), feeders_.end(),
                          [&](const auto& f) { return f.second == peer; });
  };
  for (const auto& [stream, seq] : held_)
    if (stream.origin != settings_.self && !before.contains(stream))
      for (const auto& [peer, s] : sessions_)
        if (s.state == session_state::live && peer != stream.origin
            && !s.following.contains(stream.origin) && acked_by(peer, stream) == 0
            && may_rely(peer, s))
          words[peer].held[stream] = seq;
}

bool replicator::pushes(const device_id& origin) const {
  const auto s = sessions_.find(origin);
  return s != sessions_.end() && s->second.state == session_state::live && !s->second.awaits
         && !s->second.stale;
}

/// Members, and whoever a linked peer has ops of; an origin that is linked only if another peer has
/// more of it (it lost something: a restored copy), this node itself likewise. One walk through
/// what each peer holds, beside what is here: as many steps as peers times streams.
std::set<device_id> replicator::wanted_origins() const {
  std::set<device_id> out;
  for (const auto& [device, m] : members_)
    if (!m.removed)
      out.insert(device);
  std::set<device_id> more; // another peer has ops that neither are here nor will be pushed
  std::vector<char> told(submitted_.size()); // of which streams of those any peer has ops
  for (const auto& [peer, s] : sessions_) {
    const auto known = announced_.find(peer);
    if (known == announced_.end())
      continue;
    frontier_walk submitted(submitted_);
    for (const auto& [stream, seq] : known->second) {
      const auto* here = submitted.find(stream);
      if (here)
        told[static_cast<size_t>(here - &*submitted_.begin())] = 1;
      else
        out.insert(stream.origin);
      if (seq <= (here ? here->second : 0) || s.state != session_state::live
          || peer == stream.origin)
        continue;
      const auto own = announced_.find(stream.origin);
      if (own == announced_.end() || !pushes(stream.origin) || seq > seq_of(own->second, stream))
        more.insert(stream.origin);
    }
  }
  for (size_t i = 0; i < told.size(); ++i)
    if (told[i])
      out.insert(submitted_.nth(i)->first.origin);
  std::erase_if(out, [&](const device_id& origin) {
    const auto s = sessions_.find(origin);
    if (s != sessions_.end() && s->second.state == session_state::greeting && !s->second.awaits
        && now_us_ - s->second.last_heard_us < greeting_us)
      return true; // about to push
    if (origin != settings_.self && !pushes(origin))
      return false;
    return !more.contains(origin); // what it will push, or this node holds, needs no feeder
  });
  return out;
}

/// From a feeder to the origin itself, which was linked meanwhile and waits to be asked: once the
/// feeder has brought what it had, or at once where that is so much that what is then sent twice (a
/// window at most) is little.
bool replicator::take_over(const device_id& origin) {
  const auto s = sessions_.find(origin);
  if (s == sessions_.end() || !s->second.awaits || s->second.state != session_state::live)
    return false;
  const auto feeder = feeders_.find(origin);
  const auto lead = feeder == feeders_.end() ? 0 : ahead(feeder->second, origin);
  if (lead > 0 && lead <= hand_over_ops && now_us_ - s->second.greeted_us < hand_over_us)
    return false;
  request(origin, origin, true);
  return !s->second.awaits;
}

namespace {

/// Of those who can be asked for an origin's ops.
struct candidate {
  uint64_t ahead = 0;     // ops that are not here
  bool toward = false;    // the origin lies behind it, as far as is known
  bool by_itself = false; // it does not get them through this node
  int64_t load = 0;       // less the origins that it is asked for already
  int64_t rtt = 0;        // less the round trip
  device_id peer;
  auto rank() const { return std::tie(ahead, toward, by_itself, load, rtt); }
};

} // namespace

void replicator::choose_feeders() {
  if (!opened_)
    return;
  if (now_us_ < feeders_next_us_) {
    feeders_due_ = true;
    return;
  }
  feeders_due_ = false;
  feeders_look_us_ = 0;
  // The work goes by the square of the peers, and a mesh that forms gives cause for it with each
  // of their Hellos.
  constexpr size_t at_once = 16;
  if (sessions_.size() > at_once)
    feeders_next_us_ = now_us_ + sessions_.size() * sessions_.size() * 100;
  for (const auto& [peer, s] : sessions_)
    take_over(peer);
  if (kept_.resync) { // everything from one peer
    if (!resync_peer_ || !resync_compared_)
      return;
    std::set<device_id> all;
    for (const auto& [device, m] : members_)
      all.insert(device);
    for (const auto& [stream, seq] : announced_[*resync_peer_])
      all.insert(stream.origin);
    for (const auto& origin : all)
      if (feeders_.try_emplace(origin, *resync_peer_).second)
        request(*resync_peer_, origin, true);
    return;
  }
  const auto wanted = wanted_origins();
  const auto stop = [&](const device_id& origin, const device_id& peer) {
    if (sessions_.contains(peer) && peer != origin) {
      state_request m;
      m.origin = origin;
      m.follow = false;
      m.stop = true;
      out_.push_back(send{{peer}, std::move(m)});
    }
  };
  for (auto it = feeders_.begin(); it != feeders_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    stop(it->first, it->second);
    it = feeders_.erase(it);
  }
  std::map<device_id, size_t> busy; // how many origins a peer feeds
  for (const auto& [origin, peer] : feeders_)
    ++busy[peer];
  for (const auto& origin : wanted) {
    std::optional<candidate> best;
    for (const auto& [peer, s] : sessions_) {
      if (s.state != session_state::live || peer == origin || s.below_horizon || s.stale
          || distrusts(peer))
        continue;
      const bool toward = lies_toward(peer, origin);
      candidate c{ahead(peer, origin),
                  toward,
                  toward || !s.following.contains(origin),
                  -static_cast<int64_t>(busy[peer]),
                  -static_cast<int64_t>(s.rtt_us.value_or(INT64_MAX)),
                  peer};
      if (!best || c.rank() > best->rank())
        best = c;
    }
    if (!best)
      continue;
    const auto current = feeders_.find(origin);
    if (current != feeders_.end()) {
      // Keep a feeder unless another is ahead of it for a while: it may be about to send just that.
      const auto feeds = sessions_.find(current->second);
      const bool stale = feeds != sessions_.end() && feeds->second.stale;
      const auto lead = ahead(current->second, origin);
      const bool stranger = !holds_any_of(current->second, origin);
      const bool relies = feeds != sessions_.end() && feeds->second.following.contains(origin);
      const bool astray =
          best->ahead >= lead && ((relies && best->by_itself) || (stranger && best->toward));
      if (current->second == best->peer || (best->ahead <= lead && !stale && !astray)) {
        feeder_stalled_us_.erase(origin);
        continue;
      }
      auto [since, fresh] = feeder_stalled_us_.try_emplace(origin, now_us_);
      const auto rtt = feeds == sessions_.end() ? 0 : feeds->second.rtt_us.value_or(0);
      const auto until =
          since->second + (stranger ? patience_with_strangers_us : patience_us) + 2 * rtt;
      if (!stale && !astray && (fresh || now_us_ < until)) {
        if (stranger && (feeders_look_us_ == 0 || until < feeders_look_us_))
          feeders_look_us_ = until;
        continue;
      }
      feeder_stalled_us_.erase(origin);
      stop(origin, current->second);
    }
    feeders_[origin] = best->peer;
    ++busy[best->peer];
    request(best->peer, origin, true);
  }
}

} // namespace shoal::protocol
