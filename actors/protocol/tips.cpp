// What a member relayed of another device's records turned out not to be what that device signed
// (see store/sync/tips.cpp). Such records are dropped and taken anew, from the device itself or
// from a member that is not under suspicion, and for a while nothing relayed is taken from those
// who brought them.

#include "actors/protocol/replicator.hpp"

#include <algorithm>

namespace shoal::protocol {

// One that passed on in good faith what a third had altered mends itself meanwhile.
constexpr uint64_t distrust_first_us = 10'000'000;
constexpr uint64_t distrust_most_us = 600'000'000;

bool replicator::distrusts(const device_id& peer) const {
  const auto it = distrusted_.find(peer);
  return it != distrusted_.end() && now_us_ < it->second.until_us;
}

void replicator::note_relayed(const device_id& origin, const device_id& peer) {
  if (origin != peer && origin != settings_.self)
    relayed_[origin].insert(peer);
}

void replicator::heed(const tip_check& t) {
  if (t.holds) {
    relayed_.erase(t.owner);
    doubted_.erase(t.owner);
    return;
  }
  if (kept_.resync || blamed_.contains(t.owner))
    return;
  const auto by = std::exchange(relayed_[t.owner], {});
  const bool fresh = doubted_.insert(t.owner).second;
  if (t.filling) { // nobody need be at fault: it is taken anew once, if it can be from another
    if (fresh)
      take_anew(t.owner, by);
    return;
  }
  if (by.empty() && !fresh) {
    // What it sent itself is not what it signed: nobody else is to blame for that.
    blamed_.insert(t.owner);
    std::erase_if(distrusted_, [&](const auto& d) { return d.second.owner == t.owner; });
    out_.push_back(forged{t.owner, {t.owner}});
    return;
  }
  out_.push_back(forged{t.owner, {by.begin(), by.end()}});
  for (const auto& peer : by) {
    auto& d = distrusted_[peer];
    d.for_us = d.for_us == 0 ? distrust_first_us : std::min(2 * d.for_us, distrust_most_us);
    d.until_us = now_us_ + d.for_us;
    d.owner = t.owner;
    if (sessions_.contains(peer))
      close(peer, "records of " + to_string(t.owner) + " that it relayed are not what "
                      + to_string(t.owner) + " signed");
  }
  take_anew(t.owner, by);
}

void replicator::take_anew(const device_id& owner, const std::set<device_id>& rather_not) {
  const auto begin = submitted_.lower_bound({owner, 0});
  auto end = begin;
  while (end != submitted_.end() && end->first.origin == owner)
    ++end;
  begin_resync({{begin, end}, {}, {}, owner});
  choose_source(rather_not);
}

/// Of whom to take the records that were dropped: their owner, before one that is through, before
/// one that is being filled or takes another device's records anew itself.
void replicator::choose_source(const std::set<device_id>& rather_not) {
  const auto& r = *kept_.resync;
  std::optional<device_id> best;
  int best_rank = 0;
  for (const auto& [peer, s] : sessions_) {
    const auto known = announced_.find(peer);
    if (s.state != session_state::live || distrusts(peer) || known == announced_.end()
        || !covers(known->second, r.base))
      continue;
    const int rank = 1 + (rather_not.contains(peer) ? 0 : 4) + (s.filling ? 0 : 1)
                     + (peer == *r.owner && !s.filling ? 1 : 0);
    if (rank > best_rank) {
      best = peer;
      best_rank = rank;
    }
  }
  if (best)
    start_resync(*best, {});
}

} // namespace shoal::protocol
