#include "cli/client/top_screen.hpp"

#include "cli/client/listing.hpp"
#include "cli/client/status_text.hpp"

#include <algorithm>
#include <cstdio>

namespace shoal::cli {

namespace {

constexpr size_t events_shown = 5;

std::string size_text(double bytes) {
  char text[32];
  if (bytes < 10'240)
    std::snprintf(text, sizeof text, "%.0f B", bytes);
  else if (bytes < 10'485'760)
    std::snprintf(text, sizeof text, "%.0f KiB", bytes / 1024);
  else
    std::snprintf(text, sizeof text, "%.0f MiB", bytes / 1'048'576);
  return text;
}

/// Names of the members that have not said yet that they hold the log; empty for none.
std::string holders_text(const json& library) {
  const auto members = library.value("members", json::array());
  std::string out;
  for (const auto& device : library.value("log_held_by", json::array())) {
    const auto m = std::find_if(members.begin(), members.end(), [&](const auto& one) {
      return one.is_object() && one.contains("device") && one["device"] == device;
    });
    out += (out.empty() ? "" : ", ")
           + (m != members.end()   ? member_text(*m)
              : device.is_string() ? device.template get<std::string>()
                                   : text_of(device));
  }
  return out;
}

std::string alarms_text(const json& of, const std::string& indent, size_t width) {
  std::string out;
  for (const auto& alarm : of.value("alarms", json::array()))
    out += wrapped(
        indent + "ALARM " + (alarm.is_string() ? alarm.get<std::string>() : text_of(alarm)), width);
  return out;
}

std::string library_text(const json& l, size_t width) {
  const auto why = string_at(l, "why");
  std::string out =
      "\n"
      + wrapped(cell_of(l, "name") + "  " + (why.empty() ? "CONVERGED" : "NOT CONVERGED: " + why),
                width);
  out += wrapped("  state " + cell_of(l, "state") + ", progress " + percent_text(l)
                     + "; tombstones " + cell_of(l, "tombstones") + ", dead letters "
                     + cell_of(l, "deadletters") + ", conflicts " + cell_of(l, "conflicts"),
                 width);
  const auto holders = holders_text(l);
  out += wrapped("  log " + cell_of(l, "log_entries")
                     + (holders.empty() ? "" : ", held back by " + holders),
                 width);
  if (const auto rates = l.find("rates"); rates != l.end()) {
    const auto of = [&](const char* name) { return rates->value(name, 0.0); };
    char line[160];
    std::snprintf(line, sizeof line, "  per second: %.0f written, %.0f sent, %.0f applied, ",
                  of("writes"), of("sent"), of("applied"));
    out += wrapped(line + size_text(of("bytes_out")) + " out, " + size_text(of("bytes_in")) + " in",
                   width);
  }
  out += alarms_text(l, "  ", width);
  if (const auto members = l.value("members", json::array()); !members.empty())
    out += member_table(members, "  ", width);
  return out;
}

std::string events_text(const json& events, size_t width) {
  std::string out;
  for (size_t i = 0; i < std::min(events.size(), events_shown); ++i)
    out += wrapped("  " + local_time(integer_at(events[i], "time_ms", 0), "%T") + " "
                       + cell_of(events[i], "level") + " " + cell_of(events[i], "component") + ": "
                       + cell_of(events[i], "message"),
                   width);
  return out.empty() ? out : "\nevents, newest first\n" + out;
}

} // namespace

std::string top_screen(const json& status, int64_t wall_ms, size_t width) {
  auto out = fitted(cell_of(status, "name") + "  " + cell_of(status, "device") + "  version "
                        + cell_of(status, "version") + "  " + local_time(wall_ms, "%T"),
                    width)
             + "\n" + alarms_text(status, "", width);
  for (const auto& l : status.value("libraries", json::array()))
    out += library_text(l, width);
  return out + events_text(status.value("events", json::array()), width);
}

} // namespace shoal::cli
