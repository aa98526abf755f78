// shoal sim: the simulator, run with the code of this very build.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "cli/client/progress.hpp"
#include "cli/local_commands.hpp"
#include "sim/campaign.hpp"
#include "sim/shrink.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <charconv>
#include <cstdio>
#include <memory>
#include <optional>
#include <ostream>
#include <tuple>

namespace shoal::cli {

namespace {

struct wanted {
  std::string seeds = "1..1000";
  sim::campaign what;
  bool trace = false;
  bool shrink = false;
};

/// Runs that shrinking one seed may take: about a minute.
constexpr uint64_t shrink_runs_max = 3000;

std::optional<uint64_t> number(std::string_view text) {
  uint64_t n = 0;
  const auto* end = text.data() + text.size();
  const auto [at, why] = std::from_chars(text.data(), end, n);
  if (why != std::errc() || at != end)
    return std::nullopt;
  return n;
}

/// Both ends of `FROM..TO` or of a single seed.
std::optional<std::pair<uint64_t, uint64_t>> interval(std::string_view text) {
  const auto dots = text.find("..");
  const auto from = number(text.substr(0, dots));
  const auto to = dots == std::string_view::npos ? from : number(text.substr(dots + 2));
  if (!from || !to || *to < *from || *to == UINT64_MAX)
    return std::nullopt;
  return std::pair{*from, *to};
}

std::string replay_line(const sim::campaign& c, uint64_t seed) {
  const auto n = std::to_string(seed);
  return "shoal sim --seeds " + n + ".." + n + " --nodes " + std::to_string(c.nodes) + " --steps "
         + std::to_string(c.steps);
}

json as_json(const sim::campaign& c, const sim::campaign_result& r) {
  json failures = json::array();
  for (const auto& [seed, f] : r.failures)
    failures.push_back({{"seed", seed},
                        {"checker", f.found.checker},
                        {"message", f.found.what},
                        {"plan", f.plan},
                        {"replay", replay_line(c, seed)}});
  json faults = json::object();
  for (size_t i = 0; i < sim::fault_count; ++i)
    faults[to_string(static_cast<sim::fault>(i))] = r.seen.faults[i];
  json situations = json::object();
  for (size_t i = 0; i < sim::situation_count; ++i)
    situations[to_string(static_cast<sim::situation>(i))] = r.seen.situations[i];
  return {{"seeds", r.seeds},
          {"failed", r.failures.size()},
          {"seconds", r.seconds},
          {"events", r.events},
          {"nodes", c.nodes},
          {"steps", c.steps},
          {"acknowledged_ops", r.acknowledged_ops},
          {"virtual_hours", static_cast<double>(r.virtual_us) / 3.6e9},
          {"faults", std::move(faults)},
          {"situations", std::move(situations)},
          {"never_occurred", r.unseen},
          {"failures", std::move(failures)}};
}

void print_summary(context& ctx, const sim::campaign_result& r) {
  uint64_t faults = 0;
  for (const auto n : r.seen.faults)
    faults += n;
  char took[32];
  std::snprintf(took, sizeof took, "%.1f", r.seconds);
  ctx.out << r.seeds << " seeds, " << r.failures.size() << " failed, " << r.events << " events, "
          << faults << " faults, " << r.virtual_us / 3'600'000'000 << " virtual hours in " << took
          << " s\n";
  for (const auto& what : r.unseen)
    ctx.out << "never occurred, and so was not tested: " << what << "\n";
  ctx.out << std::flush;
}

/// As soon as it is found: a campaign may take hours.
void print_failure(context& ctx, const sim::campaign& c, uint64_t seed, const sim::failed_seed& f) {
  ctx.err << "seed " << seed << " failed: " << f.found.checker << ": " << f.found.what << "\n  "
          << f.plan << "\n  replay: " << replay_line(c, seed) << std::endl;
}

void print_shrunk(context& ctx, const wanted& w, uint64_t seed) {
  const auto s = sim::shrink(sim::make_plan(seed, w.what.nodes, w.what.steps), w.what.planted,
                             shrink_runs_max);
  if (!s) // it failed a moment ago
    return ctx.fail(exit_no, "seed " + std::to_string(seed) + " fails now and then: not one run");
  ctx.err << "seed " << seed << " in short (" << s->runs << " runs): " << s->found.checker << ": "
          << s->found.what << "\n  " << to_string(s->planned) << "\n"
          << text_of(s->lines, !w.trace) << std::flush;
}

/// One seed, told line by line.
void trace(context& ctx, const sim::campaign& c) {
  sim::trace_lines lines;
  const auto p = sim::make_plan(c.from, c.nodes, c.steps);
  const auto v = sim::world(p, c.planted, nullptr, &lines).run();
  ctx.out << to_string(p) << "\n" << text_of(lines, false);
  if (v.found) {
    ctx.out << v.found->checker << ": " << v.found->what << "\n";
    ctx.exit_code = exit_no;
  }
  ctx.out << std::flush;
}

void simulate(context& ctx, wanted& w) {
  const auto ends = interval(w.seeds);
  if (!ends)
    return ctx.fail(exit_usage, "--seeds: " + w.seeds
                                    + " is no range of seeds; give FROM..TO, as in 1..1000, or one "
                                      "number");
  std::tie(w.what.from, w.what.to) = *ends;
  if (w.trace && w.what.from != w.what.to)
    return ctx.fail(exit_usage, "--trace: give one seed, as in --seeds 7, not " + w.seeds);
  if (w.trace && !w.shrink)
    return trace(ctx, w.what);
  sim::campaign_result result;
  {
    progress_bar bar(ctx, "simulating", w.what.to - w.what.from + 1);
    result = run(w.what, [&](uint64_t done, uint64_t seed, const sim::failed_seed* failed) {
      if (failed) {
        bar.wipe();
        print_failure(ctx, w.what, seed, *failed);
      }
      bar.at(done);
    });
  }
  if (w.shrink)
    for (const auto& [seed, f] : result.failures)
      print_shrunk(ctx, w, seed);
  report_simulation(ctx, w.what, result);
}

} // namespace

void report_simulation(context& ctx, const sim::campaign& c, const sim::campaign_result& r) {
  if (ctx.form() == output_form::table)
    print_summary(ctx, r);
  else
    ctx.out << text_of(as_json(c, r)) << std::endl;
  if (!r.ok())
    ctx.exit_code = exit_no;
}

void add_sim_command(CLI::App& root, context& ctx) {
  auto w = std::make_shared<wanted>();
  w->what.nodes = 4;
  w->what.steps = 2000;
  auto* command = root.add_subcommand(
      "sim", "Simulate nodes, networks, disks and clocks under faults, from seeds");
  command->add_option("--seeds", w->seeds, "FROM..TO, both included, or one seed")
      ->capture_default_str();
  command->add_option("--nodes", w->what.nodes, "Nodes per seed, 2 to 40")
      ->capture_default_str()
      ->check(CLI::Range(2, 40));
  command
      ->add_option("--steps", w->what.steps,
                   "Events per seed until faults end; what it takes to be level again comes on top")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("--jobs", w->what.threads, "Seeds at a time; 0: one per core")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
  command->add_flag("--trace", w->trace,
                    "Tell what happens in one seed; with --shrink, in the short run");
  command->add_flag("--shrink", w->shrink,
                    "Leave out of each failing seed what it fails without, and print the rest");
  command->callback([w, &ctx] { simulate(ctx, *w); });
}

} // namespace shoal::cli
