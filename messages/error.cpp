#include "messages/error.hpp"

namespace shoal {

std::string_view to_string(ec code) {
  switch (code) {
  case ec::truncated: return "truncated";
  case ec::too_large: return "too_large";
  case ec::too_deep: return "too_deep";
  case ec::wrong_type: return "wrong_type";
  case ec::bad_utf8: return "bad_utf8";
  case ec::duplicate_key: return "duplicate_key";
  case ec::not_a_number: return "not_a_number";
  case ec::trailing_bytes: return "trailing_bytes";
  case ec::bad_value: return "bad_value";
  case ec::unknown_version: return "unknown_version";
  case ec::unknown_kind: return "unknown_kind";
  case ec::bad_request: return "bad_request";
  case ec::unauthorized: return "unauthorized";
  case ec::forbidden: return "forbidden";
  case ec::not_owner: return "not_owner";
  case ec::managed: return "managed";
  case ec::not_found: return "not_found";
  case ec::unknown_model: return "unknown_model";
  case ec::unknown_library: return "unknown_library";
  case ec::conflict: return "conflict";
  case ec::gone: return "gone";
  case ec::invalid_field: return "invalid_field";
  case ec::missing_field: return "missing_field";
  case ec::missing_parent: return "missing_parent";
  case ec::id_mismatch: return "id_mismatch";
  case ec::too_big: return "too_big";
  case ec::clock: return "clock";
  case ec::unavailable: return "unavailable";
  case ec::timed_out: return "timed_out";
  case ec::corrupt: return "corrupt";
  case ec::outcome_unknown: return "outcome_unknown";
  case ec::disk: return "disk";
  case ec::disk_full: return "disk_full";
  case ec::config: return "config";
  }
  return "unknown";
}

} // namespace shoal
