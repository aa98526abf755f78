#include "cli/client/commands.hpp"

#include <CLI/CLI.hpp>

#include <ostream>

namespace shoal::cli {

void add_client_options(CLI::App& app, context& ctx) {
  // One command per line: a record or library named like a command is then never taken for one.
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--config", ctx.choice.config_file, "the node's shoal.toml")->type_name("FILE");
  app.add_option("--api", ctx.choice.api_url, "the node's API, http://HOST:PORT (or SHOAL_API)")
      ->type_name("URL");
  app.add_option("--token-file", ctx.choice.token_file,
                 "file with the API token (or SHOAL_TOKEN_FILE)")
      ->type_name("FILE");
  app.add_option("-o,--output", ctx.output,
                 "table, json or ndjson (table on a terminal, json otherwise)")
      ->check(CLI::IsMember({"table", "json", "ndjson"}))
      ->type_name("FORM");
}

void add_client_commands(CLI::App& app, context& ctx) {
  add_library_commands(app, ctx);
  add_record_commands(app, ctx);
  add_transfer_commands(app, ctx);
  add_index_commands(app, ctx);
  add_tree_commands(app, ctx);
  add_status_commands(app, ctx);
  add_control_commands(app, ctx);
  add_held_commands(app, ctx);
  add_watch_command(app, ctx);
  add_check_command(app, ctx);
  add_trace_command(app, ctx);
  add_top_command(app, ctx);
}

int run_command_line(CLI::App& app, context& ctx, const std::vector<std::string>& arguments) {
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(),
                                       arguments.rend())); // CLI11 takes them from the back
  } catch (const CLI::CallForHelp&) {
    ctx.out << app.help();
  } catch (const CLI::CallForAllHelp&) {
    ctx.out << app.help("", CLI::AppFormatMode::All);
  } catch (const CLI::CallForVersion& version) {
    ctx.out << version.what() << '\n';
  } catch (const CLI::ParseError& refused) {
    ctx.fail(exit_usage, std::string(refused.what()) + " (see --help)");
  }
  ctx.out.flush();
  if (!ctx.out && ctx.exit_code == exit_done)
    ctx.fail(exit_no, "standard output cannot be written; the answer is incomplete");
  return ctx.exit_code;
}

} // namespace shoal::cli
