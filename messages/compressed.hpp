#pragma once
// zstd for ranges of more than a few ops.

#include "messages/error.hpp"

#include <string>
#include <string_view>

namespace shoal {

std::string compress(std::string_view plain);
/// The inverse; nothing is allocated for a frame that declares more than `max_bytes`.
result<std::string> decompress(std::string_view packed, size_t max_bytes);

} // namespace shoal
