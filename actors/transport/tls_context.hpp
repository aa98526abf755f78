#pragma once
// What all TLS sessions of a node share: its key, which peers it takes, and how TLS is spoken.
// TLS 1.3 only, both sides present a certificate, no CA: a peer is who its Ed25519 key says. No
// tickets, resumption, early data or compression, so that removing a member takes effect at the
// next connection.

#include "actors/transport/identity.hpp"
#include "messages/error.hpp"
#include "messages/ids.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

struct ssl_ctx_st;

namespace shoal::transport {

/// In the reason of every link that leads to this device's own key.
constexpr const char* own_device_text = "the peer is this device itself";
/// Why a link that this device dialled ended: the peer's certificate check refused it.
constexpr const char* refused_text = "the peer holds this device no member of any of its libraries";

/// Both sides must name it; another major version of Shoal's link layer has another name.
constexpr std::string_view alpn = "shoal/1";

class tls_context {
public:
  /// True for a device that this node takes a connection from or to: the members of all its
  /// libraries. Called within handshakes on CAF's network thread: must be thread-safe and must not
  /// block.
  using acceptance = std::function<bool(const device_id&)>;

  static result<std::shared_ptr<const tls_context>> make(const identity& self, acceptance accepts);

  const device_id& self() const { return self_; }
  bool accepts(const device_id& device) const { return accepts_(device); }
  ssl_ctx_st* native() const { return context_.get(); }

private:
  tls_context() = default;

  std::shared_ptr<ssl_ctx_st> context_;
  acceptance accepts_;
  device_id self_;
};

/// What the check of a peer's certificate is given and what it found; one per session, hung on its
/// SSL.
struct peer_check {
  const tls_context* context = nullptr;
  std::optional<device_id> expected; // outbound: who should answer at that address
  std::optional<device_id> peer;     // set once the peer's key was accepted
  std::string refusal;               // why it was not, empty if it never came to that
};
/// Where a `peer_check*` is hung on an SSL.
int peer_check_index();

} // namespace shoal::transport
