// top: a node's libraries, live.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "cli/client/status_text.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <ostream>
#include <sstream>
#include <thread>

namespace shoal::cli {

namespace {

using steady = std::chrono::steady_clock;

/// What is shown as a rate, and its metric.
constexpr std::pair<const char*, const char*> rates_of[] = {
    {"writes", "shoal_writes_total"},         {"sent", "shoal_ops_sent_total"},
    {"received", "shoal_ops_received_total"}, {"applied", "shoal_ops_applied_total"},
    {"bytes_out", "shoal_bytes_sent_total"},  {"bytes_in", "shoal_bytes_received_total"},
};

struct sample {
  steady::time_point at;
  json status;
  std::map<std::string, double> counters; // metric and library → value
};

std::string counter_key(std::string_view metric, std::string_view library) {
  return std::string(metric) + "\n" + std::string(library);
}

/// The counters of Prometheus text that have no label but the library.
std::map<std::string, double> read_counters(const std::string& text) {
  std::map<std::string, double> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const auto open = line.find("{library=\"");
    const auto close = line.find("\"} ");
    if (line.starts_with("#") || open == std::string::npos || close == std::string::npos)
      continue;
    const auto name = std::string_view(line).substr(open + 10, close - open - 10);
    double value = 0;
    const auto* end = line.data() + line.size();
    if (name.find('"') == std::string_view::npos
        && std::from_chars(line.data() + close + 3, end, value).ec == std::errc{})
      out[counter_key(std::string_view(line).substr(0, open), name)] = value;
  }
  return out;
}

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

class top_view {
public:
  explicit top_view(context& ctx) : ctx_(ctx) {}

  /// Asks the node; false after having said why not.
  bool look() {
    auto* node = ctx_.node();
    if (!node)
      return false;
    auto status = ctx_.get("/v1/status");
    if (!status)
      return false;
    std::string metrics;
    const auto got = node->stream("/metrics", [&](std::string_view piece) {
      metrics += piece;
      return true;
    });
    if (!got) {
      ctx_.fail(got.err());
      return false;
    }
    before_ = std::move(now_);
    now_ = sample{steady::now(), std::move(*status), read_counters(metrics)};
    return true;
  }

  /// The status, with each library's rates since the look before.
  json with_rates() const {
    json out = now_->status;
    if (!before_ || !out.is_object() || !out.contains("libraries"))
      return out;
    const auto seconds = std::chrono::duration<double>(now_->at - before_->at).count();
    for (auto& library : out["libraries"]) {
      json rates = json::object();
      for (const auto& [name, metric] : rates_of) {
        const auto key = counter_key(metric, string_at(library, "name"));
        const auto a = before_->counters.find(key);
        const auto b = now_->counters.find(key);
        const bool both = a != before_->counters.end() && b != now_->counters.end();
        // A node that was started anew begins at 0.
        rates[name] = both && seconds > 0 ? std::max(0.0, b->second - a->second) / seconds : 0.0;
      }
      library["rates"] = std::move(rates);
    }
    return out;
  }

  std::string screen() const {
    const auto shown = with_rates();
    std::ostringstream out;
    char clock[32];
    const auto wall = std::time(nullptr);
    std::tm parts{};
    localtime_r(&wall, &parts);
    std::strftime(clock, sizeof clock, "%T", &parts);
    out << cell_of(shown, "name") << "  " << cell_of(shown, "device") << "  version "
        << cell_of(shown, "version") << "  " << clock << '\n';
    for (const auto& alarm : shown.value("alarms", json::array()))
      out << "ALARM " << (alarm.is_string() ? alarm.get<std::string>() : text_of(alarm)) << '\n';
    for (const auto& l : shown.value("libraries", json::array()))
      show(out, l);
    return out.str();
  }

private:
  static void show(std::ostream& out, const json& l) {
    const auto why = string_at(l, "why");
    out << '\n'
        << cell_of(l, "name") << "  " << (why.empty() ? "CONVERGED" : "NOT CONVERGED: " + why)
        << "\n  state " << cell_of(l, "state") << "  progress " << percent_text(l) << "  log "
        << cell_of(l, "log_entries") << "  tombstones " << cell_of(l, "tombstones")
        << "  dead letters " << cell_of(l, "deadletters") << "  conflicts "
        << cell_of(l, "conflicts") << '\n';
    if (const auto rates = l.find("rates"); rates != l.end()) {
      const auto of = [&](const char* name) { return rates->value(name, 0.0); };
      char line[160];
      std::snprintf(line, sizeof line, "  per second: %.0f written, %.0f sent, %.0f applied, ",
                    of("writes"), of("sent"), of("applied"));
      out << line << size_text(of("bytes_out")) << " out, " << size_text(of("bytes_in")) << " in\n";
    }
    for (const auto& text : l.value("alarms", json::array()))
      out << "  ALARM " << (text.is_string() ? text.get<std::string>() : text_of(text)) << '\n';
    if (const auto members = l.value("members", json::array()); !members.empty())
      out << member_table(members, "  ");
  }

  context& ctx_;
  std::optional<sample> before_;
  std::optional<sample> now_;
};

void top(context& ctx, double seconds, uint64_t times) {
  const auto pause = std::chrono::duration<double>(seconds);
  top_view view(ctx);
  // Rates take two looks, so the first one is not shown.
  if (!view.look())
    return;
  const bool live = ctx.form() == output_form::table && ctx.out_is_terminal;
  // What is piped away, and is no stream of lines, is one picture.
  if (times == 0 && !live && ctx.form() != output_form::json_lines)
    times = 1;
  for (uint64_t n = 0; times == 0 || n < times; ++n) {
    std::this_thread::sleep_for(pause);
    if (!view.look()) {
      if (!live || ctx.exit_code != exit_unreachable)
        return;
      ctx.exit_code = exit_done; // it may be starting anew
      continue;
    }
    if (ctx.form() != output_form::table)
      ctx.out << text_of(view.with_rates()) << '\n';
    else
      ctx.out << (live ? "\x1b[H\x1b[2J" : "") << view.screen();
    ctx.out.flush();
    if (!ctx.out)
      return;
  }
}

} // namespace

void add_top_command(CLI::App& app, context& ctx) {
  struct words_type {
    double seconds = 1;
    uint64_t times = 0;
  };
  const auto words = std::make_shared<words_type>();
  auto* command =
      app.add_subcommand("top", "State, members and rates of every library, live; Ctrl-C ends it");
  command->add_option("--interval", words->seconds, "seconds between two looks; default: 1")
      ->check(CLI::Range(0.05, 3600.0));
  command
      ->add_option("--times", words->times,
                   "end after so many; default: on a terminal and for ndjson never, else one")
      ->check(CLI::PositiveNumber);
  command->callback([&ctx, words] { top(ctx, words->seconds, words->times); });
}

} // namespace shoal::cli
