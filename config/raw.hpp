#pragma once
// What file and environment say, before any value is looked at: names are known to be keys, every
// value knows where it came from. Only config/*.cpp includes this.

#include "config/keys.hpp"

namespace shoal::config {

struct raw_value {
  // monostate: a type no key has; a list has strings only
  std::variant<std::monostate, std::string, int64_t, bool, std::vector<std::string>> value;
  std::string type;              // "a string", "an array", for messages
  std::string where;             // FILE:LINE, or the variable
  bool from_environment = false; // then `value` is a string, whatever the key's type
};

struct raw_table {
  std::string where;                       // of its header
  std::map<std::string, raw_value> values; // by key name
  std::vector<raw_table> members;          // of a library
};

/// A model's field. The names of its keys are not checked yet, nor are the model's.
struct raw_field {
  std::string name; // empty: it stands in a list and `values` should have it
  std::string where;
  std::map<std::string, raw_value> values;
};

struct raw_model {
  std::string where;
  std::map<std::string, raw_value> values;
  std::vector<raw_field> fields;
};

struct raw_config {
  std::map<std::string, raw_table> tables; // by table name
  std::vector<raw_table> libraries;
  std::vector<raw_model> models;
};

/// What a file may hold: all tables, or models only.
enum class file_kind : uint8_t { whole, models };

/// `where: name: problem (right)` as ec::config, in one line whatever the file holds.
error config_error(const std::string& where, const std::string& name, const std::string& problem,
                   const std::string& right);

/// The content of a regular file of at most limits::config_file_bytes_max. `label` is what messages
/// call it, `right` what would help when it is not there.
result<std::string> read_file(const std::filesystem::path& file, const std::string& label,
                              const std::string& right);

/// Parses TOML. `label` is what messages call the file.
result<raw_config> parse_toml(const std::string& text, const std::string& label,
                              file_kind kind = file_kind::whole);

/// The models of a parsed file, and those of the files of models.d.
result<std::vector<model_options>> read_models(const raw_config& raw,
                                               const std::vector<file_texts::named>& files);
/// The files of the folder models.d in `directory`, by name; none when there is no folder.
result<std::vector<file_texts::named>> read_model_files(const std::filesystem::path& directory);

/// Lays the SHOAL__ variables over what the file says.
status overlay(raw_config& raw, const environment& env);

} // namespace shoal::config
