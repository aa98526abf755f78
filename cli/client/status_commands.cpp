// status, models, peers, digest, log.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "cli/client/status_text.hpp"

#include <CLI/CLI.hpp>

#include <ostream>

namespace shoal::cli {

namespace {

/// Members whose definitions differ, by name; not worth a column while there are none.
void print_differing_models(context& ctx, const json& members, std::string_view indent) {
  std::string names;
  for (const auto& m : members)
    if (string_at(m, "models") == "differ")
      names += (names.empty() ? "" : ", ") + cell_of(m, "name");
  if (!names.empty())
    ctx.out << indent << "warning: other models than here on " << names
            << "; `shoal models` on each shows them\n";
}

void status(context& ctx) {
  const auto body = ctx.get("/v1/status");
  if (!body)
    return;
  const json none = json::array();
  const json& libraries =
      body->is_object() && body->contains("libraries") && (*body)["libraries"].is_array()
          ? (*body)["libraries"]
          : none;
  if (ctx.form() == output_form::one_json)
    ctx.out << text_of(*body) << '\n';
  else if (ctx.form() == output_form::table)
    ctx.out << cell_of(*body, "name") << "  " << cell_of(*body, "device") << "  version "
            << cell_of(*body, "version") << '\n';
  if (ctx.form() == output_form::table && body->is_object() && body->contains("alarms"))
    for (const auto& alarm : (*body)["alarms"])
      ctx.out << "ALARM: " << (alarm.is_string() ? alarm.get<std::string>() : text_of(alarm))
              << '\n';
  std::string apart;
  for (const auto& library : libraries) {
    const auto found = library.find("converged");
    const bool converged = found != library.end() && found->is_boolean() && found->get<bool>();
    if (!converged)
      apart +=
          (apart.empty() ? "" : "; ") + cell_of(library, "name") + ": " + cell_of(library, "why");
    if (ctx.form() == output_form::json_lines)
      ctx.out << text_of(library) << '\n';
    if (ctx.form() != output_form::table)
      continue;
    ctx.out << '\n'
            << cell_of(library, "name") << "  " << cell_of(library, "id") << '\n'
            << "  " << (converged ? "CONVERGED" : "NOT CONVERGED: " + cell_of(library, "why"))
            << '\n'
            << "  state " << cell_of(library, "state") << "  progress " << percent_text(library)
            << "  log entries " << cell_of(library, "log_entries") << '\n';
    if (const auto alarms = library.find("alarms"); alarms != library.end() && alarms->is_array())
      for (const auto& text : *alarms)
        ctx.out << "  ALARM " << (text.is_string() ? text.get<std::string>() : text_of(text))
                << '\n';
    const auto members = library.find("members");
    if (members != library.end() && members->is_array() && !members->empty())
      ctx.out << member_table(*members, "  "), print_differing_models(ctx, *members, "  ");
    else
      ctx.out << "  no other member; `shoal member add` adds one\n";
  }
  if (ctx.form() == output_form::table && libraries.empty())
    ctx.out << "no library; `shoal library create NAME` makes one\n";
  if (!apart.empty())
    ctx.fail(exit_no, "not_converged: " + apart);
}

void peers(context& ctx, const std::string& library) {
  const auto body = ctx.get(library_path(library, {"peers"}));
  if (!body)
    return;
  const bool listed = body->is_object() && body->contains("items");
  if (ctx.form() == output_form::table && listed) {
    ctx.out << member_table((*body)["items"], "");
    print_differing_models(ctx, (*body)["items"], "");
    return;
  }
  list_printer printer(ctx, {});
  if (listed)
    for (const auto& item : (*body)["items"])
      printer.add(item);
  printer.finish();
}

/// One line per field, so that a table stays readable.
void print_models(context& ctx) {
  const auto body = ctx.get("/v1/models");
  if (!body)
    return;
  if (ctx.form() != output_form::table) {
    list_printer printer(ctx, {});
    for (const auto& m : body->value("items", json::array()))
      printer.add(m);
    return printer.finish();
  }
  text_table table({"MODEL", "CLASS", "FIELD", "TYPE", "MERGE", "REFERENCES", ""});
  for (const auto& m : body->value("items", json::array()))
    for (const auto& f : m.value("fields", json::array())) {
      std::string notes = f.value("required", false) ? "required" : "";
      if (f.value("cascades", false))
        notes += notes.empty() ? "cascades" : ", cascades";
      table.add({cell_of(m, "name"), cell_of(m, "class"), cell_of(f, "name"), cell_of(f, "type"),
                 cell_of(f, "merge"), cell_of(f, "references"), notes});
    }
  ctx.out << table.render();
}

} // namespace

void add_status_commands(CLI::App& app, context& ctx) {
  struct words_type {
    std::string library;
    std::string since;
    uint64_t limit = 0; // 0: all
  };
  const auto words = std::make_shared<words_type>();
  const auto add = [&](const char* name, const char* what) {
    auto* command = app.add_subcommand(name, what);
    command->add_option("LIB", words->library, "the library's name or id")->required();
    return command;
  };
  app.add_subcommand(
         "status",
         "Every library: state, progress, members, lag; exit code 1 while one is not converged")
      ->callback([&ctx] { status(ctx); });
  app.add_subcommand("models", "The models this node knows, parents first, with their fields")
      ->callback([&ctx] { print_models(ctx); });
  add("peers", "Each member: state, round trip, clock, what is behind")->callback([&ctx, words] {
    peers(ctx, words->library);
  });
  add("digest", "The digest of a library: equal on two nodes exactly when their records are equal")
      ->callback([&ctx, words] {
        const auto body = ctx.get(library_path(words->library, {"digest"}));
        if (body && ctx.form() == output_form::table)
          ctx.out << cell_of(*body, "digest") << '\n';
        else if (body)
          ctx.out << text_of(*body) << '\n';
      });
  auto* log = add("log", "The shared log in HLC order");
  log->add_option("--since", words->since, "begin after this HLC")->type_name("HLC");
  log->add_option("--limit", words->limit, "at most so many")->check(CLI::PositiveNumber);
  log->callback([&ctx, words] {
    list_printer printer(ctx, {"hlc", "op", "model", "id", "fields"});
    page_request pages{library_path(words->library, {"log"}), {}, "since", words->since};
    if (words->limit > 0)
      pages.limit = words->limit;
    const auto next = for_each_item(ctx, pages, [&](const json& item) { printer.add(item); });
    if (next)
      printer.finish(*next);
  });
}

} // namespace shoal::cli
