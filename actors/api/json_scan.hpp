#pragma once
// The quick way to read JSON that a client sent: one pass, no table of tokens, no allocation for
// each value.

#include "store/models/json_tree.hpp"

#include <optional>
#include <string_view>

namespace shoal::api {

/// The value that `text` is, or nothing when this reader cannot tell: the text is not JSON, breaks
/// a rule of `parse_json`, or says something that is too rare to be known here (a mark of the byte
/// order, a NUL behind the end, a number too small for a double). What it returns is what
/// `parse_json` reads; tests/api holds both against each other. The tree refers to `text`.
std::optional<models::json_tree> scan_json(std::string_view text);

} // namespace shoal::api
