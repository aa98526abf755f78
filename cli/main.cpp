// The program: one command per run.

#include "cli/bench/bench_command.hpp"
#include "cli/client/commands.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

/// Read by jemalloc, where it is linked: one arena, as a node has two busy threads and is to stay
/// small.
extern "C" const char* const malloc_conf = "narenas:1";

int main(int argc, char** argv) {
  CLI::App app{
      "Shoal keeps libraries of records the same on many machines, with no leader and no server.",
      "shoal"};
  app.set_version_flag("--version", "shoal " SHOAL_VERSION, "Print the version");
  shoal::cli::context ctx;
  shoal::cli::add_client_options(app, ctx);
  shoal::cli::add_node_commands(app, ctx);
  shoal::cli::add_config_commands(app, ctx);
  shoal::cli::add_client_commands(app, ctx);
  shoal::cli::add_devcluster_commands(app, ctx);
  shoal::cli::add_backup_commands(app, ctx);
  shoal::cli::add_sim_command(app, ctx);
  shoal::cli::add_bench_command(app, ctx);
  return shoal::cli::run_command_line(app, ctx, {argv + 1, argv + argc});
}
