#pragma once
// What `shoal top` shows at one moment.

#include "cli/client/json.hpp"

namespace shoal::cli {

/// A node's status, with `rates` in each library and the node's `events`, as lines of at most
/// `width` characters.
std::string top_screen(const json& status, int64_t wall_ms, size_t width);

} // namespace shoal::cli
