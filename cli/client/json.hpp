#pragma once
// The JSON type of the client commands: it keeps the order of keys, so that what the node answered
// is printed as it came.

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace shoal::cli {

using json = nlohmann::ordered_json;

/// One line. Bytes that are not UTF-8 are replaced, never thrown over.
inline std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// The string member `key`, or nothing to read: an empty string.
inline std::string string_at(const json& object, std::string_view key) {
  if (!object.is_object())
    return {};
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

/// The integer member `key`; `absent` when it is missing or not an integer.
inline int64_t integer_at(const json& object, std::string_view key, int64_t absent) {
  if (!object.is_object())
    return absent;
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : absent;
}

} // namespace shoal::cli
