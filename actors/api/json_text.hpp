#pragma once
// Strict reading of JSON that a client sent.

#include "messages/error.hpp"
#include "store/models/json_tree.hpp"

#include <nlohmann/json.hpp>

#include <string_view>

namespace shoal::api {

/// Nesting of a body: a field's value may nest as deep as the wire allows, inside a batch.
constexpr size_t json_depth = 32;

/// One JSON value and nothing behind it. Refuses, naming line, column and byte: what is not JSON,
/// not UTF-8, an object that names a key twice (readers disagree on which counts), nesting beyond
/// `json_depth`, and integers that 64 bits cannot hold (a double would silently change them).
/// Always ec::bad_request.
result<nlohmann::json> parse_json(std::string_view text);

/// The same, several times as fast: what is to be refused, or is rare, is read by `parse_json`, so
/// that there is one judge of what is allowed and one text for each fault.
result<models::json_tree> read_json(std::string_view text);

} // namespace shoal::api
