#pragma once
// What a peer wrote, made fit for a log line or a terminal.

#include <string>
#include <string_view>

namespace shoal {

/// At most 128 bytes of it; control characters, and bytes that are not UTF-8, as \xNN.
std::string shown(std::string_view text);

} // namespace shoal
