// check: one line each on what a monitor asks, and its exit code.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "cli/client/status_text.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ostream>

namespace shoal::cli {

namespace {

enum class level : uint8_t { ok = 0, warn = 1, crit = 2 }; // also the exit codes

constexpr double clock_warn_ms = 10'000;  // a clock that drifts so far is not being set
constexpr double clock_crit_ms = 120'000; // the default of max_clock_drift_seconds
constexpr int64_t certificate_warn_days = 30;
constexpr int64_t lag_warn_ops = 10'000;
constexpr int64_t day_ms = 86'400'000;

const char* word_of(level l) { return l == level::ok ? "OK" : l == level::warn ? "WARN" : "CRIT"; }

/// What one line has found; the worst counts.
class finding {
public:
  explicit finding(std::string name) : name_(std::move(name)) {}
  void add(level how, const std::string& text) {
    level_ = std::max(level_, how);
    if (how != level::ok)
      bad_ += (bad_.empty() ? "" : "; ") + text;
    else
      good_ += (good_.empty() ? "" : "; ") + text;
  }
  level worst() const { return level_; }
  const std::string& name() const { return name_; }
  /// What is wrong, or, when nothing is, what was looked at.
  const std::string& text() const { return bad_.empty() ? good_ : bad_; }

private:
  std::string name_;
  level level_ = level::ok;
  std::string bad_;
  std::string good_;
};

const json& list_at(const json& object, const char* key) {
  static const json none = json::array();
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_array() ? *found : none;
}

bool flag_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

void check_peers(finding& out, const json& library) {
  const auto name = string_at(library, "name");
  size_t members = 0;
  size_t linked = 0;
  for (const auto& m : list_at(library, "members")) {
    const auto state = string_at(m, "state");
    if (state == "removed")
      continue;
    ++members;
    linked += flag_at(m, "connected") ? 1 : 0;
    if (state != "synced" && state != "catching_up") {
      const auto error = string_at(m, "last_error");
      out.add(level::warn, name + ": " + member_text(m) + " is " + state
                               + (error.empty() ? "" : " (" + error + ")"));
    }
  }
  const bool alone = members > 0 && linked == 0 && string_at(library, "state") != "paused";
  out.add(alone ? level::crit : level::ok, name + ": " + std::to_string(linked) + " of "
                                               + std::to_string(members) + " other members linked");
}

void check_lag(finding& out, const json& library) {
  const auto name = string_at(library, "name");
  const auto state = string_at(library, "state");
  int64_t in = 0;
  int64_t furthest = 0;
  std::string whose;
  for (const auto& m : list_at(library, "members")) {
    if (string_at(m, "state") == "removed")
      continue;
    in = std::max(in, integer_at(m, "behind_in", 0));
    if (const auto behind = integer_at(m, "behind_out", 0); behind > furthest) {
      furthest = behind;
      whose = member_text(m);
    }
  }
  if (state == "failed" || state == "removed")
    return out.add(level::crit, name + " is " + state + ": " + cell_of(library, "why"));
  if (state != "ready")
    return out.add(
        level::warn,
        name + " is " + state + (in > 0 ? ", " + std::to_string(in) + " ops behind" : "")
            + (string_at(library, "why").empty() ? "" : ": " + string_at(library, "why")));
  if (furthest > lag_warn_ops)
    return out.add(level::warn, name + ": " + whose + " lacks " + std::to_string(furthest)
                                    + " ops that are here");
  out.add(level::ok, name + " is ready, " + std::to_string(in) + " ops behind, at most "
                         + std::to_string(furthest) + " ahead of a member");
}

/// This clock against the middle one of the members that are linked.
void check_clock(finding& out, const json& library) {
  const auto name = string_at(library, "name");
  std::vector<double> offsets;
  for (const auto& m : list_at(library, "members"))
    if (const auto o = m.find("clock_offset_ms"); o != m.end() && o->is_number())
      offsets.push_back(o->get<double>());
  if (offsets.empty())
    return out.add(level::ok, name + ": no member linked to compare with");
  std::sort(offsets.begin(), offsets.end());
  const auto off = std::abs(offsets[offsets.size() / 2]);
  char text[64];
  std::snprintf(text, sizeof text, "%.0f ms from the others'", off);
  out.add(off >= clock_crit_ms   ? level::crit
          : off >= clock_warn_ms ? level::warn
                                 : level::ok,
          name + ": " + text);
}

void check_deadletters(finding& out, const json& library) {
  const auto n = integer_at(library, "deadletters", 0);
  out.add(n > 0 ? level::warn : level::ok,
          string_at(library, "name") + ": " + std::to_string(n)
              + (n > 0 ? " ops wait or cannot be read; `shoal deadletter` lists them" : ""));
}

std::string mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

void check_disk(finding& out, const json& node, const std::vector<json>& libraries) {
  for (const auto& l : libraries)
    if (const auto why = string_at(l, "read_only"); !why.empty())
      return out.add(level::crit, why);
  const auto disk = node.find("disk");
  if (disk == node.end())
    return out.add(level::ok, "not told");
  const auto free = static_cast<uint64_t>(integer_at(*disk, "free_bytes", 0));
  const auto reserve = static_cast<uint64_t>(integer_at(*disk, "reserve_bytes", 0));
  const auto text = mebibytes(free) + " free, nothing is written below " + mebibytes(reserve);
  out.add(free < reserve ? level::crit : free / 2 < reserve ? level::warn : level::ok, text);
}

void check_certificate(finding& out, const json& node, int64_t now_ms) {
  const auto until = integer_at(node, "certificate_until", 0);
  const auto days = (until - now_ms) / day_ms;
  // Peers pin the key and ask nobody about dates: what is late here stops nothing.
  if (until <= now_ms)
    out.add(level::warn, "its dates are over; peers do not mind, other tools may");
  else
    out.add(days < certificate_warn_days ? level::warn : level::ok,
            "good for " + std::to_string(days) + " days");
}

void check(context& ctx, const std::string& only) {
  const auto node = ctx.get("/v1/status");
  if (!node)
    return;
  std::vector<json> libraries;
  for (const auto& l : list_at(*node, "libraries"))
    if (only.empty() || string_at(l, "name") == only || string_at(l, "id") == only)
      libraries.push_back(l);
  if (!only.empty() && libraries.empty())
    return ctx.fail(static_cast<int>(level::crit),
                    "unknown_library: this node carries no library '" + only
                        + "'; `shoal library list` names those it has");
  finding peers("peers");
  finding lag("lag");
  finding clock("clock");
  finding disk("disk");
  finding letters("dead letters");
  finding certificate("certificate");
  for (const auto& l : libraries) {
    check_peers(peers, l);
    check_lag(lag, l);
    check_clock(clock, l);
    check_deadletters(letters, l);
  }
  check_disk(disk, *node, libraries);
  check_certificate(certificate, *node,
                    std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count());
  std::vector<finding> all{peers, lag, clock, disk, letters, certificate};
  finding alarms("alarms");
  for (const auto& text : list_at(*node, "alarms"))
    alarms.add(level::warn, text.is_string() ? text.get<std::string>() : text_of(text));
  for (const auto& l : libraries)
    for (const auto& text : list_at(l, "alarms"))
      alarms.add(level::warn, string_at(l, "name") + ": "
                                  + (text.is_string() ? text.get<std::string>() : text_of(text)));
  if (alarms.worst() != level::ok)
    all.push_back(alarms);

  level worst = level::ok;
  json items = json::array();
  for (const auto& f : all) {
    worst = std::max(worst, f.worst());
    const auto text = f.text().empty() ? "no library" : f.text();
    items.push_back({{"name", f.name()}, {"level", word_of(f.worst())}, {"text", text}});
    if (ctx.output != "json" && ctx.output != "ndjson")
      ctx.out << word_of(f.worst()) << ' ' << f.name() << ": " << text << '\n';
    else if (ctx.output == "ndjson")
      ctx.out << text_of(items.back()) << '\n';
  }
  if (ctx.output == "json")
    ctx.out << text_of(json{{"level", word_of(worst)}, {"items", items}}) << '\n';
  ctx.exit_code = static_cast<int>(worst);
}

} // namespace

void add_check_command(CLI::App& app, context& ctx) {
  const auto library = std::make_shared<std::string>();
  auto* command = app.add_subcommand(
      "check",
      "Peers, lag, clock, disk, dead letters, certificate: exit code 0 OK, 1 WARN, 2 CRIT");
  command->add_option("LIB", *library, "only this library; default: all");
  command->callback([&ctx, library] { check(ctx, *library); });
}

} // namespace shoal::cli
