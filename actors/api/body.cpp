#include "actors/api/body.hpp"

#include "messages/wire_limits.hpp"

#include <algorithm>

namespace shoal::api {

result<nlohmann::json> parse_object(std::string_view text,
                                    std::initializer_list<std::string_view> known) {
  auto parsed = parse_json(text);
  if (!parsed)
    return parsed;
  if (!parsed->is_object())
    return error{ec::bad_request, "the body must be a JSON object"};
  for (const auto& [key, value] : parsed->items())
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      std::string names;
      for (auto k : known)
        names.append(names.empty() ? "" : ", ").append(k);
      return error{ec::invalid_field,
                   "unknown member \"" + key.substr(0, 80) + "\"; there are: " + names};
    }
  return parsed;
}

result<std::optional<std::string>> text_member(const nlohmann::json& object, const char* name) {
  auto found = object.find(name);
  if (found == object.end() || found->is_null())
    return std::optional<std::string>{};
  if (!found->is_string())
    return error{ec::invalid_field, std::string(name) + " must be a string"};
  auto text = found->get<std::string>();
  if (text.size() > wire_limits::text_bytes)
    return error{ec::invalid_field, std::string(name) + " is longer than "
                                        + std::to_string(wire_limits::text_bytes) + " bytes"};
  return std::optional<std::string>(std::move(text));
}

result<std::string> required_text(const nlohmann::json& object, const char* name) {
  auto text = text_member(object, name);
  if (!text)
    return text.err();
  if (!*text || (*text)->empty())
    return error{ec::missing_field,
                 std::string(name) + " is missing; it must be a string that is not empty"};
  return std::move(**text);
}

result<bool> flag_member(const nlohmann::json& object, const char* name) {
  auto found = object.find(name);
  if (found == object.end() || found->is_null())
    return false;
  if (!found->is_boolean())
    return error{ec::invalid_field, std::string(name) + " must be true or false"};
  return found->get<bool>();
}

} // namespace shoal::api
