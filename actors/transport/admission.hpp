#pragma once
// How many inbound connections there are, and whether one more may come: the listener asks, links
// give back.

#include "actors/transport/limits.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

struct sockaddr;

namespace shoal::transport {

/// Where a connection comes from.
struct remote_address {
  std::string text;  // address:port
  std::string group; // what shares a bound: an IPv4 address, or an IPv6 /64
  bool loopback = false;
};
/// IPv4 mapped into IPv6 counts as IPv4.
remote_address describe(const sockaddr& address);

/// Thread-safe. Slots keep it alive, so a link may outlive its listener.
class admission : public std::enable_shared_from_this<admission> {
public:
  explicit admission(accept_limits limits) : limits_(limits) {}

  /// One inbound connection's share of the bounds; gives it back when destroyed.
  class slot {
  public:
    ~slot();
    slot(const slot&) = delete;
    slot& operator=(const slot&) = delete;
    /// The peer's key was accepted: makes room for another unauthenticated connection. Once is
    /// enough.
    void authenticated();

  private:
    friend class admission;
    slot(std::shared_ptr<admission> from, std::string group)
        : from_(std::move(from)), group_(std::move(group)) {}
    std::shared_ptr<admission> from_;
    std::string group_; // empty once authenticated
  };

  /// A slot, or nothing and the bound that stood against it in `reason`.
  std::shared_ptr<slot> admit(const remote_address& remote, std::string& reason);

  /// Counts a refusal. Gives the number of those not told about yet, at most once a second; else
  /// nothing: one stranger must not fill the log.
  std::optional<uint64_t> refused(std::chrono::steady_clock::time_point now);

private:
  void leave_unauthenticated(const std::string& group);

  const accept_limits limits_;
  std::mutex mutex_;
  size_t links_ = 0;
  size_t unauthenticated_ = 0;
  std::map<std::string, size_t> by_group_; // of the unauthenticated; no zeros
  uint64_t untold_ = 0;
  std::optional<std::chrono::steady_clock::time_point> told_;
};

} // namespace shoal::transport
