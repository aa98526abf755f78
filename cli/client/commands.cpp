#include "cli/client/commands.hpp"

#include "config/nearest.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <ostream>
#include <utility>

namespace shoal::cli {

namespace {

/// What a command takes before commands of its own is part of their usage too: `shoal deadletter
/// LIB show …`.
class whole_usage final : public CLI::Formatter {
public:
  std::string make_usage(const CLI::App* app, std::string) const override {
    auto name = app->get_name();
    for (const auto* at = app->get_parent(); at != nullptr; at = at->get_parent()) {
      std::string words = at->get_name() + " ";
      for (const auto* taken : at->get_options([](const auto* o) { return o->get_positional(); }))
        words += make_option_usage(taken) + " ";
      name.insert(0, words);
    }
    return CLI::Formatter::make_usage(app, name);
  }
};

} // namespace

void add_client_options(CLI::App& app, context& ctx) {
  app.formatter(std::make_shared<whole_usage>()); // commands that are added after this have it too
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

namespace {

/// The first word that should be a command and is none, with what it may have been meant to be.
std::string misspelt(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  size_t taken = 0;   // arguments that come before the next command
  bool value = false; // of the option before
  for (const auto& word : arguments) {
    if (word.starts_with("-")) {
      const auto* option = at->get_option_no_throw(word);
      option = option ? option : app.get_option_no_throw(word);
      value = option && option->get_items_expected_max() > 0 && word.find('=') == std::string::npos;
      continue;
    }
    if (std::exchange(value, false))
      continue;
    if (taken > 0) { // an argument of a group: deadletter LIB list
      --taken;
      continue;
    }
    const auto all = at->get_subcommands([](const CLI::App*) { return true; });
    const auto known =
        std::find_if(all.begin(), all.end(), [&](const auto* c) { return c->get_name() == word; });
    if (known != all.end()) {
      at = *known;
      taken = at->get_options([](const CLI::Option* o) { return o->get_positional(); }).size();
      continue;
    }
    std::vector<std::string_view> names;
    std::string list;
    for (const auto* c : all) {
      names.push_back(c->get_name());
      list += (list.empty() ? "" : ", ") + c->get_name();
    }
    if (names.empty())
      return {};
    const auto nearest =
        " is no command; the nearest is " + std::string(config::nearest_word(word, names));
    return "'" + word + "'" + nearest + (at == &app ? "" : " (there are " + list + ")");
  }
  return {};
}

} // namespace

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
  } catch (const CLI::RequiredError& refused) {
    const auto why = misspelt(app, arguments);
    ctx.fail(exit_usage, (why.empty() ? refused.what() : why) + " (see --help)");
  } catch (const CLI::ParseError& refused) {
    ctx.fail(exit_usage, std::string(refused.what()) + " (see --help)");
  }
  ctx.out.flush();
  if (!ctx.out && ctx.exit_code == exit_done)
    ctx.fail(exit_no, "standard output cannot be written; the answer is incomplete");
  return ctx.exit_code;
}

} // namespace shoal::cli
