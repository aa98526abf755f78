#pragma once
// Which records a list shows.

#include "actors/api/target.hpp"
#include "store/record.hpp"

#include <string>
#include <vector>

namespace shoal::api {

/// `name=value` on encoded values, so that a scan decodes only what it shows. Values are read as on
/// the command line: a text that is also a number, a boolean, a uuid or null matches a field of
/// either type; null matches a cleared field.
class field_filter {
public:
  /// ec::bad_request unless `text` is NAME=VALUE.
  static result<field_filter> parse(std::string_view text);
  bool matches(const record_view& record) const;

private:
  std::string field_;
  bool absent_ = false;
  std::vector<std::string> encodings_; // each value that would match, as the store holds it
};

struct record_filter {
  bool deleted = false; // show records whose delete mark stands as well
  std::optional<device_id> owner;
  std::vector<field_filter> fields; // all of them must match
  /// From the parameters `deleted`, `owner` and `where`, the last of which may repeat.
  static result<record_filter> parse(const target& where);
  bool matches(const record_view& record) const;
};

} // namespace shoal::api
