// top: a node's libraries, live.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "cli/client/top_screen.hpp"

#include <CLI/CLI.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
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

/// Columns: the terminal's; of what is no terminal, as many as $COLUMNS says, or 80.
size_t screen_width(const context& ctx) {
  winsize size{};
  if (ctx.out_is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return std::max<size_t>(size.ws_col, 20);
  const auto* columns = std::getenv("COLUMNS");
  const auto width = columns ? std::strtoul(columns, nullptr, 10) : 0;
  return width > 0 ? std::max<size_t>(width, 20) : 80;
}

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
    if (ctx_.form() == output_form::table) {
      const auto events = node->send("GET", "/v1/events");
      if (events && events->ok() && events->body.is_object() && events->body.contains("items"))
        (*status)["events"] = events->body["items"];
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
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    return top_screen(with_rates(), now, screen_width(ctx_));
  }

private:
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
