// What each preset means. `default` stands in the table of keys; the others differ from it for one
// reason each:
//
//   aggressive    a wired network and mains power: use them to be up to date soonest
//   conservative  a machine with other work to do: fewer, calmer exchanges
//   mobile        battery and a link that comes and goes: wake the radio seldom, lose little when
//   it drops

#include "config/keys.hpp"

#include <array>

namespace shoal::config {

namespace {

struct row {
  std::string_view name;
  uint64_t aggressive;
  uint64_t conservative;
  uint64_t mobile;
};

constexpr std::array rows = {
    // Aggressive never waits. 100 ms lets a conservative node sync its disk for many changes at
    // once; 1 s gathers
    // what a person does in one go, so that the radio wakes once for it.
    row{"batch_window_ms", 0, 100, 1000},
    // Larger batches mean fewer syncs per record at the receiver. Smaller ones are short bursts of
    // work, and on a
    // poor link less to send again.
    row{"batch_max_records", 5000, 500, 200},
    // On a wired network an answer that takes 10 s is lost. A busy machine, or a link that hands
    // over between cells,
    // may answer late without being gone, and asking again costs more than waiting.
    row{"message_timeout_seconds", 10, 60, 90},
    // A page is the unit of a checkpoint: what is lost when the link drops. It is also the
    // receiver's largest burst.
    row{"backfill_page_records", 50'000, 2000, 500},
    // A LAN peer that restarts is back within a second. Elsewhere a dial costs battery or disturbs
    // others.
    row{"retry_initial_ms", 200, 2000, 5000},
    // How long after a peer's return a dial may take to notice; peers that come back also dial by
    // themselves.
    row{"retry_max_seconds", 10, 300, 900},
};

} // namespace

std::optional<uint64_t> preset_value(preset_name preset, std::string_view name) {
  for (const auto& r : rows) {
    if (r.name != name)
      continue;
    switch (preset) {
    case preset_name::standard: return std::nullopt;
    case preset_name::aggressive: return r.aggressive;
    case preset_name::conservative: return r.conservative;
    case preset_name::mobile: return r.mobile;
    }
  }
  return std::nullopt;
}

} // namespace shoal::config
