// Why a node does not take its library for level everywhere, in words for people.

#include "actors/protocol/replicator.hpp"

namespace shoal::protocol {

/// All members that are not linked, in words; empty when there are none.
std::string
replicator::not_connected(const std::function<std::string(const device_id&)>& named) const {
  std::vector<std::string> away;
  size_t others = 0;
  for (const auto& [device, m] : members_) {
    if (device == settings_.self || m.removed)
      continue;
    ++others;
    const auto it = sessions_.find(device);
    if (it == sessions_.end() || it->second.state != session_state::live)
      away.push_back(named(device));
  }
  if (away.empty())
    return {};
  if (others > 1 && away.size() == others)
    return "none of the " + std::to_string(others)
           + " other members is connected: this node may be cut off";
  std::string out;
  for (size_t i = 0; i < away.size(); ++i)
    out += (i == 0 ? "" : i + 1 == away.size() ? " and " : ", ") + away[i];
  return out + (away.size() == 1 ? " is not connected" : " are not connected");
}

std::string replicator::not_converged() const {
  const auto named = [&](const device_id& d) {
    const auto it = members_.find(d);
    return it == members_.end() || it->second.name.empty() ? shoal::to_string(d) : it->second.name;
  };
  if (kept_.resync)
    return "comparing all records with a peer: deletes that this node missed are forgotten";
  if (!settled_)
    return "catching up: what was read from a peer's records is not complete yet";
  if (!full_.empty())
    return "no more ops of " + named(full_.begin()->first)
           + " are taken: too many are stamped ahead of this node's clock and wait here";
  if (auto away = not_connected(named); !away.empty())
    return away;
  for (const auto& [device, m] : members_) {
    if (device == settings_.self || m.removed)
      continue;
    const auto it = sessions_.find(device);
    if (it->second.stale)
      return named(device) + " is stale: nothing was heard for longer than its heartbeat";
    const auto known = announced_.find(device);
    if (known == announced_.end() || !covers(known->second, held_))
      return named(device) + " does not hold everything yet";
    if (!covers(held_, known->second))
      return "this node does not hold everything of " + named(device) + " yet";
    if (it->second.beat_frontier_hash != hash_of_held()
        || it->second.beat_members_hash != hash_of_members()) // a purge changes records
      return "waiting for the next heartbeat of " + named(device);
    if (it->second.beat_quarantine != quarantine_)
      return "ops wait for a clock or for another version, other ones here than on "
             + named(device);
    if (it->second.beat_digest != digest_)
      return it->second.beat_digest.empty() ? named(device) + " is catching up"
                                            : "DIVERGED: " + named(device) + " has another digest";
  }
  return {};
}

} // namespace shoal::protocol
