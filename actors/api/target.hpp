#pragma once
// A request's target, taken apart.

#include "messages/error.hpp"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shoal::api {

struct target {
  std::vector<std::string> path;                          // decoded segments; "/" has none
  std::vector<std::pair<std::string, std::string>> query; // decoded, as given

  /// The parameter's value; one that is absent or empty gives nothing.
  std::optional<std::string_view> get(std::string_view name) const;
  /// `true`, `1`, `yes` and their opposites; absent is false.
  result<bool> flag(std::string_view name) const;
  /// A whole number of at most `max`.
  result<uint64_t> number(std::string_view name, uint64_t absent, uint64_t max) const;
  /// Refuses parameters that are not among `known`, and any but `repeatable` given twice: a
  /// misspelt one would silently answer another question.
  status expect(std::initializer_list<std::string_view> known,
                std::string_view repeatable = {}) const;
};

/// Splits `/a/b?c=d`. Percent escapes are decoded per segment (so `%2F` is no separator), `+` is a
/// space in the query. Refuses malformed escapes, control characters, bytes that are not UTF-8, and
/// targets that do not begin with `/`.
result<target> parse_target(std::string_view text);

} // namespace shoal::api
