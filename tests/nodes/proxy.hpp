#pragma once
// A TCP relay that counts: what two nodes really put on the wire, TLS and all.

#include <atomic>
#include <cstdint>
#include <thread>

namespace shoal::nodes {

/// Listens on a free loopback port and relays each connection to 127.0.0.1:`to`. One thread.
class proxy {
public:
  explicit proxy(uint16_t to);
  ~proxy();
  proxy(const proxy&) = delete;
  proxy& operator=(const proxy&) = delete;

  uint16_t port() const { return port_; }
  /// Bytes relayed so far, both directions together.
  uint64_t bytes() const { return bytes_; }

private:
  void run();

  uint16_t to_;
  uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

} // namespace shoal::nodes
