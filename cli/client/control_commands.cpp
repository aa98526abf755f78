// wait, sync, prune, pause, resume, log-level.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "config/keys.hpp"

#include <CLI/CLI.hpp>

#include <cmath>

namespace shoal::cli {

namespace {

struct wait_words {
  std::string library;
  std::string token;
  std::string peers;
  double timeout = 30; // seconds
};

/// Name and id of each device; ids alone where the node tells no name.
std::string names_of(context& ctx, const std::string& library, const json& devices) {
  json known = json::object();
  if (const auto got = ctx.node()->send("GET", library_path(library, {"members"}));
      got && got->ok())
    if (got->body.is_object() && got->body.contains("items"))
      for (const auto& item : got->body["items"])
        known[string_at(item, "device")] = string_at(item, "name");
  std::string out;
  for (const auto& device : devices) {
    const std::string id = device.is_string() ? device.get<std::string>() : text_of(device);
    const std::string name = string_at(known, id);
    out += out.empty() ? "" : ", ";
    out += name.empty() ? id : name;
    if (!name.empty())
      out.append(" (").append(id).append(")");
  }
  return out.empty() ? "nobody in particular" : out;
}

void wait(context& ctx, const wait_words& words) {
  auto* node = ctx.node();
  if (!node)
    return;
  const std::string seconds = text_of(json(words.timeout));
  std::string path = library_path(words.library, {"wait"}) + "?timeout=" + seconds;
  if (!words.token.empty())
    path += "&for=" + encode_segment(words.token);
  if (!words.peers.empty())
    path += "&peers=" + encode_segment(words.peers);
  // The node answers at the timeout; beyond that it is the node that hangs.
  const auto patience = std::chrono::seconds(static_cast<int64_t>(std::ceil(words.timeout)) + 30);
  const auto got = node->send("GET", path, {}, patience);
  if (!got)
    return ctx.fail(got.err());
  const bool timed_out =
      got->status == 408 && got->body.is_object() && got->body.contains("missing");
  if (!got->ok() && !timed_out)
    return ctx.fail(exit_no, got->problem());
  print_object(ctx, got->body);
  if (timed_out)
    ctx.fail(exit_no, "timed_out: after " + seconds + " s not yet durable on "
                          + names_of(ctx, words.library, got->body["missing"]));
}

} // namespace

void add_control_commands(CLI::App& app, context& ctx) {
  const auto words = std::make_shared<wait_words>();
  auto* until =
      app.add_subcommand("wait", "Wait until other members durably hold what this node holds");
  until->add_option("LIB", words->library, "the library's name or id")->required();
  until->add_option("--for", words->token, "the token of a write; default: all of now")
      ->type_name("TOKEN");
  until->add_option("--peers", words->peers, "all, a number, or DEVICE,…; default: all")
      ->type_name("WHO");
  until->add_option("--timeout", words->timeout, "seconds; default: 30")
      ->check(CLI::Range(0.0, 3600.0));
  until->callback([&ctx, words] { wait(ctx, *words); });

  const auto post = [&](const char* name, const char* what) {
    auto* command = app.add_subcommand(name, what);
    command->add_option("LIB", words->library, "the library's name or id")->required();
    command->callback([&ctx, words, name] {
      if (const auto body = ctx.call("POST", library_path(words->library, {name})))
        print_object(ctx, *body);
    });
  };
  post("sync", "Dial every member now, without waiting for a backoff");
  post("pause", "Send and take nothing of a library, also after a restart; local work goes on");
  post("resume", "End a pause, and catch up");
  post("prune", "Remove now what every member durably holds from the log");

  const auto repair = std::make_shared<bool>(false);
  auto* verify = app.add_subcommand(
      "verify", "Read every record, here and on each linked member, and say what does not agree");
  verify->add_option("LIB", words->library, "the library's name or id")->required();
  verify->add_flag("--repair", *repair,
                   "make indexes anew, and take what the others have and this node lacks");
  verify->callback([&ctx, words, repair] {
    auto path = library_path(words->library, {"verify"});
    if (*repair)
      path += "?repair=1";
    const auto body = ctx.call("POST", path, {}, std::chrono::hours(1));
    if (!body)
      return;
    print_object(ctx, *body);
    if (const auto ok = body->find("ok"); ok == body->end() || !ok->get<bool>())
      ctx.fail(exit_no,
               "not_equal: " + words->library
                   + (*repair ? " had differences; run verify again to see that they are gone"
                              : " has problems or differs from a member; --repair mends it"));
  });

  const auto spec = std::make_shared<std::string>();
  std::string levels; // as CLI11 shows a choice: completion offers them
  for (const auto name : config::log_levels)
    levels.append(levels.empty() ? "{" : ",").append(name);
  auto* level = app.add_subcommand("log-level", "Change what the node logs while it runs");
  level->add_option("SPEC", *spec, "a level, and per component: info,peer_link=debug")
      ->required()
      ->type_name(levels + "}");
  level->callback([&ctx, spec] {
    if (const auto body = ctx.call("POST", "/v1/log-level", text_of(json{{"level", *spec}})))
      print_object(ctx, *body);
  });
}

} // namespace shoal::cli
