#pragma once
// Everything shoal.toml can say, checked and resolved: whoever holds an `options` need not check
// again. The keys, their defaults, bounds and explanations stand once, in keys.cpp; INTERFACE.md
// lists them.

#include "config/address.hpp"
#include "config/models.hpp"
#include "messages/error.hpp"
#include "messages/ids.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace shoal::config {

/// Which members this node dials.
enum class dial_policy : uint8_t { all, configured };
/// A set of batch, page, timeout and retry values; see presets.cpp.
enum class preset_name : uint8_t { standard, aggressive, conservative, mobile };
enum class log_format : uint8_t { text, json };

struct node_options {
  std::string name; // the machine's host name when the file gives none
  std::filesystem::path data_dir;
  uint64_t disk_reserve_bytes = 0; // with less free, nothing is written
  address listen;
  std::optional<address> advertise; // what peers should dial, when it differs from `listen`
};

struct tls_options {
  std::filesystem::path key;
  std::filesystem::path certificate;
};

struct api_options {
  address listen;
  std::filesystem::path token;
};

struct member_options {
  device_id device;
  std::optional<address>
      at; // none: this node waits to be dialled, or learns the address from a peer
};

struct library_options {
  library_id id;
  std::string name;
  bool sync = true;
  std::vector<member_options> members;
};

struct sync_options {
  dial_policy dial = dial_policy::all;
  preset_name preset = preset_name::standard;
  uint64_t batch_window_ms = 0;
  uint64_t batch_max_records = 0;
  uint64_t heartbeat_seconds = 0;
  uint64_t message_timeout_seconds = 0;
  uint64_t backfill_page_records = 0;
  uint64_t retry_initial_ms = 0;
  uint64_t retry_max_seconds = 0;
  uint64_t prune_seconds = 0;
  uint64_t max_clock_drift_seconds = 0;
  uint64_t max_record_bytes = 0;
};

struct retention_options {
  uint64_t max_log_entries = 0;
  uint64_t max_log_age_days = 0;
  uint64_t min_tombstone_hours = 0;
};

struct log_options {
  std::string level;
  log_format format = log_format::text;
};

struct options {
  std::filesystem::path file;      // absolute
  std::filesystem::path directory; // the file's folder, to which relative paths belong
  node_options node;
  tls_options tls;
  api_options api;
  std::vector<library_options> libraries; // ids and names are unique
  std::vector<model_options> models;      // names are unique
  sync_options sync;
  retention_options retention;
  log_options log;
  /// Full key, for example `sync.dial` or `library.0.name` → who set it: "default", "preset
  /// mobile", "FILE:LINE" or the environment variable.
  std::map<std::string, std::string> sources;
};

using environment = std::map<std::string, std::string>;
/// The variables of this process that override keys (SHOAL__…); all others are left out.
environment process_environment();

/// Reads and checks a file, and the models of models.d/*.toml beside it. An error is ec::config and
/// reads `FILE:LINE: key: problem (what would be right)`. `env` overrides keys: SHOAL__SYNC__DIAL,
/// SHOAL__LIBRARY__0__NAME, SHOAL__LIBRARY__0__MEMBER__1__ADDRESS; an index one past the end adds
/// an entry. A SHOAL__ variable that names no key is an error as well.
result<options> load(const std::filesystem::path& file, const environment& env);

/// What load() reads: a shoal.toml, and the files of models.d beside it by name.
struct file_texts {
  struct named {
    std::string label; // what messages call the file
    std::string text;
  };
  std::filesystem::path file; // absolute
  named whole;
  std::vector<named> models;
};
/// load(), once the files are read.
result<options> parse(const file_texts& files, const environment& env);

/// Checks what the options point at: key, certificate and token are readable files, and key and
/// token closed to others. Whoever starts a node calls it, so that nothing starts with less than
/// was configured.
status check_files(const options& opts);

/// A complete shoal.toml: every key with its default and a comment on meaning and bounds. load()
/// accepts it.
std::string render_default();

/// A TOML basic string, quotes included. `text` has no control characters.
std::string toml_string(std::string_view text);

/// A key with its value in force and where that came from.
struct shown_key {
  std::string name;   // full key
  std::string value;  // as TOML
  std::string source; // as in options::sources
};
std::vector<shown_key> effective(const options& opts);
/// The same as a shoal.toml, each line with its source in a comment. Paths are absolute.
std::string show(const options& opts);

} // namespace shoal::config
