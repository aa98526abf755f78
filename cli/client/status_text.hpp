#pragma once
// Parts of a node's status as text, for `status`, `peers` and `top`.

#include "cli/client/json.hpp"

namespace shoal::cli {

/// A member's name; of one that was never linked, and so never told it, the device id.
std::string member_text(const json& member);
/// One line per member, under titles; those that were removed last.
std::string member_table(const json& members, std::string_view indent);
/// A library's progress, rounded down: 100 % means all of it.
std::string percent_text(const json& library);

} // namespace shoal::cli
