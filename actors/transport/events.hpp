#pragma once
// What link brokers, listener, dialer and the rest of the node tell each other. All of it stays
// within the process.
//
//   owner ── dial ──▶ dialer ── socket ──▶ link ── link_up | dial_failed ──▶ owner
//   TCP ──▶ listener ────── socket ──────▶ link ── link_up | link_refused ──▶ owner
//   owner ── attach ──▶ link ── frames_in ──▶ receiver        any actor ── frames_out, close_link
//   ──▶ link receiver ── hello_accepted ──▶ link ── link_down ──▶ receiver ──▶ owner

#include "config/address.hpp"
#include "messages/ids.hpp"
#include "messages/message.hpp"

#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shoal::transport {

/// TCP bytes of all links of a node, TLS included; read by metrics from any thread.
struct traffic {
  std::atomic<uint64_t> bytes_in{0};
  std::atomic<uint64_t> bytes_out{0};
  std::atomic<uint64_t> refused{0}; // inbound connections that did not become links
};

/// Link → owner: the peer has proven its key and is a member. On an outbound link the peer may
/// still refuse ours: only its Hello says that it did not. From here on the owner gets exactly one
/// link_down.
struct link_up {
  device_id peer;
  std::string remote; // address and port, for logs and status
  bool outbound = false;
  caf::actor link;
};

/// Owner → link: frames go to the receiver, those first that came before this. The link also ends
/// when the receiver does.
struct attach {
  caf::actor receiver;
};

/// Link → receiver: the frames that one read completed, in order, each without its length.
struct frames_in {
  std::vector<std::string> payloads;
  size_t wire_bytes = 0; // lengths included
  /// While it lives, the bytes count against link_limits::inbox_bytes: whoever queues the payloads
  /// keeps it with them.
  std::shared_ptr<const void> unread;
};

/// Any actor → link. Sent in the order given; what is in the link's mailbox at the time is
/// encrypted together.
struct frames_out {
  std::vector<frame_ptr> frames;
};

/// Receiver → link: a Hello was good, frames may have their full size.
struct hello_accepted {};

/// Any actor → link: sends what was given to it before, says goodbye to TLS and closes, within
/// link_limits::drain.
struct close_link {
  std::string reason; // comes back in link_down
};

/// Link → receiver, or to its owner while none is attached: exactly once, as the link's last word,
/// after link_up, or when an inbound handshake fails although the peer's key was accepted. The
/// receiver passes it on to the owner behind what it does with the frames before.
struct link_down {
  device_id peer;
  std::string reason;
  caf::actor_addr link;
  bool breach = false; // the peer did what no honest member does
};

/// Owner → dialer. Answered by link_up from the link or by dial_failed; nothing is tried twice.
struct dial {
  config::address address;
  std::optional<device_id> expected; // none: whoever answers, if it is a member
};

/// Dialer or outbound link → owner.
struct dial_failed {
  config::address address;
  std::optional<device_id> expected;
  std::string reason;
};

/// Listener or inbound link → owner, for the log: a connection that did not become a link. At most
/// one a second and listener.
struct link_refused {
  std::string remote;
  std::string reason;
  uint64_t others = 0; // refusals since the last one told
};

} // namespace shoal::transport

// Other blocks of type ids begin at caf::id_block::shoal_transport::end.
CAF_BEGIN_TYPE_ID_BLOCK(shoal_transport, first_custom_type_id)
  CAF_ADD_TYPE_ID(shoal_transport, (shoal::transport::link_up))
  CAF_ADD_TYPE_ID(shoal_transport, (shoal::transport::attach))
  CAF_ADD_TYPE_ID(shoal_transport, (shoal::transport::frames_in))
  CAF_ADD_TYPE_ID(shoal_transport, (shoal::transport::frames_out))
  CAF_ADD_TYPE_ID(shoal_transport, (shoal::transport::hello_accepted))
  CAF_ADD_TYPE_ID(shoal_transport, (shoal::transport::close_link))
  CAF_ADD_TYPE_ID(shoal_transport, (shoal::transport::link_down))
  CAF_ADD_TYPE_ID(shoal_transport, (shoal::transport::dial))
  CAF_ADD_TYPE_ID(shoal_transport, (shoal::transport::dial_failed))
  CAF_ADD_TYPE_ID(shoal_transport, (shoal::transport::link_refused))
CAF_END_TYPE_ID_BLOCK(shoal_transport)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::transport::link_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::transport::attach)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::transport::frames_in)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::transport::frames_out)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::transport::hello_accepted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::transport::close_link)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::transport::link_down)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::transport::dial)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::transport::dial_failed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::transport::link_refused)
