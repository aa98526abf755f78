#include "config/keys.hpp"

#include "config/plain_text.hpp"
#include "messages/wire_limits.hpp"

#include <algorithm>
#include <array>

namespace shoal::config {

namespace {

constexpr uint64_t log_spec_bytes_max = 1024;

// Why a bound is what it is stands behind the key where it is not plain.
const std::array node_table = {
    bound_key<options>{{"node", "name", form::text, "",
                        "what peers show for this node; empty: the machine's host name", 0,
                        name_bytes_max},
                       [](options& o) -> slot { return &o.node.name; }},
    bound_key<options>{
        {"node", "data_dir", form::path, "data", "where libraries are kept; relative to this file"},
        [](options& o) -> slot { return &o.node.data_dir; }},
    // A full disk stops RocksDB in the middle of a write, and a store with a log to replay cannot
    // be opened on it. 128 MiB are twice the largest log.
    bound_key<options>{
        {"node", "disk_reserve_bytes", form::integer, "134217728",
         "with less free on the disk of data_dir the node is read-only; 0: no reserve", 0,
         uint64_t{1} << 50},
        [](options& o) -> slot { return &o.node.disk_reserve_bytes; }},
    bound_key<options>{
        {"node", "listen", form::listen_address, "127.0.0.1:7420",
         "for peers; 0.0.0.0:7420 to be reached from other machines; port 0 picks a free one"},
        [](options& o) -> slot { return &o.node.listen; }},
    bound_key<options>{{"node", "advertise", form::peer_address, "",
                        "what peers should dial, when it differs from listen"},
                       [](options& o) -> slot { return &o.node.advertise; }},

    bound_key<options>{{"tls", "key", form::path, "device.key",
                        "the device's private key, closed to others (0600)"},
                       [](options& o) -> slot { return &o.tls.key; }},
    bound_key<options>{{"tls", "certificate", form::path, "device.crt", "the device's certificate"},
                       [](options& o) -> slot { return &o.tls.certificate; }},

    bound_key<options>{{"api", "listen", form::listen_address, "127.0.0.1:7421",
                        "HTTP API and status page; plain HTTP, so keep it on loopback"},
                       [](options& o) -> slot { return &o.api.listen; }},
    bound_key<options>{{"api", "token", form::path, "api.token",
                        "file with the bearer token every request needs, closed to others (0600)"},
                       [](options& o) -> slot { return &o.api.token; }},

    bound_key<options>{
        {"sync", "dial", form::choice, "all",
         "all: every member whose address is known; configured: only those addressed in this file",
         0, 0, "all configured"},
        [](options& o) -> slot { return &o.sync.dial; }},
    bound_key<options>{{"sync", "preset", form::choice, "default",
                        "sets the batch, page, timeout and retry keys; keys given here win", 0, 0,
                        "default aggressive conservative mobile"},
                       [](options& o) -> slot { return &o.sync.preset; }},
    // Above 10 s a window would outlast heartbeats and look like a dead link.
    bound_key<options>{{"sync", "batch_window_ms", form::integer, "0",
                        "0: send at once, coalesce under load; else gather this long", 0, 10'000},
                       [](options& o) -> slot { return &o.sync.batch_window_ms; }},
    bound_key<options>{{"sync", "batch_max_records", form::integer, "1000",
                        "records in one batch at most; batches also end at 1 MiB", 1,
                        wire_limits::batch_ops},
                       [](options& o) -> slot { return &o.sync.batch_max_records; }},
    bound_key<options>{{"sync", "heartbeat_seconds", form::integer, "10",
                        "idle links say this often that they live; three missed close the link", 1,
                        3600},
                       [](options& o) -> slot { return &o.sync.heartbeat_seconds; }},
    bound_key<options>{{"sync", "message_timeout_seconds", form::integer, "30",
                        "an unanswered request is made again after this", 1, 3600},
                       [](options& o) -> slot { return &o.sync.message_timeout_seconds; }},
    bound_key<options>{{"sync", "backfill_page_records", form::integer, "10000",
                        "records in one page of a first sync; pages also end at 1 MiB", 1, 100'000},
                       [](options& o) -> slot { return &o.sync.backfill_page_records; }},
    // Below 10 ms a refused connection would become a busy loop.
    bound_key<options>{{"sync", "retry_initial_ms", form::integer, "1000",
                        "first wait after a failure; doubles each time, with jitter", 10,
                        3'600'000},
                       [](options& o) -> slot { return &o.sync.retry_initial_ms; }},
    bound_key<options>{
        {"sync", "retry_max_seconds", form::integer, "60", "the longest such wait", 1, 86'400},
        [](options& o) -> slot { return &o.sync.retry_max_seconds; }},
    bound_key<options>{{"sync", "prune_seconds", form::integer, "1",
                        "how often acknowledgements are stated and the log is pruned; "
                        "beyond ten members less often",
                        1, 3600},
                       [](options& o) -> slot { return &o.sync.prune_seconds; }},
    bound_key<options>{{"sync", "max_clock_drift_seconds", form::integer, "120",
                        "shared changes stamped further ahead are held back until then", 1, 86'400},
                       [](options& o) -> slot { return &o.sync.max_clock_drift_seconds; }},
    // 1 KiB holds the record that describes this device, without which a node cannot start.
    bound_key<options>{{"sync", "max_record_bytes", form::integer, "1048576",
                        "largest record this node writes", 1024, wire_limits::op_bytes},
                       [](options& o) -> slot { return &o.sync.max_record_bytes; }},

    bound_key<options>{{"retention", "max_log_entries", form::integer, "1000000",
                        "beyond it, members not linked for a minute are marked needs_snapshot", 1,
                        1'000'000'000},
                       [](options& o) -> slot { return &o.retention.max_log_entries; }},
    bound_key<options>{{"retention", "max_log_age_days", form::integer, "30",
                        "the same for changes older than this", 1, 36'500},
                       [](options& o) -> slot { return &o.retention.max_log_age_days; }},
    bound_key<options>{
        {"retention", "min_tombstone_hours", form::integer, "24",
         "delete marks stay at least this long, for change feeds, and never less than "
         "twice max_clock_drift_seconds",
         0, 876'000},
        [](options& o) -> slot { return &o.retention.min_tombstone_hours; }},

    bound_key<options>{{"log", "level", form::log_spec, "info",
                        "trace, debug, info, warn, error, critical or off; and per component "
                        "(node, library, store, peer_link, api): info,peer_link=debug",
                        1, log_spec_bytes_max},
                       [](options& o) -> slot { return &o.log.level; }},
    bound_key<options>{{"log", "format", form::choice, "text",
                        "text for people, json for collectors", 0, 0, "text json"},
                       [](options& o) -> slot { return &o.log.format; }},
};

const std::array library_table = {
    bound_key<library_options>{
        {"library", "id", form::uuid, "", "the same on every member", 0, 0, {}, true},
        [](library_options& l) -> slot { return &l.id; }},
    bound_key<library_options>{{"library",
                                "name",
                                form::text,
                                "",
                                "what commands call it on this node",
                                1,
                                name_bytes_max,
                                {},
                                true},
                               [](library_options& l) -> slot { return &l.name; }},
    bound_key<library_options>{
        {"library", "sync", form::boolean, "true", "false: kept and served locally, not synced"},
        [](library_options& l) -> slot { return &l.sync; }},
};

const std::array member_table = {
    bound_key<member_options>{
        {"library.member", "device", form::uuid, "", "its device id (shoal id)", 0, 0, {}, true},
        [](member_options& m) -> slot { return &m.device; }},
    bound_key<member_options>{{"library.member", "address", form::peer_address, "",
                               "where to dial it; empty: it dials, or a peer tells"},
                              [](member_options& m) -> slot { return &m.at; }},
};

} // namespace

std::span<const bound_key<options>> node_keys() { return node_table; }
std::span<const bound_key<library_options>> library_keys() { return library_table; }
std::span<const bound_key<member_options>> member_keys() { return member_table; }

std::vector<const key*> all_keys() {
  std::vector<const key*> out;
  out.reserve(node_table.size() + library_table.size() + member_table.size());
  for (const auto& k : node_table)
    out.push_back(&k);
  for (const auto& k : library_table)
    out.push_back(&k);
  for (const auto& k : member_table)
    out.push_back(&k);
  return out;
}

std::string full_name(const key& k) { return std::string(k.table) + "." + std::string(k.name); }

std::string_view choice_name(const key& k, size_t n) {
  std::string_view rest = k.choices;
  for (; n > 0; --n)
    rest.remove_prefix(rest.find(' ') + 1);
  return rest.substr(0, rest.find(' '));
}

std::string expectation(const key& k) {
  switch (k.what) {
  case form::integer:
    return "use a whole number from " + std::to_string(k.least) + " to " + std::to_string(k.most);
  case form::boolean: return "use true or false";
  case form::text:
    return "use text of " + std::to_string(k.least) + " to " + std::to_string(k.most)
           + " bytes without control characters";
  case form::path: return "use a path, absolute or relative to the configuration file";
  case form::listen_address: return "use HOST:PORT or [IPV6]:PORT; port 0 picks a free one";
  case form::peer_address: return "use HOST:PORT or [IPV6]:PORT with a port from 1 to 65535";
  case form::choice: {
    std::string list;
    for (const char c : k.choices) {
      if (c == ' ')
        list += ", ";
      else
        list += c;
    }
    return "use one of " + list;
  }
  case form::log_spec:
    return "use a level of trace, debug, info, warn, error, critical, off, then ,component=level "
           "if wanted, of node, library, store, peer_link, api";
  case form::uuid: return "use a uuid such as 0b7d2c9e-8f5a-4a51-9a3c-6d1e0c5b7f42";
  }
  return {};
}

bool check_log_spec(std::string_view spec) {
  bool first = true;
  while (true) {
    const auto comma = spec.find(',');
    std::string_view part = spec.substr(0, comma);
    if (const auto equals = part.find('='); equals != std::string_view::npos) {
      const auto component = part.substr(0, equals);
      if (std::find(log_components.begin(), log_components.end(), component)
          == log_components.end())
        return false;
      part.remove_prefix(equals + 1);
    } else if (!first) {
      return false;
    }
    if (std::find(log_levels.begin(), log_levels.end(), part) == log_levels.end())
      return false;
    if (comma == std::string_view::npos)
      return true;
    spec.remove_prefix(comma + 1);
    first = false;
  }
}

} // namespace shoal::config
