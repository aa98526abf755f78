// shoal id and shoal config: what a configuration file says, without starting anything.

#include "actors/transport/identity.hpp"
#include "cli/client/commands.hpp"
#include "cli/local_commands.hpp"
#include "config/options.hpp"
#include "store/models/declared.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <optional>
#include <ostream>

namespace shoal::cli {

namespace {

/// The options of a file whose key, certificate and token are there, safe, and belong together.
result<transport::identity> checked_identity(const config::options& opts) {
  if (auto done = config::check_files(opts); !done)
    return done.err();
  return transport::load_identity(opts.tls.key, opts.tls.certificate);
}

/// One object per key, so that a value keeps its source.
std::string as_json(const config::options& opts) {
  json keys = json::object();
  for (const auto& shown : config::effective(opts)) {
    // A TOML string without control characters, a number or a boolean is JSON as it stands.
    keys[shown.name] = {{"value", json::parse(shown.value)}, {"source", shown.source}};
  }
  return text_of(keys);
}

/// The options of the file that --config names; nothing after having said what is wrong.
std::optional<config::options> options_of(context& ctx) {
  const std::string file = config_file(ctx);
  if (file.empty())
    return std::nullopt;
  auto opts = config::load(file, config::process_environment());
  if (!opts) {
    ctx.fail(opts.err());
    return std::nullopt;
  }
  if (const auto known = models::make_registry(opts->models); !known) {
    ctx.fail(known.err());
    return std::nullopt;
  }
  return std::move(*opts);
}

void print_id(context& ctx) {
  const auto opts = options_of(ctx);
  if (!opts)
    return;
  const auto identity = transport::load_identity(opts->tls.key, opts->tls.certificate);
  if (identity)
    ctx.out << to_string(identity->device()) << '\n';
  else
    ctx.fail(identity.err());
}

void check(context& ctx) {
  const auto opts = options_of(ctx);
  if (!opts)
    return;
  const auto identity = checked_identity(*opts);
  if (identity)
    ctx.out << opts->file.string() << ": good, device " << to_string(identity->device()) << '\n';
  else
    ctx.fail(identity.err());
}

/// TOML unless JSON was asked for: `shoal config show > FILE` makes a file that loads.
void show(context& ctx) {
  const auto opts = options_of(ctx);
  if (!opts)
    return;
  if (ctx.output == "json" || ctx.output == "ndjson")
    ctx.out << as_json(*opts) << '\n';
  else
    ctx.out << config::show(*opts);
}

} // namespace

std::string config_file(context& ctx) {
  if (ctx.choice.config_file.empty())
    ctx.fail(exit_usage,
             "no configuration file was named (give --config FILE; shoal init DIR makes one)");
  return ctx.choice.config_file;
}

void add_id(CLI::App& root, context& ctx) {
  root.add_subcommand("id", "Print a node's device id")->callback([&ctx] { print_id(ctx); });
}

void add_config_commands(CLI::App& app, context& ctx) {
  auto* group = app.add_subcommand("config", "Check or show a configuration file");
  group->require_subcommand(1);
  group->add_subcommand("check", "Say whether a node would start with this file, and if not, why")
      ->callback([&ctx] { check(ctx); });
  group->add_subcommand("show", "Print every key with the value in force and where it comes from")
      ->callback([&ctx] { show(ctx); });
  group->add_subcommand("default", "Print a complete shoal.toml with every default, explained")
      ->callback([&ctx] { ctx.out << config::render_default(); });
}

} // namespace shoal::cli
