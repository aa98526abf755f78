#pragma once
// How a node becomes equal to a peer again; and what it does when that has forgotten deletes that
// it never heard of, or when it holds records of a device which that device did not write.

#include "messages/frontier.hpp"

#include <optional>

namespace shoal {

/// How what a peer has in an interval of a stream is merged, whatever is held here.
enum class repair_goal : uint8_t {
  unite,  // take what this node lacks; nothing goes
  adopt,  // what stands here and not there goes as well
  remind, // only deletes, cleared fields and the like, of shared records: what hides what should
          // not stand here
};

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
