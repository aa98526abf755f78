#pragma once
// Values as they are typed on the command line.

#include "cli/client/json.hpp"
#include "messages/error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace shoal::cli {

/// `true`, `false`, `null` and JSON numbers are typed; everything else is a string, also `007`,
/// `+1`, `.5` and a number too large for a double.
json typed_value(std::string_view text);

/// The fields that `name=value …` and the JSON object `object` (empty: none) set. ec::bad_request
/// names the word that is no assignment, a field given twice, or what is wrong with the object.
result<json> fields_of(const std::vector<std::string>& assignments, const std::string& object);

} // namespace shoal::cli
