#pragma once
// Every group of commands. Each adds its subcommands to the application; their callbacks set
// context::exit_code.

#include "cli/client/context.hpp"

#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace shoal::cli {

/// --config, --api, --token-file and -o. Call before adding commands: they inherit that these
/// options are also taken after the command.
void add_client_options(CLI::App& app, context& ctx);
/// Everything that talks to a running node: all the groups below.
void add_client_commands(CLI::App& app, context& ctx);

void add_library_commands(CLI::App& app, context& ctx);  // library, member
void add_record_commands(CLI::App& app, context& ctx);   // put, get, list, rm
void add_transfer_commands(CLI::App& app, context& ctx); // import, export
void add_index_commands(CLI::App& app, context& ctx);    // index
void add_tree_commands(CLI::App& app, context& ctx);     // tree
void add_status_commands(CLI::App& app, context& ctx);   // status, models, peers, digest, log
void add_control_commands(CLI::App& app, context& ctx);  // wait, sync, prune, pause, …
void add_held_commands(CLI::App& app, context& ctx);     // conflicts, deadletter
void add_watch_command(CLI::App& app, context& ctx);
void add_check_command(CLI::App& app, context& ctx);
void add_trace_command(CLI::App& app, context& ctx);
void add_top_command(CLI::App& app, context& ctx);

// In cli/: the node's side.
void add_node_commands(CLI::App& app, context& ctx);
void add_config_commands(CLI::App& app, context& ctx);
void add_devcluster_commands(CLI::App& app, context& ctx);
void add_backup_commands(CLI::App& app, context& ctx);
void add_sim_command(CLI::App& app, context& ctx);

/// Parses and runs one command line (without the program's name) and returns the exit code. What
/// the parser refuses is one line on `ctx.err` and exit_usage; --help goes to `ctx.out`.
int run_command_line(CLI::App& app, context& ctx, const std::vector<std::string>& arguments);

} // namespace shoal::cli
