#include "tests/nodes/proxy.hpp"

#include "tests/nodes/process.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
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

/// Moves what is there, at most `allowed` bytes; false when the side has ended. The other side
/// takes it at once or within its socket buffer: both ends are processes on this machine that read.
bool move_bytes(int from, int to, int64_t& allowed, std::atomic<uint64_t>& count) {
  char piece[65536];
  const auto most = std::min<int64_t>(allowed, sizeof piece);
  if (most <= 0)
    return true;
  const auto got = recv(from, piece, static_cast<size_t>(most), 0);
  if (got <= 0)
    return false;
  count += static_cast<uint64_t>(got);
  allowed -= got;
  for (ssize_t put = 0; put < got;) {
    const auto n = send(to, piece + put, static_cast<size_t>(got - put), MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    put += n;
  }
  return true;
}

/// How much may pass now. Refilled by the clock, up to a twentieth of a second's worth.
class allowance {
public:
  int64_t refill(int64_t per_second) {
    const auto now = monotonic::now();
    const auto gone = std::chrono::duration<double>(now - since_).count();
    since_ = now;
    if (per_second < 0) {
      credit_ = 0;
      return left = INT64_MAX;
    }
    const auto rate = static_cast<double>(per_second);
    credit_ = std::min(credit_ + gone * rate, rate / 20);
    return left = static_cast<int64_t>(credit_);
  }
  void spend(int64_t bytes) { credit_ -= static_cast<double>(bytes); }
  int64_t left = 0;

private:
  monotonic::time_point since_ = monotonic::now();
  double credit_ = 0;
};

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
  allowance allowed;
  const auto close_all = [&all] {
    for (const auto& [client, server] : all) {
      close(client);
      close(server);
    }
    all.clear();
  };
  while (!stop_) {
    if (cut_)
      close_all();
    const auto rate = bytes_per_second_.load();
    const auto before = allowed.refill(rate);
    const bool flows = before > 0;
    std::vector<pollfd> waiting{{listener_, POLLIN, 0}};
    for (const auto& r : all) { // a negative descriptor is passed over
      waiting.push_back({flows ? r.client : -1, POLLIN, 0});
      waiting.push_back({flows ? r.server : -1, POLLIN, 0});
    }
    constexpr int change_is_seen_ms = 50;
    constexpr int refill_ms = 5;
    const int ready =
        poll(waiting.data(), waiting.size(), rate > 0 ? refill_ms : change_is_seen_ms);
    if (ready <= 0)
      continue;
    std::vector<relay> left;
    for (size_t i = 0; i < all.size(); ++i) {
      const auto& [client, server] = all[i];
      const bool alive =
          (waiting[1 + 2 * i].revents == 0 || move_bytes(client, server, allowed.left, bytes_))
          && (waiting[2 + 2 * i].revents == 0 || move_bytes(server, client, allowed.left, bytes_));
      if (alive) {
        left.push_back(all[i]);
      } else {
        close(client);
        close(server);
      }
    }
    allowed.spend(before - allowed.left);
    all = std::move(left);
    if (waiting[0].revents == 0)
      continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto at = loopback(to_);
    if (client >= 0 && !cut_
        && connect(server, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0) {
      all.push_back({client, server});
    } else { // the node is down: so is its proxy
      if (client >= 0)
        close(client);
      close(server);
    }
  }
  close_all();
}

} // namespace shoal::nodes
