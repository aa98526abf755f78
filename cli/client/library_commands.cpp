// library create|list|show|join|leave|rebuild and member list|add|remove.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "config/address.hpp"
#include "messages/ids.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <optional>
#include <ostream>

namespace shoal::cli {

namespace {

struct member_words {
  std::string library;
  std::string device; // DEVICE, or DEVICE@HOST:PORT
  std::string name;
  bool readmit = false;
  bool purge = false;
};

struct life_words {
  std::string library; // name or id; the id for join
  std::string name;
  std::string via; // DEVICE@HOST:PORT
  bool now = false;
  bool drop = false;
};

/// DEVICE@HOST:PORT in its parts; nothing after having said what is wrong with it.
std::optional<std::pair<std::string, std::string>> split_member(context& ctx,
                                                                const std::string& text) {
  const auto at = text.find('@');
  if (at == std::string::npos) {
    ctx.fail(exit_usage, "'" + text + "' names no address; a member is DEVICE@HOST:PORT");
    return std::nullopt;
  }
  std::string device = text.substr(0, at);
  std::string address = text.substr(at + 1);
  if (!parse_id<device_id>(device)) {
    ctx.fail(exit_usage, "'" + device + "' is no device id; `shoal id` on that node prints it");
    return std::nullopt;
  }
  if (const auto parsed = config::parse_address(address, config::port_zero::refused); !parsed) {
    ctx.fail(exit_usage, "'" + address + "' is no address: " + parsed.err().message);
    return std::nullopt;
  }
  return std::pair{std::move(device), std::move(address)};
}

void join(context& ctx, const life_words& words) {
  if (!parse_id<library_id>(words.library))
    return ctx.fail(exit_usage, "'" + words.library
                                    + "' is no library id; `shoal library list` on a member "
                                      "prints it");
  if (!split_member(ctx, words.via))
    return;
  const auto made =
      ctx.call("POST", "/v1/libraries",
               text_of(json{{"id", words.library}, {"name", words.name}, {"via", words.via}}));
  if (!made)
    return;
  if (ctx.form() == output_form::table)
    ctx.out << string_at(*made, "run") << '\n';
  else
    print_object(ctx, *made);
  ctx.err << "waits until a member has added this device; there, unless that is done, run: "
          << string_at(*made, "run") << '\n';
}

void leave(context& ctx, const life_words& words) {
  std::string path = library_path(words.library);
  if (words.now || words.drop)
    path += std::string("?now=") + (words.now ? "1" : "0") + "&delete=" + (words.drop ? "1" : "0");
  auto* node = ctx.node();
  if (!node)
    return;
  // The node bounds its wait for other members; beyond that it is the node that hangs.
  const auto got = node->send("DELETE", path, {}, std::chrono::seconds(120));
  if (!got)
    return ctx.fail(got.err());
  if (!got->ok())
    return ctx.fail(exit_no, got->problem());
  print_object(ctx, got->body);
}

void print_list(context& ctx, const std::string& path, std::vector<std::string> columns) {
  const auto body = ctx.get(path);
  if (!body)
    return;
  list_printer printer(ctx, std::move(columns));
  if (body->is_object() && body->contains("items"))
    for (const auto& item : (*body)["items"])
      printer.add(item);
  printer.finish();
}

void add_member(context& ctx, const member_words& words) {
  const auto parts = split_member(ctx, words.device);
  if (!parts)
    return;
  json body = {{"device", parts->first}, {"address", parts->second}};
  if (!words.name.empty())
    body["name"] = words.name;
  if (words.readmit)
    body["readmit"] = true;
  if (const auto added = ctx.call("POST", library_path(words.library, {"members"}), text_of(body)))
    print_object(ctx, *added);
}

void remove_member(context& ctx, const member_words& words) {
  if (!parse_id<device_id>(words.device))
    return ctx.fail(exit_usage,
                    "'" + words.device + "' is no device id; `shoal member list` shows them");
  const std::string path =
      library_path(words.library, {"members", words.device}) + (words.purge ? "?purge=true" : "");
  if (const auto removed = ctx.call("DELETE", path))
    print_object(ctx, *removed);
}

void add_life_commands(CLI::App& libraries, context& ctx) {
  const auto words = std::make_shared<life_words>();
  auto* joining = libraries.add_subcommand("join", "Take part in a library that other nodes have");
  joining->add_option("ID", words->library, "the library's id")->required();
  joining->add_option("--name", words->name, "its name on this node")->required();
  joining->add_option("--via", words->via, "DEVICE@HOST:PORT of a member")->required();
  joining->callback([&ctx, words] { join(ctx, *words); });
  auto* leaving = libraries.add_subcommand(
      "leave", "Stop being a member, once another member holds everything");
  leaving->add_option("LIB", words->library, "the library's name or id")->required();
  leaving->add_flag("--now", words->now, "without waiting for another member to hold everything");
  leaving->add_flag("--delete", words->drop, "delete its files instead of moving them aside");
  leaving->callback([&ctx, words] { leave(ctx, *words); });
  auto* rebuild = libraries.add_subcommand(
      "rebuild", "Move a damaged store aside and fill it again from other members");
  rebuild->add_option("LIB", words->library, "the library's name or id")->required();
  rebuild->callback([&ctx, words] {
    if (const auto begun = ctx.call("POST", library_path(words->library, {"rebuild"})))
      print_object(ctx, *begun);
  });
}

} // namespace

void add_library_commands(CLI::App& app, context& ctx) {
  const auto library = std::make_shared<std::string>();
  auto* libraries = app.add_subcommand("library", "Make, join, leave and look at libraries")
                        ->require_subcommand(1);
  auto* create = libraries->add_subcommand("create", "Make a library on this node");
  create->add_option("NAME", *library, "its name")->required();
  create->callback([&ctx, library] {
    if (const auto made = ctx.call("POST", "/v1/libraries", text_of(json{{"name", *library}})))
      print_object(ctx, *made);
  });
  libraries->add_subcommand("list", "The libraries of this node")->callback([&ctx] {
    print_list(ctx, "/v1/libraries", {"id", "name", "state"});
  });
  auto* show =
      libraries->add_subcommand("show", "State, progress, frontiers and counts of a library");
  show->add_option("LIB", *library, "the library's name or id")->required();
  show->callback([&ctx, library] {
    if (const auto body = ctx.get(library_path(*library)))
      print_object(ctx, *body);
  });

  add_life_commands(*libraries, ctx);

  const auto words = std::make_shared<member_words>();
  auto* members = app.add_subcommand("member", "Who holds a library")->require_subcommand(1);
  const auto add = [&](const char* name, const char* what) {
    auto* command = members->add_subcommand(name, what);
    command->add_option("LIB", words->library, "the library's name or id")->required();
    return command;
  };
  add("list", "The members of a library")->callback([&ctx, words] {
    print_list(ctx, library_path(words->library, {"members"}),
               {"device", "name", "address", "state"});
  });
  auto* admit = add("add", "Add a member; the others learn of it");
  admit
      ->add_option("MEMBER", words->device, "DEVICE@HOST:PORT: its device id, and where to dial it")
      ->required();
  admit->add_option("--name", words->name, "a name for people");
  admit->add_flag("--readmit", words->readmit, "take back a removed device; it starts empty");
  admit->callback([&ctx, words] { add_member(ctx, *words); });
  auto* remove = add("remove", "Remove a member, on all of them");
  remove->add_option("DEVICE", words->device, "its device id")->required();
  remove->add_flag("--purge", words->purge, "drop the records it owned, everywhere");
  remove->callback([&ctx, words] { remove_member(ctx, *words); });
}

} // namespace shoal::cli
