#include "cli/client/typed_value.hpp"

namespace shoal::cli {

json typed_value(std::string_view text) {
  if (text == "true")
    return true;
  if (text == "false")
    return false;
  if (text == "null")
    return nullptr;
  const bool may_be_number =
      !text.empty() && text.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
  if (may_be_number) {
    auto number = json::parse(text, nullptr, false);
    if (number.is_number())
      return number;
  }
  return std::string(text);
}

result<json> fields_of(const std::vector<std::string>& assignments, const std::string& object) {
  json fields = json::object();
  if (!object.empty()) {
    fields = json::parse(object, nullptr, false);
    if (fields.is_discarded())
      return {ec::bad_request,
              "--json is not JSON; it must be an object such as '{\"name\":\"value\"}'"};
    if (!fields.is_object())
      return {ec::bad_request, std::string("--json is of type ") + fields.type_name()
                                   + "; it must be an object such as '{\"name\":\"value\"}'"};
  }
  for (const auto& word : assignments) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      return {ec::bad_request, "'" + word + "' is not name=value"};
    const std::string name = word.substr(0, equals);
    if (fields.contains(name))
      return {ec::bad_request, "field '" + name + "' is given twice; give it once"};
    fields[name] = typed_value(std::string_view(word).substr(equals + 1));
  }
  return fields;
}

} // namespace shoal::cli
