#include "cli/bench/bench_command.hpp"

#include "cli/bench/bench_lab.hpp"
#include "cli/bench/benches.hpp"
#include "cli/bench/interrupt.hpp"
#include "cli/bench/machine.hpp"
#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "config/limits.hpp"
#include "messages/wire_limits.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cmath>
#include <memory>
#include <ostream>

namespace shoal::cli {

namespace {

using bench::bench_request;

struct kind {
  const char* name;
  const char* about;
  bench::bench run;
  size_t nodes; // by default
  size_t nodes_min;
  uint64_t records; // by default; 0: as many as fit into the time
  uint64_t records_max;
  double seconds; // by default
  bool timed;     // runs end with the time, else with their records
};

/// A run of more is no measurement, but an evening.
constexpr uint64_t many = 10'000'000;
constexpr double seconds_max = 3600;
constexpr size_t runs_max = 100;
constexpr size_t clients_max = 200; // the API takes 256 connections

constexpr kind kinds[] = {
    {"broadcast", "From a write's commit until every peer holds it durably, one write at a time",
     bench::bench_broadcast, 3, 2, 0, many, 5, true},
    {"throughput", "One writer with batches, until every peer holds all of them durably",
     bench::bench_throughput, 3, 2, 100'000, 1'000'000, seconds_max, false},
    {"catchup", "A node that was away while records were written: from its start until it is level",
     bench::bench_catchup, 3, 2, 1'000, many, seconds_max, false},
    {"backfill", "A new node: from its start until it holds all records", bench::bench_backfill, 3,
     2, 100'000, many, seconds_max, false},
    {"writes", "Single records written through one node by many clients at once",
     bench::bench_writes, 1, 1, 0, many, 5, true},
};

struct wanted {
  bench_request asked;
  std::string dir;
};

std::string shown(double us) {
  char text[32];
  if (us >= 1e6)
    std::snprintf(text, sizeof text, "%.2f s", us / 1e6);
  else if (us >= 1e4)
    std::snprintf(text, sizeof text, "%.1f ms", us / 1e3);
  else
    std::snprintf(text, sizeof text, "%.0f us", us);
  return text;
}

/// One line for each figure that shoal and the floor have, then those that only shoal has.
void print(context& ctx, const json& report) {
  const auto& settings = report["settings"];
  ctx.out << "shoal bench " << string_at(report, "what") << ", " << settings["nodes"]
          << " nodes, medians of " << settings["runs"] << " runs; "
          << string_at(report["machine"], "cpu") << ", " << report["machine"]["cpus"] << " cpus\n";
  text_table table({"", "shoal", "floor", "ratio"});
  const auto cell = [](const json& of, const std::string& name) -> std::string {
    const auto at = of.find(name);
    if (at == of.end() || !at->is_number())
      return "-";
    const double value = at->get<double>();
    const bool time = name.ends_with("p50") || name.ends_with("p99") || name == "max";
    return time ? shown(value) : text_of(json(std::round(value * 10) / 10));
  };
  for (const auto& [name, value] : report["results"].items())
    if (value.is_number())
      table.add({name, cell(report["results"], name), cell(report["floor"], name),
                 cell_of(report["ratios"], name)});
  ctx.out << table.render() << std::flush;
}

void run(context& ctx, const kind& what, bench_request asked, const std::string& dir) {
  if (what.records > 0 && asked.records == 0)
    asked.records = what.records;
  const bench::interrupt_guard guard;
  auto at = bench::make_scratch(dir);
  if (!at) {
    ctx.fail(at.err());
    return;
  }
  const bench::scratch_folder scratch(*at);
  asked.scratch = *at;
  asked.note = [&ctx](const std::string& text) {
    if (ctx.err_is_terminal)
      ctx.err << text << std::endl;
  };
  json report;
  report["what"] = what.name;
  report["machine"] = bench::this_machine(*at);
  report["settings"] = {{"nodes", asked.nodes},
                        {"peers", asked.nodes - 1},
                        {"model", asked.model},
                        {"record_bytes", 200},
                        {"unit", "us"}};
  auto& settings = report["settings"];
  if (asked.records > 0)
    settings["records"] = asked.records;
  if (what.timed)
    settings["seconds"] = asked.seconds;
  if (what.run == bench::bench_writes)
    settings["clients"] = asked.clients;
  if (what.run == bench::bench_throughput)
    settings["batch"] = asked.batch;
  settings["version"] = SHOAL_VERSION;
  auto made = what.run(asked);
  if (!made) {
    ctx.fail(exit_no, made.err().message);
    return;
  }
  settings["runs"] = (*made)["runs"];
  for (const char* part : {"floor", "results", "ratio", "ratios"})
    report[part] = (*made)[part];
  if (ctx.form() == output_form::table)
    print(ctx, report);
  else
    ctx.out << text_of(report) << std::endl;
}

} // namespace

void add_bench_command(CLI::App& app, context& ctx) {
  auto* group = app.add_subcommand("bench", "Measure this very program on this machine, with real "
                                            "processes, TLS and fdatasync, against the floor");
  group->require_subcommand(1);
  for (const auto& what : kinds) {
    auto asked = std::make_shared<wanted>();
    asked->asked.nodes = what.nodes;
    asked->asked.seconds = what.seconds;
    asked->asked.runs = 3;
    asked->asked.clients = 64;
    asked->asked.batch = 1000;
    asked->asked.model = "entry";
    auto* command = group->add_subcommand(what.name, what.about);
    command
        ->add_option("-n,--nodes", asked->asked.nodes, "How many nodes, the writing one included")
        ->capture_default_str()
        ->check(CLI::Range(what.nodes_min, limits::devcluster_nodes_max));
    command->add_option("--records", asked->asked.records, "How many records in each run")
        ->check(CLI::Range(uint64_t{1}, what.records_max));
    command
        ->add_option("--seconds", asked->asked.seconds,
                     what.timed ? "How long each run lasts" : "No further run begins after so long")
        ->check(CLI::Range(0.01, seconds_max));
    command->add_option("--runs", asked->asked.runs, "How many runs; medians of them are shown")
        ->capture_default_str()
        ->check(CLI::Range(size_t{1}, runs_max));
    command->add_option("--model", asked->asked.model, "entry (device-owned) or tag (shared)")
        ->capture_default_str()
        ->check(CLI::IsMember({"entry", "tag"}));
    command->add_option("--dir", asked->dir,
                        "Folder on the disk to measure; a temporary one is made in it. Default: "
                        "/var/tmp, or the working directory where that is memory");
    if (what.run == bench::bench_writes)
      command->add_option("--clients", asked->asked.clients, "Connections that write at once")
          ->capture_default_str()
          ->check(CLI::Range(size_t{1}, clients_max));
    if (what.run == bench::bench_throughput)
      command->add_option("--batch", asked->asked.batch, "Records in one request, two under way")
          ->capture_default_str()
          ->check(CLI::Range(uint64_t{1}, uint64_t{wire_limits::batch_ops}));
    command->callback([asked, &what, &ctx] { run(ctx, what, asked->asked, asked->dir); });
  }
}

} // namespace shoal::cli
