#pragma once
// Actors that run in the thread of the sockets.

#include <caf/event_based_actor.hpp>

#include <functional>

namespace caf {
class actor_system;
}

namespace shoal {

using actor_body = std::function<caf::behavior(caf::event_based_actor*)>;

/// Runs in the multiplexer's thread, where links are. A message between two such actors, or from a
/// link, wakes no thread: that is half of what one small write costs a peer. `body` must never
/// block, nor compute for long: all links of the node wait meanwhile. The system must have a
/// middleman.
caf::actor spawn_in_socket_thread(caf::actor_system& system, actor_body body);

} // namespace shoal
