#pragma once
// What comes to a run from outside: edits and faults. Each has a name that follows from the seed
// alone, so that any of them can be left out without moving the others (see shrink.hpp).

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace shoal::sim {

enum class source : uint8_t {
  edit,      // by a node's clients
  last_edit, // while one node is away, at the end
  cut,
  flap,
  slow_link,
  partition,
  crash,
  failed_sync,
  failed_read,
  full_disk,
  damage,
  clock,
  verify,
  churn,
  join,
  old_copy, // when all is level, a node comes back from half way
  away,     // when all is level, a node misses a little and returns
};

struct happening {
  source from = source::edit;
  uint8_t node = 0; // for those that each node has; of edits, with 16 (64) × the library's number
  uint32_t index = 0;
  auto operator<=>(const happening&) const = default;
};

/// When the parts of a run ended: a run that leaves something out keeps to these times, whatever
/// the number of its events.
struct schedule {
  uint64_t half_us = 0;
  uint64_t join_us = 0;
  uint64_t load_us = 0;
};

/// A run that is a part of another.
struct excerpt {
  std::set<happening> only;
  schedule times;
  std::set<size_t> absent; // nodes that are not there at all
};

/// One line of what happened.
struct trace_line {
  uint64_t at_us = 0;
  std::optional<happening> from_outside;
  std::string text;
};
using trace_lines = std::vector<trace_line>;

} // namespace shoal::sim
