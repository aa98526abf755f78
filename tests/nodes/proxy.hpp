#pragma once
// A TCP relay that counts what two nodes really put on the wire, TLS and all, and that can be slow
// or cut.

#include <atomic>
#include <cstdint>
#include <string>
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
  /// What the other side dials.
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// Bytes relayed so far, both directions together.
  uint64_t bytes() const { return bytes_; }
  /// Ends all connections, and each new one at once, until `mend`.
  void cut() { cut_ = true; }
  void mend() { cut_ = false; }
  /// From now on at most this much, both directions together. At 0 connections stay and nothing
  /// moves: what a peer sees of a host that has lost its power.
  void limit(int64_t bytes_per_second) { bytes_per_second_ = bytes_per_second; }
  void unlimit() { bytes_per_second_ = unlimited; }

private:
  static constexpr int64_t unlimited = -1;
  void run();

  uint16_t to_;
  uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<int64_t> bytes_per_second_{unlimited};
  std::atomic<bool> cut_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

} // namespace shoal::nodes
