#pragma once
// The NODE actor: owns the transport, decides whom to dial and when, keeps one connection per peer,
// and tells each library which of its members are linked.

#include "actors/catalog.hpp"
#include "actors/protocol/backoff.hpp"
#include "actors/transport/dialer.hpp"
#include "actors/transport/link.hpp"
#include "actors/transport/listener.hpp"

#include <caf/event_based_actor.hpp>

#include <future>
#include <mutex>
#include <unordered_set>

namespace shoal {

/// Whom TLS lets in: the members of all libraries that sync. Written by the node, read within
/// handshakes.
class accepted_devices {
public:
  void set(std::unordered_set<device_id> devices) {
    const std::lock_guard guard(mutex_);
    devices_ = std::move(devices);
  }
  bool contains(const device_id& device) const {
    const std::lock_guard guard(mutex_);
    return devices_.contains(device);
  }

private:
  mutable std::mutex mutex_;
  std::unordered_set<device_id> devices_;
};

/// The libraries that are open, for the API.
class library_list {
public:
  void add(open_library l) {
    const std::lock_guard guard(mutex_);
    all_.push_back(std::move(l));
  }
  std::vector<open_library> all() const {
    const std::lock_guard guard(mutex_);
    return all_;
  }
  void clear() {
    const std::lock_guard guard(mutex_);
    all_.clear();
  }

private:
  mutable std::mutex mutex_;
  std::vector<open_library> all_;
};

struct node_setup {
  catalog_setup catalog;
  config::options options;
  std::vector<library_entry> entries;
  std::shared_ptr<accepted_devices> accepted;
  std::shared_ptr<library_list> open;
  std::shared_ptr<const transport::tls_context> tls;
  std::shared_ptr<transport::traffic> traffic;
  std::optional<transport::listening_socket> socket;
  std::promise<status> started; // set when all libraries are open and the listener accepts
  std::promise<void> stopped;
};

caf::behavior node_actor(caf::event_based_actor* self, std::shared_ptr<node_setup> setup);

} // namespace shoal
