#include "actors/transport/admission.hpp"

#include <arpa/inet.h>
#include <array>
#include <cassert>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <utility>

namespace shoal::transport {
namespace {

remote_address describe_v4(const void* address, uint16_t port) {
  std::array<char, INET_ADDRSTRLEN> text{};
  inet_ntop(AF_INET, address, text.data(), text.size());
  return {std::string{text.data()} + ":" + std::to_string(port), text.data(),
          static_cast<const uint8_t*>(address)[0] == 127};
}

} // namespace

remote_address describe(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return describe_v4(&v4.sin_addr, ntohs(v4.sin_port));
  }
  if (address.sa_family != AF_INET6)
    return {"unknown", "unknown", false};
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  auto port = ntohs(v6.sin6_port);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
    return describe_v4(v6.sin6_addr.s6_addr + 12, port);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  remote_address remote{"[" + std::string{text.data()} + "]:" + std::to_string(port),
                        {},
                        IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0};
  in6_addr network = v6.sin6_addr;
  std::memset(network.s6_addr + 8, 0, 8);
  inet_ntop(AF_INET6, &network, text.data(), text.size());
  remote.group = std::string{text.data()} + "/64";
  return remote;
}

std::shared_ptr<admission::slot> admission::admit(const remote_address& remote,
                                                  std::string& reason) {
  std::lock_guard lock{mutex_};
  if (links_ >= limits_.links) {
    reason = "there are " + std::to_string(links_) + " inbound links already";
    return nullptr;
  }
  if (unauthenticated_ >= limits_.unauthenticated) {
    reason =
        "there are " + std::to_string(unauthenticated_) + " unauthenticated connections already";
    return nullptr;
  }
  auto& count = by_group_[remote.group];
  if (count >= (remote.loopback ? limits_.unauthenticated_loopback
                                : limits_.unauthenticated_per_address)) {
    reason = "there are " + std::to_string(count) + " unauthenticated connections from "
             + remote.group + " already";
    return nullptr;
  }
  ++count;
  ++links_;
  ++unauthenticated_;
  return std::shared_ptr<slot>{new slot{shared_from_this(), remote.group}};
}

void admission::leave_unauthenticated(const std::string& group) {
  auto found = by_group_.find(group);
  assert(found != by_group_.end() && unauthenticated_ > 0);
  --unauthenticated_;
  if (--found->second == 0)
    by_group_.erase(found);
}

void admission::slot::authenticated() {
  std::lock_guard lock{from_->mutex_};
  if (!group_.empty())
    from_->leave_unauthenticated(group_);
  group_.clear();
}

admission::slot::~slot() {
  authenticated();
  std::lock_guard lock{from_->mutex_};
  --from_->links_;
}

std::optional<uint64_t> admission::refused(std::chrono::steady_clock::time_point now) {
  std::lock_guard lock{mutex_};
  ++untold_;
  if (told_ && now - *told_ < 1s)
    return std::nullopt;
  told_ = now;
  return std::exchange(untold_, 0) - 1;
}

} // namespace shoal::transport
