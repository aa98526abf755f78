#include "actors/api/status_json.hpp"

namespace shoal::api {
namespace {

using json = nlohmann::ordered_json;

json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }
json number_or_null(const std::optional<double>& n) { return n ? json(*n) : json(nullptr); }

} // namespace

json frontier_json(const frontier& f) {
  json out = json::object();
  auto& items = out.get_ref<json::object_t&>();
  items.reserve(f.size()); // ascending and unique: no search needed
  for (const auto& [stream, seq] : f)
    items.emplace_back(to_string(stream), seq);
  return out;
}

json peer_json(const member_status& m) {
  json out;
  out["device"] = to_string(m.device);
  out["name"] = m.name;
  out["connected"] = m.connected;
  out["state"] = m.state;
  out["rtt_ms"] = number_or_null(m.rtt_ms);
  out["clock_offset_ms"] = number_or_null(m.clock_offset_ms);
  out["behind_in"] = m.behind_in;
  out["behind_out"] = m.behind_out;
  out["last_seen"] = m.last_seen_ms == 0 ? json(nullptr) : json(m.last_seen_ms);
  out["last_error"] = text_or_null(m.last_error);
  out["address"] = m.address;
  out["breaker"] = m.breaker;
  out["failures"] = m.failures;
  out["next_try"] = m.next_try_ms == 0 ? json(nullptr) : json(m.next_try_ms);
  out["rests_until"] = m.rests_until_ms == 0 ? json(nullptr) : json(m.rests_until_ms);
  out["models"] = text_or_null(m.models);
  return out;
}

json library_json(const library_status& s) {
  json out;
  out["id"] = to_string(s.id);
  out["name"] = s.name;
  out["state"] = s.state;
  out["progress"] = s.progress;
  if (s.state == "backfilling") {
    out["source"] = s.source ? json(to_string(*s.source)) : json();
    out["eta_seconds"] = s.eta_seconds ? json(*s.eta_seconds) : json();
  }
  out["converged"] = s.converged;
  out["why"] = text_or_null(s.why);
  out["log_entries"] = s.log_entries;
  json members = json::array();
  for (const auto& m : s.members)
    members.push_back(peer_json(m));
  out["members"] = std::move(members);
  out["sync"] = s.sync;
  json held_by = json::array();
  for (const auto& device : s.log_held_by)
    held_by.push_back(to_string(device));
  out["log_held_by"] = std::move(held_by);
  json full = json::array();
  for (const auto& device : s.quarantine_full)
    full.push_back(to_string(device));
  out["quarantine_full"] = std::move(full);
  out["settled"] = s.settled;
  out["tombstones"] = s.tombstones;
  out["deadletters"] = s.deadletters;
  out["conflicts"] = s.conflicts;
  out["alarms"] = s.alarms;
  out["read_only"] = text_or_null(s.read_only);
  json records = json::object();
  for (const auto& [model, count] : s.records)
    records[model] = count;
  out["records"] = std::move(records);
  out["digest"] = s.digest;
  out["restored"] = text_or_null(s.restored);
  return out;
}

json node_json(const node& n) {
  json out;
  out["device"] = to_string(n.device());
  out["name"] = n.name();
  out["version"] = SHOAL_VERSION;
  json libraries = json::array();
  for (const auto& l : n.libraries())
    libraries.push_back(library_json(l->status()));
  out["libraries"] = std::move(libraries);
  out["alarms"] = n.alarms();
  const auto health = n.health();
  out["disk"] = {{"free_bytes", health.disk_free_bytes},
                 {"reserve_bytes", health.disk_reserve_bytes}};
  out["certificate_until"] = health.certificate_until_ms;
  return out;
}

json member_json(const device_id& device, const member& m) {
  json out;
  out["device"] = to_string(device);
  out["name"] = m.name;
  out["address"] = m.address;
  out["state"] = m.removed ? "removed" : "member";
  return out;
}

json whole_list(json items) {
  json out;
  out["items"] = std::move(items);
  out["next"] = nullptr;
  return out;
}

std::optional<std::string> not_ready(const library_status& s) {
  if (!s.read_only.empty())
    return "library " + s.name + " is read-only: " + s.read_only;
  if (s.state == "ready")
    return std::nullopt;
  auto why = "library " + s.name + " is " + s.state;
  if (!s.why.empty())
    why += ": " + s.why;
  return why;
}

} // namespace shoal::api
