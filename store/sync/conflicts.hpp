#pragma once
// Concurrent writes to one field, as this node saw them merge: neither writer had seen the other's
// value. Told for people to look at; merging does not depend on it.

#include "messages/op.hpp"
#include "store/sync/kv.hpp"

#include <functional>

namespace shoal {

constexpr size_t conflict_value_bytes = size_t{4} << 10; // a longer value is left out

struct conflict_side {
  std::string value; // encoded; of a whole record's edit a map; nil: cleared, deleted or left out
  bool left_out = false;
  hlc stamp;
  bool removed = false; // it was a delete
};

struct conflict {
  uint64_t number = 0; // ascending
  std::string model;
  record_id id;
  std::string field;              // empty: the whole record, a delete against an edit
  std::optional<std::string> key; // of a map
  conflict_side winner;
  conflict_side loser;
  uint64_t when_ms = 0;        // local wall when they met
  std::optional<hlc> resolved; // of the later write that saw the winner
};

std::string encode(const conflict& c);
result<conflict> read_conflict(uint64_t number, std::string_view raw);
std::string conflict_key(uint64_t number);

/// Calls `on` for each conflict that is kept, oldest first, until it returns false.
status list_conflicts(const kv_view& view, const std::function<bool(conflict&&)>& on);

} // namespace shoal
