#include "actors/peer_link.hpp"

#include <caf/all.hpp>

namespace shoal {

namespace {

class link_reader {
public:
  link_reader(caf::event_based_actor* self, peer_link_setup setup)
      : self_(self), setup_(std::move(setup)), held_(setup_.held) {}

  void on(const transport::frames_in& f) {
    if (std::exchange(probing_, false))
      self_->send(setup_.node, link_alive{setup_.peer, setup_.number});
    if (!greeted_)
      for (const auto& payload : f.payloads)
        look_for_greeting(payload);
    if (held_)
      return waiting_.push_back(f); // `unread` goes with it: the link's inbox bounds what waits
    take(f);
  }
  /// By this way, behind what came before: a library that heard of the end first would drop the
  /// peer's last words, its goodbye and what it says of members.
  void on(transport::link_down& d) {
    self_->send(setup_.node, std::move(d));
    self_->quit();
  }
  void on(const admit_link&) {
    held_ = false;
    for (const auto& f : std::exchange(waiting_, {}))
      take(f);
  }
  /// Whoever runs there answers a Hello of a library that it does not have at once, whatever it is
  /// busy with.
  void on(const probe_link& p) {
    probing_ = true;
    hello ping;
    ping.boot_nonce = p.boot_nonce;
    say(p.nobodys, std::move(ping));
  }

private:
  void take(const transport::frames_in& f) {
    const auto now = setup_.time.wall_ms();
    for (const auto& payload : f.payloads)
      take_frame(payload, now, f.unread);
  }
  void look_for_greeting(const std::string& payload);
  void take_frame(std::string_view payload, uint64_t now_ms,
                  const std::shared_ptr<const void>& unread);
  void say(const library_id& library, message body) {
    self_->send(setup_.link, transport::frames_out{{encode_frame(
                                 {library, setup_.self, setup_.time.wall_ms(), std::move(body)})}});
  }

  caf::event_based_actor* self_;
  peer_link_setup setup_;
  bool held_;
  bool greeted_ = false;
  bool probing_ = false;
  std::vector<transport::frames_in> waiting_; // while held
};

/// The first Hello says which process it is that speaks.
void link_reader::look_for_greeting(const std::string& payload) {
  const auto head = decode_head(payload);
  if (greeted_ || !head || head->kind != static_cast<uint64_t>(message_kind::hello))
    return;
  const auto decoded = decode_envelope(payload);
  if (!decoded || decoded->sender != setup_.peer)
    return;
  greeted_ = true;
  self_->send(setup_.node, link_greeted{setup_.peer, setup_.number, decoded->library,
                                        std::get<hello>(decoded->body).boot_nonce});
}

/// Frames come from an authenticated peer, which may still be broken or hostile: the first one that
/// no version of Shoal could have sent ends the connection, with a reason that names it.
void link_reader::take_frame(std::string_view payload, uint64_t now_ms,
                             const std::shared_ptr<const void>& unread) {
  const auto cut = [&](const std::string& why) {
    self_->send(setup_.node, drop_peer{setup_.peer, setup_.number, why, true});
  };
  auto head = decode_head(payload);
  if (!head)
    return cut("a frame that is no envelope: " + head.err().message);
  if (head->sender != setup_.peer)
    return cut("a frame in the name of " + to_string(head->sender));
  auto library = setup_.libraries->find(head->library);
  if (!library) {
    // The one answer for every library that is not here or not for this peer.
    if (head->kind == static_cast<uint64_t>(message_kind::hello))
      say(head->library, error_message{"unknown_library", "unknown library"});
    return;
  }
  auto decoded = decode_envelope(payload);
  if (!decoded) {
    if (decoded.err().code == ec::unknown_kind)
      return; // from a newer version; what matters it says by capabilities
    return cut("a frame that does not decode: " + decoded.err().message);
  }
  if (const auto* e = std::get_if<error_message>(&decoded->body);
      e != nullptr && e->code == duplicate_device)
    self_->send(setup_.node, duplicate_reported{setup_.peer});
  inbound in;
  in.peer = setup_.peer;
  in.number = setup_.number;
  in.link = setup_.link;
  in.sent_wall_ms = decoded->timestamp_ms;
  in.wall_ms = now_ms;
  in.bytes = payload.size() + 4;
  in.body = std::make_shared<message>(std::move(decoded->body));
  in.unread = unread;
  self_->send(library, std::move(in));
}

} // namespace

caf::behavior peer_link(caf::event_based_actor* self, peer_link_setup setup) {
  self->set_default_handler(caf::drop);
  // A connection that ended before it was attached does not say so here: without its watch, this
  // actor would stay, and with it a node that is to stop.
  self->set_down_handler([self](const caf::down_msg&) { self->quit(); });
  self->monitor(setup.link);
  auto reader = std::make_shared<link_reader>(self, std::move(setup));
  return {
      [=](const transport::frames_in& f) { reader->on(f); },
      [=](const admit_link& a) { reader->on(a); },
      [=](const probe_link& p) { reader->on(p); },
      [=](transport::link_down& d) { reader->on(d); },
  };
}

} // namespace shoal
