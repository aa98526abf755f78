#pragma once
// A record as readers see it: the standing values, whatever they were merged from.

#include "messages/op.hpp"

#include <map>
#include <optional>
#include <string>

namespace shoal {

struct record_view {
  record_class cls = record_class::shared;
  std::string model;
  record_id id;
  std::optional<device_id> owner; // device-owned records only
  dot newest;                     // newest standing version
  hlc stamp;                      // its stamp
  bool deleted = false;           // a delete mark stands, or a cascade took it
  /// Name → encoded MessagePack value. Sets are arrays in element order, counters integers, maps
  /// maps. Cleared fields are absent.
  std::map<std::string, std::string> fields;
};

} // namespace shoal
