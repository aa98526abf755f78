#pragma once
// Parts of a node's status as text, for `status`, `peers` and `top`.

#include "cli/client/json.hpp"

#include <limits>

namespace shoal::cli {

/// A member's name; of one that was never linked, and so never told it, the device id.
std::string member_text(const json& member);
/// One line per member, under titles; those that were removed last. What is wider than `width` is
/// left out: ids and what is of least use first.
std::string member_table(const json& members, std::string_view indent,
                         size_t width = std::numeric_limits<size_t>::max());
/// Milliseconds since 1970 as the local time, in a form of strftime.
std::string local_time(int64_t wall_ms, const char* form);
/// A library's progress, rounded down: 100 % means all of it.
std::string percent_text(const json& library);

} // namespace shoal::cli
