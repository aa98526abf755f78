#pragma once
// The commands that work on files and processes of this machine and need no running node: init,
// run, id, config, devcluster, completion. Those that talk to a node are in cli/client.

#include "messages/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace CLI {
class App;
}

namespace shoal::sim {
struct campaign;
struct campaign_result;
} // namespace shoal::sim

namespace shoal::cli {

struct context;

/// Parts of add_node_commands() (cli/client/commands.hpp), which calls them. `ctx` outlives the
/// parse.
void add_init(CLI::App& root, context& ctx);
void add_id(CLI::App& root, context& ctx);
void add_completion(CLI::App& root, context& ctx);

/// The file that --config named. Empty after having said that it is missing.
std::string config_file(context& ctx);

/// What `shoal init` and `devcluster` put into a new node's folder.
struct new_node {
  std::filesystem::path dir;
  std::string name;
  std::string listen; // checked addresses
  std::string api;
  std::string more; // further TOML for shoal.toml
};
/// Makes the folder, key, certificate and token, all on disk when it returns the device id. Makes
/// none of them if one, or a shoal.toml, is there already.
result<std::string> prepare_node(const new_node& what);
/// Writes shoal.toml. It comes last: who finds one finds the rest.
status finish_node(const new_node& what);

/// Creates a file that must not exist, with these permissions whatever the umask, and syncs it.
status write_new_file(const std::filesystem::path& path, std::string_view content, mode_t mode);

/// What `shoal sim` says of a campaign; exit_no if a seed failed or something never occurred.
void report_simulation(context& ctx, const sim::campaign& c, const sim::campaign_result& r);

/// The script that completes the tree's commands and options; `shell` is bash, zsh or fish.
std::string completion_script(const CLI::App& root, const std::string& shell);

} // namespace shoal::cli
