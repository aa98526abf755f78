#pragma once
// What a node does whose peer has forgotten deletes that it never heard of, or that holds records
// of a device which that device did not write.

#include "messages/frontier.hpp"

#include <optional>

namespace shoal {

/// It compares all it held with a peer, and drops what the peer no longer has. Or, with an `owner`,
/// it has dropped that device's records, and takes what the peer has of them. Durable until it is
/// done.
struct resync_state {
  frontier base;         // what was held when it began: to be compared
  frontier compared;     // as far as that has been done
  frontier deletes_from; // up to here the peer had forgotten deletes: so has this node, when done
  std::optional<device_id> owner = {};
  bool operator==(const resync_state&) const = default;
};

} // namespace shoal
