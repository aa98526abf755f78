#pragma once
// The table of keys. Reading, checking, `config default` and `config show` all go by it, so a key,
// its default and its bounds are stated once. Only config/*.cpp includes this.

#include "config/options.hpp"

#include <array>
#include <span>
#include <string_view>
#include <variant>

namespace shoal::config {

/// What a value must look like.
enum class form : uint8_t {
  integer, // least … most
  boolean,
  text, // least … most bytes, UTF-8 without control characters
  path,
  listen_address, // port 0 allowed
  peer_address,   // may be empty
  choice,         // one of `choices`, whose order is that of the enum
  log_spec,       // see check_log_spec()
  uuid,
};

struct key {
  std::string_view table; // "sync", "library", "library.member"
  std::string_view name;
  form what;
  std::string_view fallback; // as written without quotes
  std::string_view about;    // for people, one line, no full stop
  uint64_t least = 0;
  uint64_t most = 0;
  std::string_view choices = {}; // separated by a blank
  bool required = false;         // has no default
};

/// Where a checked value goes.
using slot = std::variant<std::string*, std::filesystem::path*, uint64_t*, bool*, address*,
                          std::optional<address>*, library_id*, device_id*, dial_policy*,
                          preset_name*, log_format*>;

/// A key together with the place in its owner that it fills.
template <class Owner>
struct bound_key : key {
  slot (*at)(Owner&);
};

std::span<const bound_key<options>> node_keys(); // all plain tables
std::span<const bound_key<library_options>> library_keys();
std::span<const bound_key<member_options>> member_keys();

/// Every key there is, for checks of names.
std::vector<const key*> all_keys();
/// `table.name`.
std::string full_name(const key& k);
/// "use …": what would be right for this key.
std::string expectation(const key& k);
/// The n-th of `choices`.
std::string_view choice_name(const key& k, size_t n);

/// What lines of the log come from; each may have a level of its own.
inline constexpr std::array<std::string_view, 5> log_components{"node", "library", "store",
                                                                "peer_link", "api"};

inline constexpr std::array<std::string_view, 7> log_levels{"trace", "debug",    "info", "warn",
                                                            "error", "critical", "off"};

/// A level, then `,component=level` as often as wanted, of log_components.
bool check_log_spec(std::string_view spec);

/// What the presets say about a key of [sync]; nothing when presets leave it alone.
std::optional<uint64_t> preset_value(preset_name preset, std::string_view name);

/// The key or table most like what was written.
std::string nearest_key(std::string_view table, std::string_view name);
std::string nearest_table(std::string_view table);

} // namespace shoal::config
