#pragma once
// What file and environment say, before any value is looked at: names are known to be keys, every
// value knows where it came from. Only config/*.cpp includes this.

#include "config/keys.hpp"

namespace shoal::config {

struct raw_value {
  std::variant<std::monostate, std::string, int64_t, bool> value; // monostate: a type no key has
  std::string type;              // "a string", "an array", for messages
  std::string where;             // FILE:LINE, or the variable
  bool from_environment = false; // then `value` is a string, whatever the key's type
};

struct raw_table {
  std::string where;                       // of its header
  std::map<std::string, raw_value> values; // by key name
  std::vector<raw_table> members;          // of a library
};

struct raw_config {
  std::map<std::string, raw_table> tables; // by table name
  std::vector<raw_table> libraries;
};

/// `where: name: problem (right)` as ec::config, in one line whatever the file holds.
error config_error(const std::string& where, const std::string& name, const std::string& problem,
                   const std::string& right);

/// Parses TOML. `label` is what messages call the file.
result<raw_config> parse_toml(const std::string& text, const std::string& label);

/// Lays the SHOAL__ variables over what the file says.
status overlay(raw_config& raw, const environment& env);

} // namespace shoal::config
