// trace: where a write is.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "cli/client/status_text.hpp"

#include <CLI/CLI.hpp>

#include <ctime>
#include <ostream>

namespace shoal::cli {

namespace {

/// Local time with milliseconds; `-` for what is not known.
std::string moment_of(const json& object, const char* key) {
  const auto ms = integer_at(object, key, 0);
  if (ms <= 0)
    return "-";
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  char text[64];
  char whole[80];
  std::strftime(text, sizeof text, "%F %T", &parts);
  std::snprintf(whole, sizeof whole, "%s.%03d", text, static_cast<int>(ms % 1000));
  return whole;
}

void trace(context& ctx, const std::string& library, const std::string& token) {
  const auto body = ctx.get(library_path(library, {"trace"}) + "?token=" + encode_segment(token));
  if (!body || !body->is_object() || !body->contains("items"))
    return;
  if (ctx.form() != output_form::table) {
    list_printer printer(ctx, {});
    for (const auto& item : (*body)["items"])
      printer.add(item);
    return printer.finish();
  }
  if ((*body)["items"].empty()) {
    ctx.out << "every member holds it, and when that came about is no longer known\n";
    return;
  }
  // The first is the write; the others are what the node held besides, when it answered.
  const auto& item = (*body)["items"].front();
  ctx.out << cell_of(item, "origin") << " op " << cell_of(item, "seq") << " of epoch "
          << cell_of(item, "epoch") << '\n';
  text_table table({"WHERE", "DEVICE", "SENT", "RECEIVED", "DURABLE"});
  table.add({"here", "-", "-", moment_of(item, "received"), moment_of(item, "durable")});
  for (const auto& m : item.value("members", json::array())) {
    const auto held = m.find("holds");
    const bool holds = held != m.end() && held->is_boolean() && held->get<bool>();
    auto durable = moment_of(m, "durable");
    if (durable == "-")
      durable = holds ? "yes" : "not yet";
    table.add({member_text(m), cell_of(m, "device"), moment_of(m, "sent"), "-", durable});
  }
  ctx.out << table.render("  ");
}

} // namespace

void add_trace_command(CLI::App& app, context& ctx) {
  struct words_type {
    std::string library;
    std::string token;
  };
  const auto words = std::make_shared<words_type>();
  auto* command = app.add_subcommand(
      "trace", "Where a write is: committed, sent, received and durable on each member");
  command->add_option("LIB", words->library, "the library's name or id")->required();
  command->add_option("TOKEN", words->token, "the token of a write")->required();
  command->callback([&ctx, words] { trace(ctx, words->library, words->token); });
}

} // namespace shoal::cli
