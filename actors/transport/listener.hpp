#pragma once
// Accepts connections, within bounds, and gives each a link broker.

#include "actors/transport/link.hpp"

namespace shoal::transport {

/// A socket that listens already, so that a port in use stops the start of a node instead of being
/// found later.
struct listening_socket {
  socket_fd fd;
  config::address bound; // with the real port when 0 was asked for
};
/// ec::config if the address cannot be listened on; the message names it.
result<listening_socket> open_listener(const config::address& address);

/// The LISTENER: accepts until it gets an exit message or the owner ends. Links it made live on.
caf::actor spawn_listener(caf::actor_system& system, listening_socket socket, link_context context,
                          accept_limits limits = {});

} // namespace shoal::transport
