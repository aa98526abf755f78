// conflicts, deadletter.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"

#include <CLI/CLI.hpp>

namespace shoal::cli {

namespace {

struct held_words {
  std::string library;
  std::string id; // empty: all
};

void list_deadletters(context& ctx, const std::string& library) {
  list_printer printer(ctx, {"id", "why", "released", "model", "record", "hlc", "reason"});
  const page_request pages{library_path(library, {"deadletter"})};
  const auto next = for_each_item(ctx, pages, [&](const json& item) { printer.add(item); });
  if (next)
    printer.finish(*next);
}

/// One row of the table: winner and loser in words.
json flat(const json& conflict) {
  json out = conflict;
  const auto side = [&](const char* name) {
    const auto found = conflict.find(name);
    if (found == conflict.end() || !found->is_object())
      return std::string("-");
    const bool deleted = found->value("deleted", false);
    return (deleted ? std::string("deleted") : cell_of(*found, "value")) + " by "
           + cell_of(*found, "device");
  };
  out["winner"] = side("winner");
  out["loser"] = side("loser");
  return out;
}

void list_conflicts(context& ctx, const std::string& library) {
  const auto body = ctx.get(library_path(library, {"conflicts"}));
  if (!body)
    return;
  list_printer printer(ctx, {"model", "id", "field", "key", "winner", "loser", "when", "resolved"});
  if (body->is_object() && body->contains("items"))
    for (const auto& item : (*body)["items"])
      printer.add(ctx.form() == output_form::table ? flat(item) : item);
  printer.finish();
}

} // namespace

void add_held_commands(CLI::App& app, context& ctx) {
  const auto words = std::make_shared<held_words>();
  auto* conflicts = app.add_subcommand(
      "conflicts", "Concurrent writes to one field: winner, loser, when; newest first");
  conflicts->add_option("LIB", words->library, "the library's name or id")->required();
  conflicts->callback([&ctx, words] { list_conflicts(ctx, words->library); });

  auto* deadletter = app.add_subcommand(
      "deadletter", "Ops that are held but not merged: stamped in the future, or unreadable here");
  deadletter->add_option("LIB", words->library, "the library's name or id")->required();
  deadletter->require_subcommand(1);
  deadletter->add_subcommand("list", "All of them, and records that this node's models cannot read")
      ->callback([&ctx, words] { list_deadletters(ctx, words->library); });
  auto* show = deadletter->add_subcommand("show", "One of them, with its fields and bytes");
  show->add_option("ID", words->id, "as `list` shows it")->required();
  show->callback([&ctx, words] {
    if (const auto body = ctx.get(library_path(words->library, {"deadletter", words->id})))
      print_object(ctx, *body);
  });
  auto* retry = deadletter->add_subcommand(
      "retry", "Try to merge one, or all that could not be read; what cannot be stays held");
  retry->add_option("ID", words->id, "as `list` shows it; default: all");
  retry->callback([&ctx, words] {
    const auto what = words->id.empty() ? std::string() : text_of(json{{"id", words->id}});
    if (const auto body =
            ctx.call("POST", library_path(words->library, {"deadletter", "retry"}), what))
      print_object(ctx, *body);
  });
  auto* release = deadletter->add_subcommand(
      "release", "Write what one stamped in the future says anew, as of now: its values are in use "
                 "on every node at once");
  release->add_option("ID", words->id, "as `list` shows it")->required();
  release->callback([&ctx, words] {
    if (const auto body = ctx.call("POST", library_path(words->library, {"deadletter", "release"}),
                                   text_of(json{{"id", words->id}})))
      print_object(ctx, *body);
  });
  auto* drop = deadletter->add_subcommand(
      "drop", "Leave one out of the list; it is passed on and merged in its time all the same");
  drop->add_option("ID", words->id, "as `list` shows it")->required();
  drop->callback([&ctx, words] {
    if (const auto body =
            ctx.call("DELETE", library_path(words->library, {"deadletter", words->id})))
      print_object(ctx, *body);
  });
}

} // namespace shoal::cli
