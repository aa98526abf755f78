// trace: where a write is.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "cli/client/status_text.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <ostream>

namespace shoal::cli {

namespace {

/// Local time with milliseconds.
std::string clock_text(int64_t ms) {
  char thousandths[8];
  std::snprintf(thousandths, sizeof thousandths, ".%03d", static_cast<int>(ms % 1000));
  return local_time(ms, "%F %T") + thousandths;
}

/// The moment `key` of an object, as time since `base`; absolute without one, `-` when not known.
std::string since(int64_t base, const json& object, const char* key) {
  const auto ms = integer_at(object, key, 0);
  if (ms <= 0)
    return "-";
  return base <= 0 ? clock_text(ms) : (ms < base ? "" : "+") + std::to_string(ms - base) + " ms";
}

bool flag_at(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

/// Times of one node's clock count from the first that this node knows of; the stamp is of the
/// origin's clock, and stands for itself.
void print_trace(std::ostream& out, const json& item) {
  const auto members = item.value("members", json::array());
  auto origin = string_at(item, "origin");
  for (const auto& m : members)
    if (string_at(m, "device") == origin)
      origin = member_text(m) + " (" + origin + ")";
  out << "op " << cell_of(item, "seq") << " of epoch " << cell_of(item, "epoch") << " of " << origin
      << '\n';
  const auto line = [&](const std::string& step, const std::string& when) {
    out << "  " << std::left << std::setw(16) << step << when << '\n';
  };
  if (const auto stamped = integer_at(item, "stamped", 0); stamped > 0)
    line("stamped there", clock_text(stamped));
  int64_t base = 0;
  for (const char* step : {"committed", "received", "durable"})
    if (const auto at = integer_at(item, step, 0); at > 0) {
      line(std::string(step) + " here", since(base, item, step));
      if (base == 0)
        base = at;
      if (std::string_view(step) == "committed")
        break; // that is when it was durable
    }
  const bool any_sent = std::any_of(members.begin(), members.end(),
                                    [](const auto& m) { return integer_at(m, "sent", 0) > 0; });
  text_table table(any_sent
                       ? std::vector<std::string>{"MEMBER", "DEVICE", "SENT", "DURABLE", "TOOK"}
                       : std::vector<std::string>{"MEMBER", "DEVICE", "DURABLE"});
  for (const auto& m : members) {
    auto durable = since(base, m, "durable");
    if (durable == "-")
      durable = flag_at(m, "holds") ? "yes" : "not yet";
    const auto sent = integer_at(m, "sent", 0);
    if (any_sent)
      table.add({member_text(m), cell_of(m, "device"), since(base, m, "sent"), durable,
                 sent > 0 ? since(sent, m, "durable") : "-"});
    else
      table.add({member_text(m), cell_of(m, "device"), durable});
  }
  out << table.render("  ");
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
  print_trace(ctx.out, (*body)["items"].front());
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
