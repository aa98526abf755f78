#pragma once
// What a name may hold, in shoal.toml and on the command line alike.

#include "messages/wire_limits.hpp"

#include <string_view>

namespace shoal::config {

/// Bytes of a node's or library's name.
constexpr size_t name_bytes_max = wire_limits::name_bytes;

bool is_utf8(std::string_view text);
/// A byte below 0x20, or 0x7f: it would drive a terminal or end a line.
bool has_control(std::string_view text);

/// 1 to name_bytes_max bytes of UTF-8 without control characters.
inline bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= name_bytes_max && is_utf8(text) && !has_control(text);
}

} // namespace shoal::config
