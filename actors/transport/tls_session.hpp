#pragma once
// One TLS connection without a socket: ciphertext in, ciphertext out. The same code runs in the
// link broker and, back to back in memory, in tests.

#include "actors/transport/tls_context.hpp"

#include <string_view>
#include <vector>

struct ssl_st;

namespace shoal::transport {

class tls_session {
public:
  enum class side : uint8_t { client, server };
  enum class state : uint8_t {
    handshaking,
    up,     // the peer's key is proven and accepted; on a client, the server may still refuse ours
    closed, // the peer said goodbye, or something failed
  };

  /// `expected`, if given, is the only device that is accepted.
  tls_session(std::shared_ptr<const tls_context> context, side which,
              std::optional<device_id> expected = {});
  ~tls_session();
  tls_session(const tls_session&) = delete;
  tls_session& operator=(const tls_session&) = delete;

  state current() const { return state_; }
  /// Set when the peer's key was accepted, also if the handshake fails after that.
  const std::optional<device_id>& peer() const { return check_.peer; }

  // Each of these appends ciphertext for the peer to `out`; also when it fails, since the peer
  // should get the alert.

  /// Begins a client's handshake.
  status start(std::vector<char>& out);
  /// Takes all of the ciphertext; appends what it decrypts to to `plain`. After an error the
  /// session is closed.
  status receive(std::string_view ciphertext, std::string& plain, std::vector<char>& out);
  /// Encrypts; only while up.
  status send(std::string_view plain, std::vector<char>& out);
  /// Says goodbye, if there is a session to end.
  void close(std::vector<char>& out);

private:
  status shake_hands();
  status failed(int ssl_error);

  /// The memory that OpenSSL reads ciphertext from and writes it to, lent for the length of one
  /// call.
  struct lent_memory {
    std::string_view in;
    std::vector<char>* out = nullptr;
  };
  friend struct lent_memory_bio;

  std::shared_ptr<const tls_context> context_;
  peer_check check_;
  lent_memory memory_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  state state_ = state::handshaking;
};

} // namespace shoal::transport
