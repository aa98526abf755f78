#pragma once
// One replicator that is linked to a peer, for stories told message by message.

#include "sim/workload.hpp"
#include "tests/sim/effects.hpp"

namespace shoal::sim {

inline const device_id self = device_of(0);
inline const device_id peer = device_of(1);
inline const device_id far = device_of(2); // not linked: known through `peer`

/// A member that is linked to one of two others.
struct linked_node {
  protocol::replicator core{settings_of(self), 0};
  uint64_t now = 1'000'000;
  protocol::effects after_hello;

  explicit linked_node(frontier held_by_peer = {}) {
    protocol::stored first;
    first.members = member_set{{self, {}}, {peer, {}}, {far, {}}};
    core.step(std::move(first), now);
    core.step(protocol::link_up{peer}, now);
    after_hello = greet(std::move(held_by_peer));
  }
  protocol::effects hear(message m) {
    return core.step(protocol::received{peer, 0, 0, std::move(m)}, now);
  }
  protocol::effects greet(frontier held_by_peer) {
    hello m;
    m.members = core.members();
    m.held = std::move(held_by_peer);
    return hear(std::move(m));
  }
};

} // namespace shoal::sim
