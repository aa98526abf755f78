#pragma once
// Which word was meant, for messages about one that is not known.

#include <span>
#include <string_view>

namespace shoal::config {

/// The one of `known` with the fewest edits between it and `word`, the first of several; empty when
/// there are none. A view into `known`.
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known);

} // namespace shoal::config
