#pragma once
// The NODE actor: owns the transport, decides whom to dial and when, keeps one connection per peer,
// and tells each library which of its members are linked.

#include "actors/alarms.hpp"
#include "actors/catalog.hpp"
#include "actors/departures.hpp"
#include "actors/protocol/backoff.hpp"
#include "actors/transport/dialer.hpp"
#include "actors/transport/link.hpp"
#include "actors/transport/listener.hpp"

#include <caf/event_based_actor.hpp>

#include <algorithm>
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

/// The libraries of the node, for the API: those that are open, and what stands for the others.
class library_list {
public:
  /// Takes the place of what was there under this id.
  void put(const library_id& id, open_library l) {
    const std::lock_guard guard(mutex_);
    all_[id] = {l.core, std::move(l)};
  }
  void put_closed(const library_id& id, std::shared_ptr<api::library> shown) {
    const std::lock_guard guard(mutex_);
    all_[id] = {std::move(shown), std::nullopt};
  }
  void erase(const library_id& id) {
    const std::lock_guard guard(mutex_);
    all_.erase(id);
  }
  std::vector<open_library> all() const {
    const std::lock_guard guard(mutex_);
    std::vector<open_library> out;
    for (const auto& [id, l] : all_)
      if (l.open)
        out.push_back(*l.open);
    return out;
  }
  std::optional<open_library> find(const library_id& id) const {
    const std::lock_guard guard(mutex_);
    const auto it = all_.find(id);
    return it == all_.end() ? std::nullopt : it->second.open;
  }
  std::vector<std::shared_ptr<api::library>> shown() const {
    const std::lock_guard guard(mutex_);
    std::vector<std::shared_ptr<api::library>> out;
    for (const auto& [id, l] : all_)
      out.push_back(l.shown);
    return out;
  }
  void clear() {
    const std::lock_guard guard(mutex_);
    all_.clear();
  }

private:
  struct one {
    std::shared_ptr<api::library> shown;
    std::optional<open_library> open;
  };
  mutable std::mutex mutex_;
  std::map<library_id, one> all_;
};

struct node_setup {
  catalog_setup catalog;
  config::options options;
  std::vector<library_entry> entries;
  std::vector<departure> departures;
  std::shared_ptr<accepted_devices> accepted;
  std::shared_ptr<library_list> open;
  std::shared_ptr<alarm_list> alarms;
  std::shared_ptr<const transport::tls_context> tls;
  std::shared_ptr<transport::traffic> traffic;
  std::optional<transport::listening_socket> socket;
  std::promise<status> started; // set when all libraries were opened and the listener accepts
  std::promise<void> stopped;
};

caf::behavior node_actor(caf::event_based_actor* self, std::shared_ptr<node_setup> setup);

} // namespace shoal
