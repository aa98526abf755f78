// library create|list|show and member list|add|remove.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "config/address.hpp"
#include "messages/ids.hpp"

#include <CLI/CLI.hpp>

namespace shoal::cli {

namespace {

struct member_words {
  std::string library;
  std::string device; // DEVICE, or DEVICE@HOST:PORT
  std::string name;
  bool readmit = false;
  bool purge = false;
};

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
  const auto at = words.device.find('@');
  if (at == std::string::npos)
    return ctx.fail(exit_usage,
                    "'" + words.device + "' names no address; a member is DEVICE@HOST:PORT");
  const std::string device = words.device.substr(0, at);
  const std::string address = words.device.substr(at + 1);
  if (!parse_id<device_id>(device))
    return ctx.fail(exit_usage,
                    "'" + device + "' is no device id; `shoal id` on that node prints it");
  if (const auto parsed = config::parse_address(address, config::port_zero::refused); !parsed)
    return ctx.fail(exit_usage, "'" + address + "' is no address: " + parsed.err().message);
  json body = {{"device", device}, {"address", address}};
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

} // namespace

void add_library_commands(CLI::App& app, context& ctx) {
  const auto library = std::make_shared<std::string>();
  auto* libraries =
      app.add_subcommand("library", "Make and look at libraries")->require_subcommand(1);
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
