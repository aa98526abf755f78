#include "cli/client/status_text.hpp"

#include "cli/client/listing.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

namespace shoal::cli {

namespace {

/// Time since `then`, both in ms since 1970, as `12 s ago`.
std::string age_text(int64_t then, int64_t now) {
  if (then <= 0)
    return "never";
  const int64_t seconds = std::max<int64_t>(0, now - then) / 1000;
  if (seconds < 120)
    return std::to_string(seconds) + " s ago";
  if (seconds < 7200)
    return std::to_string(seconds / 60) + " min ago";
  return seconds < 172'800 ? std::to_string(seconds / 3600) + " h ago"
                           : std::to_string(seconds / 86'400) + " days ago";
}

std::string millis_text(const json& member, const char* key) {
  const auto found = member.is_object() ? member.find(key) : member.end();
  if (!member.is_object() || found == member.end() || !found->is_number())
    return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f ms", found->get<double>());
  return text;
}

std::string breaker_text(const json& m, int64_t now) {
  if (const int64_t until = integer_at(m, "rests_until", 0); until > now)
    return "refused for " + std::to_string((until - now) / 1000 + 1) + " s: it broke a rule";
  const int64_t next = integer_at(m, "next_try", 0);
  return next == 0 ? cell_of(m, "breaker")
                   : cell_of(m, "breaker") + ", next in "
                         + std::to_string(std::max<int64_t>(0, next - now) / 1000) + " s";
}

} // namespace

std::string member_text(const json& member) {
  const auto name = string_at(member, "name");
  return name.empty() ? cell_of(member, "device") : name;
}

std::string member_table(const json& members, std::string_view indent, size_t width) {
  const int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  text_table table({"MEMBER", "DEVICE", "STATE", "RTT", "CLOCK", "BEHIND IN", "OUT", "SEEN",
                    "BREAKER", "LAST ERROR"});
  const auto add = [&](const json& m) {
    const auto error = string_at(m, "last_error");
    table.add({member_text(m), cell_of(m, "device"), cell_of(m, "state"), millis_text(m, "rtt_ms"),
               millis_text(m, "clock_offset_ms"), cell_of(m, "behind_in"), cell_of(m, "behind_out"),
               age_text(integer_at(m, "last_seen", 0), now), breaker_text(m, now),
               error.empty() ? "-" : error});
  };
  for (const auto& m : members)
    if (string_at(m, "state") != "removed")
      add(m);
  for (const auto& m : members)
    if (string_at(m, "state") == "removed")
      table.add({member_text(m), cell_of(m, "device"), "removed", "-", "-", "-", "-",
                 age_text(integer_at(m, "last_seen", 0), now), "-", "-"});
  return table.render(indent, width, {"DEVICE", "BREAKER", "SEEN", "CLOCK", "RTT"});
}

std::string local_time(int64_t wall_ms, const char* form) {
  const std::time_t seconds = wall_ms / 1000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, form, &parts)};
}

std::string percent_text(const json& library) {
  const auto found = library.find("progress");
  if (found == library.end() || !found->is_number())
    return "-";
  // Rounded down: 100 % means all of it.
  return std::to_string(static_cast<int>(found->get<double>() * 100)) + " %";
}

} // namespace shoal::cli
