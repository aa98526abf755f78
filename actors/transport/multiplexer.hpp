#pragma once
// The loop of the thread of the sockets.

namespace caf {
class actor_system_config;
}

namespace shoal::transport {

/// Adds CAF's middleman to the system, with a loop of our own. Who has a message there is run until
/// nobody has one, and only then sockets are looked at; CAF's loop asks the kernel for sockets
/// after each generation of messages. A message from another thread costs a write to a pipe only if
/// the loop sleeps. Before the system starts.
void load_middleman(caf::actor_system_config& config);

} // namespace shoal::transport
