#include "actors/api/body.hpp"

#include "messages/wire_limits.hpp"

#include <algorithm>

namespace shoal::api {

using models::json_value;

result<models::json_tree> parse_object(std::string_view text,
                                       std::initializer_list<std::string_view> known) {
  auto parsed = read_json(text);
  if (!parsed)
    return parsed;
  if (!parsed->root().is_object())
    return error{ec::bad_request, "the body must be a JSON object"};
  for (const auto& member : parsed->root().members())
    if (std::find(known.begin(), known.end(), member.key) == known.end()) {
      std::string names;
      for (auto k : known)
        names.append(names.empty() ? "" : ", ").append(k);
      return error{ec::invalid_field, "unknown member \"" + std::string(member.key.substr(0, 80))
                                          + "\"; there are: " + names};
    }
  return parsed;
}

result<std::optional<std::string_view>> text_member(const json_value& object,
                                                    std::string_view name) {
  const auto* found = object.find(name);
  if (!found || found->is_null())
    return std::optional<std::string_view>{};
  if (!found->is_string())
    return error{ec::invalid_field, std::string(name) + " must be a string"};
  if (found->text().size() > wire_limits::text_bytes)
    return error{ec::invalid_field, std::string(name) + " is longer than "
                                        + std::to_string(wire_limits::text_bytes) + " bytes"};
  return std::optional(found->text());
}

result<std::string_view> required_text(const json_value& object, std::string_view name) {
  auto text = text_member(object, name);
  if (!text)
    return text.err();
  if (!*text || (*text)->empty())
    return error{ec::missing_field,
                 std::string(name) + " is missing; it must be a string that is not empty"};
  return **text;
}

result<bool> flag_member(const json_value& object, std::string_view name) {
  const auto* found = object.find(name);
  if (!found || found->is_null())
    return false;
  if (!found->is_boolean())
    return error{ec::invalid_field, std::string(name) + " must be true or false"};
  return found->boolean();
}

} // namespace shoal::api
