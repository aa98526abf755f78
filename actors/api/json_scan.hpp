#pragma once
// The quick way to read JSON that a client sent: simdjson reads it, and what it found is kept as a
// tree. Nothing else includes simdjson, whose header has 1.2 MB.

#include "store/models/json_tree.hpp"

#include <optional>
#include <string_view>

namespace shoal::api {

/// The value that `text` is, or nothing when this reader cannot tell: the text is not JSON, breaks
/// a rule of `parse_json`, or says something that simdjson does not take (a mark of the byte order,
/// a NUL behind the end). What it returns is what `parse_json` reads; tests/api holds both against
/// each other. The tree does not refer to `text`.
std::optional<models::json_tree> scan_json(std::string_view text);

} // namespace shoal::api
