#include "actors/peer_link.hpp"

#include "actors/clocks.hpp"

#include <caf/all.hpp>

namespace shoal {

namespace {

/// Frames come from an authenticated peer, which may still be broken or hostile: the first one that
/// no version of Shoal could have sent ends the connection, with a reason that names it.
void take_frame(caf::event_based_actor* self, const peer_link_setup& setup,
                std::string_view payload, uint64_t now_ms,
                const std::shared_ptr<const void>& unread) {
  const auto cut = [&](const std::string& why) {
    self->send(setup.node, drop_peer{setup.peer, setup.number, why});
  };
  auto head = decode_head(payload);
  if (!head)
    return cut("a frame that is no envelope: " + head.err().message);
  if (head->sender != setup.peer)
    return cut("a frame in the name of " + to_string(head->sender));
  auto library = setup.libraries->find(head->library);
  if (!library) {
    // The one answer for every library that is not here or not for this peer.
    if (head->kind == static_cast<uint64_t>(message_kind::hello)) {
      envelope e{head->library, setup.self, now_ms,
                 error_message{"unknown_library", "unknown library"}};
      self->send(setup.link, transport::frames_out{{encode_frame(e)}});
    }
    return;
  }
  auto decoded = decode_envelope(payload);
  if (!decoded) {
    if (decoded.err().code == ec::unknown_kind)
      return; // from a newer version; what matters it says by capabilities
    return cut("a frame that does not decode: " + decoded.err().message);
  }
  inbound in;
  in.peer = setup.peer;
  in.number = setup.number;
  in.link = setup.link;
  in.sent_wall_ms = decoded->timestamp_ms;
  in.wall_ms = now_ms;
  in.body = std::make_shared<message>(std::move(decoded->body));
  in.unread = unread;
  self->send(library, std::move(in));
}

} // namespace

caf::behavior peer_link(caf::event_based_actor* self, peer_link_setup setup) {
  self->set_default_handler(caf::drop);
  return {
      [=](const transport::frames_in& f) {
        const auto now = wall_ms();
        for (const auto& payload : f.payloads)
          take_frame(self, setup, payload, now, f.unread);
      },
      [=](const transport::link_down&) { self->quit(); },
  };
}

} // namespace shoal
