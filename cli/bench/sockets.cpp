#include "cli/bench/sockets.hpp"

#include "cli/bench/interrupt.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shoal::cli::bench {

static error failed(const char* what) {
  return {ec::unavailable, std::string(what) + " on 127.0.0.1 failed: " + std::strerror(errno)};
}

static sockaddr_in loopback(uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

result<listening> listen_here() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = loopback(0);
  socklen_t size = sizeof at;
  if (fd >= 0 && bind(fd, reinterpret_cast<const sockaddr*>(&at), size) == 0
      && listen(fd, SOMAXCONN) == 0
      && getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0)
    return listening{fd, ntohs(at.sin_port)};
  const auto why = failed("listening");
  if (fd >= 0)
    close(fd);
  return why;
}

result<int> connect_to(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto at = loopback(port);
  const int on = 1;
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0
      && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0)
    return fd;
  const auto why = failed("connecting");
  if (fd >= 0)
    close(fd);
  return why;
}

status send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR)
      return failed("sending");
    if (auto go_on = not_interrupted(); !go_on)
      return go_on;
    bytes.remove_prefix(static_cast<size_t>(std::max<ssize_t>(sent, 0)));
  }
  return success();
}

status receive_all(int socket, char* to, size_t bytes) {
  while (bytes > 0) {
    const auto got = ::recv(socket, to, bytes, 0);
    if (got == 0)
      return error{ec::unavailable, "the other side of a connection on 127.0.0.1 is gone"};
    if (got < 0 && errno != EINTR)
      return failed("receiving");
    if (auto go_on = not_interrupted(); !go_on)
      return go_on;
    const auto n = static_cast<size_t>(std::max<ssize_t>(got, 0));
    to += n;
    bytes -= n;
  }
  return success();
}

status await_readable(int socket, std::chrono::steady_clock::time_point deadline) {
  pollfd waiting{socket, POLLIN, 0};
  constexpr int look_ms = 100; // so often for a signal that came just before poll
  while (std::chrono::steady_clock::now() < deadline) {
    if (auto go_on = not_interrupted(); !go_on)
      return go_on;
    if (poll(&waiting, 1, look_ms) > 0)
      return success();
  }
  return error{ec::timed_out, "no answer on 127.0.0.1 in time"};
}

} // namespace shoal::cli::bench
