#pragma once
// A request's JSON body as the object it must be, and its typed members.

#include "actors/api/json_text.hpp"

#include <initializer_list>
#include <optional>
#include <string_view>

namespace shoal::api {

/// The body as an object that holds no key but the `known` ones. Refers to `text`.
result<models::json_tree> parse_object(std::string_view text,
                                       std::initializer_list<std::string_view> known);

/// The member as a string, which stands in the tree or its text; one that is absent or null gives
/// nothing. ec::invalid_field for any other type.
result<std::optional<std::string_view>> text_member(const models::json_value& object,
                                                    std::string_view name);
/// The member, which must be a string that is not empty, of at most `wire_limits::text_bytes`.
result<std::string_view> required_text(const models::json_value& object, std::string_view name);
/// The member as a boolean, false when absent.
result<bool> flag_member(const models::json_value& object, std::string_view name);

} // namespace shoal::api
