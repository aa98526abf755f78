#pragma once
// One per connection: decodes what the link received, holds the peer to being who TLS says it is,
// and hands each message to the library it is for.

#include "actors/clocks.hpp"
#include "actors/handles.hpp"

#include <caf/event_based_actor.hpp>

#include <mutex>

namespace shoal {

/// Which libraries there are, for all peer links. Written by the node, read by many.
class library_directory {
public:
  void put(const library_id& id, caf::actor library) {
    const std::lock_guard guard(mutex_);
    libraries_[id] = std::move(library);
  }
  caf::actor find(const library_id& id) const {
    const std::lock_guard guard(mutex_);
    const auto it = libraries_.find(id);
    return it == libraries_.end() ? nullptr : it->second;
  }
  void erase(const library_id& id) {
    const std::lock_guard guard(mutex_);
    libraries_.erase(id);
  }
  void clear() {
    const std::lock_guard guard(mutex_);
    libraries_.clear();
  }

private:
  mutable std::mutex mutex_;
  std::map<library_id, caf::actor> libraries_;
};

struct peer_link_setup {
  device_id self;
  device_id peer;
  uint64_t number = 0; // of this connection
  caf::actor link;
  caf::actor node;
  std::shared_ptr<library_directory> libraries;
  bool held = false; // frames wait for admit_link
  clocks time = {};
};

caf::behavior peer_link(caf::event_based_actor* self, peer_link_setup setup);

} // namespace shoal
