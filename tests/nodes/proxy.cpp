#include "tests/nodes/proxy.hpp"

#include "tests/nodes/process.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shoal::nodes {

namespace {

sockaddr_in loopback(uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

struct relay {
  int client;
  int server;
};

/// Moves what is there; false when the side has ended. The other side takes it at once or within
/// its socket buffer: both ends are processes on this machine that read.
bool move_bytes(int from, int to, std::atomic<uint64_t>& count) {
  char piece[65536];
  const auto got = recv(from, piece, sizeof piece, 0);
  if (got <= 0)
    return false;
  count += static_cast<uint64_t>(got);
  for (ssize_t put = 0; put < got;) {
    const auto n = send(to, piece + put, static_cast<size_t>(got - put), MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    put += n;
  }
  return true;
}

} // namespace

proxy::proxy(uint16_t to) : to_(to), port_(free_port()) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto at = loopback(port_);
  BOOST_REQUIRE(bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  BOOST_REQUIRE(listen(listener_, 16) == 0);
  thread_ = std::thread([this] { run(); });
}

proxy::~proxy() {
  stop_ = true;
  thread_.join();
  close(listener_);
}

void proxy::run() {
  std::vector<relay> all;
  while (!stop_) {
    std::vector<pollfd> waiting{{listener_, POLLIN, 0}};
    for (const auto& r : all) {
      waiting.push_back({r.client, POLLIN, 0});
      waiting.push_back({r.server, POLLIN, 0});
    }
    constexpr int stop_is_seen_ms = 50;
    if (poll(waiting.data(), waiting.size(), stop_is_seen_ms) <= 0)
      continue;
    std::vector<relay> left;
    for (size_t i = 0; i < all.size(); ++i) {
      const auto& [client, server] = all[i];
      const bool alive = (waiting[1 + 2 * i].revents == 0 || move_bytes(client, server, bytes_))
                         && (waiting[2 + 2 * i].revents == 0 || move_bytes(server, client, bytes_));
      if (alive) {
        left.push_back(all[i]);
      } else {
        close(client);
        close(server);
      }
    }
    all = std::move(left);
    if (waiting[0].revents == 0)
      continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto at = loopback(to_);
    if (client >= 0 && connect(server, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0) {
      all.push_back({client, server});
    } else { // the node is down: so is its proxy
      if (client >= 0)
        close(client);
      close(server);
    }
  }
  for (const auto& [client, server] : all) {
    close(client);
    close(server);
  }
}

} // namespace shoal::nodes
