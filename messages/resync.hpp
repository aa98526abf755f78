#pragma once
// What a node does whose peer has forgotten deletes that it never heard of.

#include "messages/frontier.hpp"

namespace shoal {

/// It compares all it held with that peer, and drops what the peer no longer has. Durable until it
/// is done.
struct resync_state {
  frontier base;         // what was held when it began: to be compared
  frontier compared;     // as far as that has been done
  frontier deletes_from; // up to here the peer had forgotten deletes: so has this node, when done
  bool operator==(const resync_state&) const = default;
};

} // namespace shoal
