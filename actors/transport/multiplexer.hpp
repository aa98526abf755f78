#pragma once
// The loop of the thread of the sockets.

namespace caf {
class actor_system_config;
}

namespace shoal::transport {

/// Adds CAF's middleman to the system, with a loop of our own: a message from another thread costs
/// a write to a pipe only if the loop sleeps. Sockets are looked at after each generation of
/// messages, until none has anything, so that under load one commit, or one exchange, is made for
/// many frames.
/// Before the system starts.
void load_middleman(caf::actor_system_config& config);

} // namespace shoal::transport
