#pragma once
// The link broker: one actor per connection, on CAF's network thread. It does TLS, cuts frames, and
// holds the peer to the limits; it decodes nothing. Its messages are in events.hpp.
//
//   handshaking ──▶ up ──▶ draining ──▶ ended      (every state may go straight to ended)
//
// A link ends on close_link, an exit message, the end of its owner or receiver, the peer's goodbye,
// and any breach of a limit; the owner hears of it exactly once.

#include "actors/transport/admission.hpp"
#include "actors/transport/events.hpp"
#include "actors/transport/limits.hpp"
#include "actors/transport/socket_fd.hpp"
#include "actors/transport/tls_context.hpp"

#include <caf/fwd.hpp>
#include <caf/io/connection_handle.hpp>
#include <caf/io/fwd.hpp>

#include <memory>
#include <string>
#include <variant>

namespace shoal::transport {

/// What all links of a node have in common. Listener and dialer get it at spawn and pass it on.
struct link_context {
  std::shared_ptr<const tls_context> tls;
  caf::actor owner; // gets link_up, link_down (see there), dial_failed and link_refused; everything
                    // here ends when it does
  std::shared_ptr<traffic> counters;
  link_limits limits;
};

struct inbound {
  std::shared_ptr<admission> gate;
  std::shared_ptr<admission::slot> slot;
};
/// Where a link comes from.
struct link_origin {
  std::string remote;
  std::variant<inbound, dial> how;
};

/// Hands an accepted connection from the listener to a link of its own. Network thread only.
caf::actor fork_link(caf::io::broker* listener, caf::io::connection_handle connection,
                     link_context context, link_origin origin);
/// Makes an outbound link of a connected socket. Any thread.
caf::actor spawn_link(caf::actor_system& system, socket_fd connected, link_context context,
                      link_origin origin);

} // namespace shoal::transport
