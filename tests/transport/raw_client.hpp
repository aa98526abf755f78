#pragma once
// The other end of a socket without an actor: a stranger that sends what it likes, and a member
// that misbehaves after a good handshake.

#include "actors/transport/socket_fd.hpp"
#include "actors/transport/tls_session.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <utility>

namespace shoal::transport::test {

using namespace std::chrono_literals;
using deadline_clock = std::chrono::steady_clock;

class raw_client {
public:
  explicit raw_client(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }

  bool connected() const { return connected_; }
  int fd() const { return fd_.get(); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      auto put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put <= 0)
        return false;
      bytes.remove_prefix(static_cast<size_t>(put));
    }
    return true;
  }

  /// Reads once, waiting at most until the deadline. False at the end of the stream; nothing read
  /// and true at the deadline.
  bool read(std::string& into, deadline_clock::time_point until) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - deadline_clock::now()).count();
    pollfd waiting{fd_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(std::max<long>(left, 0))) <= 0)
      return true;
    char piece[65536];
    auto got = ::recv(fd_.get(), piece, sizeof piece, 0);
    if (got <= 0)
      return false;
    into.append(piece, static_cast<size_t>(got));
    return true;
  }

  /// True if the other end closes before the deadline; `got` is what it said until then.
  bool closed_by(deadline_clock::time_point until, std::string* got = nullptr) {
    std::string bytes;
    while (deadline_clock::now() < until)
      if (!read(bytes, until)) {
        if (got)
          *got = bytes;
        return true;
      }
    return false;
  }

private:
  socket_fd fd_;
  bool connected_ = false;
};

/// A device that speaks good TLS and then does as the test says.
class raw_peer {
public:
  raw_peer(uint16_t port, std::shared_ptr<const tls_context> context)
      : client(port), session_(std::move(context), tls_session::side::client) {}

  bool shake_hands() {
    std::vector<char> out;
    if (!client.connected() || !session_.start(out))
      return false;
    auto until = deadline_clock::now() + 10s;
    for (;;) {
      if (!client.send({out.data(), out.size()}))
        return false;
      out.clear();
      if (session_.current() != tls_session::state::handshaking)
        return session_.current() == tls_session::state::up;
      std::string in;
      if (deadline_clock::now() > until || !client.read(in, until)
          || !session_.receive(in, plain, out))
        return false;
    }
  }

  /// False once the other end no longer takes bytes.
  bool send(std::string_view bytes) {
    std::vector<char> out;
    return session_.send(bytes, out).ok() && client.send({out.data(), out.size()});
  }

  raw_client client;
  std::string plain;

private:
  tls_session session_;
};

} // namespace shoal::transport::test
