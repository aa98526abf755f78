// put, get, list, rm.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "cli/client/typed_value.hpp"

#include <CLI/CLI.hpp>

#include <istream>
#include <iterator>

namespace shoal::cli {

namespace {

struct record_words {
  std::string library;
  std::string model;
  std::string id;
  std::vector<std::string> assignments;
  std::string object;
  std::string owner;
  std::string where;
  std::string after;
  uint64_t limit = 0; // 0: all
  bool deleted = false;
};

void put(context& ctx, const record_words& words) {
  std::string object = words.object;
  if (object == "-")
    object.assign(std::istreambuf_iterator<char>(ctx.in), {});
  if (words.object == "-" && object.find_first_not_of(" \t\r\n") == std::string::npos)
    return ctx.fail(exit_usage, "--json - read nothing; standard input must hold one JSON object");
  if (words.object.empty() && words.assignments.empty())
    return ctx.fail(exit_usage, "nothing to put: give name=value, or --json '{…}'");
  const auto fields = fields_of(words.assignments, object);
  if (!fields)
    return ctx.fail(fields.err());
  const auto written = ctx.call(
      "PUT", library_path(words.library, {"records", words.model, words.id}), text_of(*fields));
  if (written)
    print_object(ctx, *written);
}

void list(context& ctx, const record_words& words) {
  std::string query;
  const auto add = [&query](const char* name, const std::string& value) {
    if (!value.empty())
      query += (query.empty() ? "" : "&") + std::string(name) + "=" + encode_segment(value);
  };
  if (!words.where.empty()
      && (words.where.find('=') == std::string::npos || words.where.front() == '='))
    return ctx.fail(exit_usage, "--where '" + words.where + "' is not name=value");
  add("owner", words.owner);
  add("where", words.where);
  add("deleted", words.deleted ? "true" : "");
  list_printer printer(ctx, {"id", "owner", "deleted", "fields"});
  page_request pages{library_path(words.library, {"records", words.model}), query};
  pages.begin = words.after;
  if (words.limit > 0)
    pages.limit = words.limit;
  const auto next = for_each_item(ctx, pages, [&](const json& item) { printer.add(item); });
  if (next)
    printer.finish(*next);
}

} // namespace

void add_record_commands(CLI::App& app, context& ctx) {
  const auto words = std::make_shared<record_words>();
  const auto add = [&](const char* name, const char* what, bool with_id) {
    auto* command = app.add_subcommand(name, what);
    command->add_option("LIB", words->library, "the library's name or id")->required();
    command->add_option("MODEL", words->model, "the record's model, for example tag")->required();
    if (with_id)
      command->add_option("ID", words->id, "the record's uuid")->required();
    return command;
  };

  auto* write = add("put", "Write the given fields of a record; ID may be `new`", true);
  write->add_option("FIELDS", words->assignments,
                    "name=value …: fields to set; true, false, null and numbers are typed");
  write->add_option("--json", words->object,
                    "fields as a JSON object; - reads it from standard input");
  write->callback([&ctx, words] { put(ctx, *words); });

  auto* show = add("get", "Show one record", true);
  show->callback([&ctx, words] {
    if (const auto body =
            ctx.get(library_path(words->library, {"records", words->model, words->id})))
      print_object(ctx, *body);
  });

  auto* page = add("list", "List the records of a model", false);
  page->add_option("--owner", words->owner, "only records that this device owns")
      ->type_name("DEVICE");
  page->add_option("--where", words->where, "only records with this value")
      ->type_name("name=value");
  page->add_option("--limit", words->limit, "at most so many")->check(CLI::PositiveNumber);
  page->add_option("--after", words->after, "begin after this id")->type_name("ID");
  page->add_flag("--deleted", words->deleted, "deleted records as well, while their marks stand");
  page->callback([&ctx, words] { list(ctx, *words); });

  auto* remove = add("rm", "Delete a record", true);
  remove->callback([&ctx, words] {
    if (const auto body =
            ctx.call("DELETE", library_path(words->library, {"records", words->model, words->id})))
      print_object(ctx, *body);
  });
}

} // namespace shoal::cli
