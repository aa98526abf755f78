// tree: entry records as paths.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "messages/ids.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>
#include <ostream>

namespace shoal::cli {

namespace {

struct tree_words {
  std::string library;
  std::string owner;
  std::string path;
};

struct tree_node {
  record_id id;
  record_id parent;
  std::string name;
  std::string kind;
};

struct location_node {
  std::string path;
  record_id root;
  std::vector<tree_node> entries;
};

std::string joined(const std::string& folder, const std::string& name) {
  return (folder.ends_with('/') ? folder : folder + '/') + name;
}

/// Prints the entries of one location, a folder before what is in it, names in byte order.
class tree_walk {
public:
  tree_walk(context& ctx, location_node& location, const std::string& wanted, list_printer& printer)
      : ctx_(ctx), entries_(location.entries), location_(location.path), wanted_(wanted),
        printer_(printer) {
    std::sort(entries_.begin(), entries_.end(), [](const tree_node& a, const tree_node& b) {
      return std::tie(a.parent, a.name, a.id) < std::tie(b.parent, b.name, b.id);
    });
  }

  /// Returns whether anything was printed.
  bool run(const record_id& root) {
    // The root's name is the last part of the location's path. Entries whose parent has not arrived
    // yet are not shown: their path is not known.
    std::vector<std::pair<const tree_node*, std::string>> open;
    for (const auto& entry : entries_)
      if (root.is_nil() ? entry.parent.is_nil() : entry.id == root)
        open.emplace_back(&entry, location_);
    uint64_t left = entries_.size(); // records that name each other as parents must not loop
    while (!open.empty() && left-- > 0) {
      auto [entry, path] = std::move(open.back());
      open.pop_back();
      print(*entry, path);
      const auto [first, last] = std::equal_range(
          entries_.begin(), entries_.end(), tree_node{{}, entry->id, {}, {}},
          [](const tree_node& a, const tree_node& b) { return a.parent < b.parent; });
      for (auto child = last; child != first;) {
        --child;
        open.emplace_back(&*child, joined(path, child->name));
      }
    }
    return printed_;
  }

private:
  void print(const tree_node& entry, const std::string& path) {
    const bool inside = wanted_.empty() || path == wanted_ || path.starts_with(joined(wanted_, ""));
    if (!inside)
      return;
    printed_ = true;
    if (ctx_.output.empty() || ctx_.output == "table")
      ctx_.out << path << '\n';
    else
      printer_.add(json{{"path", path}, {"kind", entry.kind}, {"id", to_string(entry.id)}});
  }

  context& ctx_;
  std::vector<tree_node>& entries_;
  const std::string& location_;
  const std::string& wanted_;
  list_printer& printer_;
  bool printed_ = false;
};

void tree(context& ctx, const tree_words& words) {
  if (!words.owner.empty() && !parse_id<device_id>(words.owner))
    return ctx.fail(exit_usage, "--owner '" + words.owner
                                    + "' is no device id; `shoal member list` shows them");
  const std::string query = words.owner.empty() ? "" : "owner=" + words.owner;
  std::map<record_id, location_node> locations;
  const auto read = [&](const char* model,
                        const std::function<void(const json&, const json&)>& each) {
    const page_request pages{library_path(words.library, {"records", model}), query};
    return for_each_item(ctx, pages,
                         [&](const json& record) {
                           const auto fields = record.find("fields");
                           if (fields != record.end() && fields->is_object())
                             each(record, *fields);
                         })
        .has_value();
  };
  const auto id_at = [](const json& object, std::string_view key) {
    return parse_id<record_id>(string_at(object, key)).value_or(record_id{});
  };
  const bool complete = read("location",
                             [&](const json& record, const json& fields) {
                               auto& location = locations[id_at(record, "id")];
                               location.path = string_at(fields, "path");
                               location.root = id_at(fields, "entry_id");
                             })
                        && read("entry", [&](const json& record, const json& fields) {
                             const auto found = locations.find(id_at(fields, "location_id"));
                             if (found != locations.end())
                               found->second.entries.push_back(
                                   {id_at(record, "id"), id_at(fields, "parent_id"),
                                    string_at(fields, "name"), string_at(fields, "kind")});
                           });
  if (!complete)
    return;
  std::string wanted = words.path;
  while (wanted.size() > 1 && wanted.ends_with('/'))
    wanted.pop_back();
  std::vector<location_node*> by_path;
  by_path.reserve(locations.size());
  for (auto& [id, location] : locations)
    by_path.push_back(&location);
  std::stable_sort(by_path.begin(), by_path.end(),
                   [](const auto* a, const auto* b) { return a->path < b->path; });
  list_printer printer(ctx, {});
  bool printed = false;
  for (auto* location : by_path)
    printed |= tree_walk(ctx, *location, wanted, printer).run(location->root);
  if (!ctx.output.empty() && ctx.output != "table")
    printer.finish();
  if (!printed && !wanted.empty())
    ctx.fail(exit_no, "not_found: no entry has the path " + wanted
                          + " or lies below it; `shoal tree " + words.library + "` lists all");
}

} // namespace

void add_tree_commands(CLI::App& app, context& ctx) {
  const auto words = std::make_shared<tree_words>();
  auto* command = app.add_subcommand("tree", "Entries as paths, one per line; -o json for more");
  command->add_option("LIB", words->library, "the library's name or id")->required();
  command->add_option("PATH", words->path, "only this path and what is below it");
  command->add_option("--owner", words->owner, "only what this device indexed")
      ->type_name("DEVICE");
  command->callback([&ctx, words] { tree(ctx, *words); });
}

} // namespace shoal::cli
