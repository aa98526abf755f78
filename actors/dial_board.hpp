#pragma once
// How dialling stands, per device, for status and metrics. Written by the node, read by the API.

#include "messages/ids.hpp"

#include <map>
#include <mutex>
#include <string>

namespace shoal {

class dial_board {
public:
  struct line {
    uint32_t failures = 0; // in a row
    bool dialling = false;
    uint64_t next_ms = 0;        // wall clock of the next try; 0: none is due
    std::string error;           // of the last link or dial; empty: none
    uint64_t rests_until_ms = 0; // wall clock; it broke a rule, and is refused until then
  };
  void set(const device_id& device, line l) {
    const std::lock_guard guard(mutex_);
    lines_[device] = std::move(l);
  }
  line get(const device_id& device) const {
    const std::lock_guard guard(mutex_);
    const auto it = lines_.find(device);
    return it == lines_.end() ? line{} : it->second;
  }

private:
  mutable std::mutex mutex_;
  std::map<device_id, line> lines_;
};

} // namespace shoal
