#pragma once
// Records and values as users see them. Needs no model: values on disk say what they are, so
// records of models that this node does not know read the same. Nothing here throws, whatever the
// bytes.
//
//   MessagePack          JSON
//   nil, bool            null, true, false
//   integer, float       number
//   string               string
//   bin of 16 bytes      uuid text
//   array                array
//   map (string keys)    object, keys in byte order

#include "messages/error.hpp"
#include "store/models/json_tree.hpp"
#include "store/record.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace shoal::models {

/// The JSON of one encoded value. Bytes that are no value, which only a damaged store can hold,
/// become
/// {"$unreadable": "HEX"}, so that they are seen and not lost.
nlohmann::json value_to_json(std::string_view encoded);

/// Appends any JSON value. ec::invalid_field with what was expected: at most wire_limits::depth
/// deep, integers of 64 bits signed, finite numbers, UTF-8.
status append_json(std::string& out, const json_value& value);

/// A record in the order of INTERFACE.md: model, id, owner, origin, seq, hlc, deleted, fields
/// sorted by name. `dump()` of it is a line of an export.
nlohmann::ordered_json to_json(const record_view& record);

/// `text` with every byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

} // namespace shoal::models
