// shoal run: the daemon, in the foreground.

#include "actors/node.hpp"
#include "cli/client/commands.hpp"
#include "cli/local_commands.hpp"
#include "config/options.hpp"
#include "store/models/declared.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace shoal::cli {

namespace {

void run(context& ctx) {
  const std::string file = config_file(ctx);
  if (file.empty())
    return;
  const auto opts = config::load(file, config::process_environment());
  if (!opts) {
    ctx.fail(opts.err());
    return;
  }
  if (auto done = config::check_files(*opts); !done) {
    ctx.fail(done.err());
    return;
  }
  auto known = models::make_registry(opts->models);
  if (!known) {
    ctx.fail(known.err());
    return;
  }
  ctx.exit_code = run_node(*opts, std::move(*known));
}

} // namespace

void add_node_commands(CLI::App& app, context& ctx) {
  add_init(app, ctx);
  app.add_subcommand("run", "Run a node in the foreground; SIGTERM or SIGINT stops it cleanly, "
                            "SIGHUP reloads its file")
      ->callback([&ctx] { run(ctx); });
  add_id(app, ctx);
  add_completion(app, ctx);
}

} // namespace shoal::cli
