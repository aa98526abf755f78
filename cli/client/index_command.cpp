// index: a directory tree as volume, location and entry records of this device.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "cli/client/progress.hpp"
#include "cli/client/tree_plan.hpp"
#include "cli/client/tree_scan.hpp"
#include "cli/client/volume.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <filesystem>
#include <future>
#include <ostream>

namespace shoal::cli {

namespace {

namespace fs = std::filesystem;

/// A batch's bounds are 10,000 ops and 4 MiB encoded; JSON is longer than its encoding. Half of
/// them keeps the node's other writers from waiting long.
constexpr size_t batch_ops = 5000;
constexpr size_t batch_bytes = size_t{3} << 20;

struct index_words {
  std::string library;
  std::string path;
  std::string name;
};

int64_t now_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/// Sends ops in batches, in order, one in flight while the next is being put together.
class batch_sender {
public:
  batch_sender(context& ctx, node_client& node, std::string path)
      : ctx_(ctx), node_(node), path_(std::move(path)) {}
  ~batch_sender() {
    if (flying_.valid())
      flying_.wait();
  }
  batch_sender(const batch_sender&) = delete;
  batch_sender& operator=(const batch_sender&) = delete;

  /// False after an error that has been told: nothing more is sent.
  bool add(const json& op) {
    body_ += (ops_ == 0 ? R"({"ops":[)" : ",") + text_of(op);
    ++ops_;
    return (ops_ < batch_ops && body_.size() < batch_bytes) || fly();
  }

  /// Sends what is left and waits until all is durable.
  bool finish() { return (ops_ == 0 || fly()) && landed(); }

private:
  bool fly() {
    if (!landed())
      return false;
    flying_ = std::async(std::launch::async, [this, body = std::move(body_) + "]}"] {
      return node_.send("POST", path_, body);
    });
    body_.clear();
    ops_ = 0;
    return true;
  }

  bool landed() {
    if (!flying_.valid())
      return true;
    const auto got = flying_.get();
    if (!got)
      ctx_.fail(got.err());
    else if (!got->ok())
      ctx_.fail(exit_no, got->problem());
    return got.ok() && got->ok();
  }

  context& ctx_;
  node_client& node_;
  std::string path_;
  std::string body_;
  size_t ops_ = 0;
  std::future<result<answer>> flying_;
};

/// One run of `index`. Every step returns false after an error that has been told.
class indexing {
public:
  indexing(context& ctx, const index_words& words)
      : ctx_(ctx), words_(words), begun_(std::chrono::steady_clock::now()) {}

  void run() {
    if (find_folder() && find_device() && scan() && find_volume() && find_location()
        && read_present())
      write();
  }

private:
  bool find_folder() {
    std::error_code failed;
    folder_ = fs::canonical(words_.path, failed);
    if (failed || !fs::is_directory(folder_, failed)) {
      ctx_.fail(exit_usage,
                "'" + words_.path + "' is not a directory; index takes the root of a tree");
      return false;
    }
    path_text_ = text_of_name(folder_.string());
    return true;
  }

  bool find_device() {
    const auto body = ctx_.get("/v1/status");
    if (!body)
      return false;
    device_ = string_at(*body, "device");
    // A wrong library should be told before the tree is scanned, not after.
    return ctx_.get(library_path(words_.library)).has_value();
  }

  bool scan() {
    progress_bar bar(ctx_, "scan " + path_text_);
    scan_watch watch;
    watch.progress = [&](uint64_t count) { bar.at(count); };
    watch.unreadable = [&](const std::string& path, const std::string& why) {
      bar.wipe();
      ctx_.err << "shoal: warning: " << text_of_name(path) << " cannot be read: " << why << '\n';
    };
    auto scanned = scan_tree(folder_, watch);
    if (!scanned) {
      bar.wipe();
      ctx_.fail(exit_no, scanned.err().message);
      return false;
    }
    tree_ = std::move(*scanned);
    return true;
  }

  /// Gives each record of `model` that this device owns to `each`.
  bool own_records(const std::string& model, const std::function<void(const json&)>& each) {
    const page_request pages{library_path(words_.library, {"records", model}),
                             "owner=" + encode_segment(device_)};
    return for_each_item(ctx_, pages, each).has_value();
  }

  bool find_volume() {
    auto facts = volume_of(folder_);
    if (!facts) {
      ctx_.fail(exit_no, facts.err().message);
      return false;
    }
    volume_ = std::move(*facts);
    return own_records("volume", [&](const json& record) {
      const auto fields = record.find("fields");
      if (fields != record.end() && string_at(*fields, "fingerprint") == volume_.fingerprint) {
        volume_id_ = parse_id<record_id>(string_at(record, "id")).value_or(record_id{});
        volume_fields_ = *fields;
      }
    });
  }

  bool find_location() {
    return own_records("location", [&](const json& record) {
      const auto fields = record.find("fields");
      if (fields != record.end() && string_at(*fields, "path") == path_text_) {
        location_id_ = parse_id<record_id>(string_at(record, "id")).value_or(record_id{});
        location_fields_ = *fields;
      }
    });
  }

  bool read_present() {
    if (location_id_.is_nil())
      return true; // a new location has no entries
    progress_bar bar(ctx_, "compare");
    return own_records("entry", [&](const json& record) {
      if (auto entry = read_entry(record, location_id_)) {
        present_.push_back(std::move(*entry));
        bar.at(present_.size());
      }
    });
  }

  /// `fields` without those that already stand in `stands`.
  static json differing(const json& fields, const json& stands) {
    json out = json::object();
    for (const auto& [name, value] : fields.items())
      if (!stands.is_object() || !stands.contains(name) || stands[name] != value)
        out[name] = value;
    return out;
  }

  static json op_for(const char* model, const record_id& id, json fields) {
    return {{"model", model}, {"id", to_string(id)}, {"fields", std::move(fields)}};
  }

  void write() {
    const auto root =
        parse_id<record_id>(string_at(location_fields_, "entry_id")).value_or(record_id{});
    const auto plan = make_plan(tree_, present_, root, random_record_id);
    batch_sender sender(ctx_, *ctx_.node(), library_path(words_.library, {"batch"}));
    progress_bar bar(ctx_, "index", plan.writes.size() + plan.removals.size());
    bool sent = write_above(plan, sender);
    uint64_t done = 0;
    for (size_t i = 0; sent && i < plan.writes.size(); ++i) {
      sent = sender.add(entry_op(tree_, present_, plan, plan.writes[i], location_id_));
      bar.at(++done);
    }
    for (size_t i = 0; sent && i < plan.removals.size(); ++i) {
      sent = sender.add(
          json{{"model", "entry"}, {"id", to_string(plan.removals[i])}, {"delete", true}});
      bar.at(++done);
    }
    json last = {{"entry_id", to_string(plan.ids[0])},
                 {"total_file_count", tree_.files},
                 {"total_byte_size", tree_.bytes},
                 {"last_scan_at", now_ms()}};
    sent = sent && sender.add(op_for("location", location_id_, differing(last, location_fields_)))
           && sender.finish();
    bar.wipe();
    if (sent)
      tell(plan);
  }

  /// Volume and location, which the entries refer to. The volume's free space alone is no reason to
  /// write.
  bool write_above(const tree_plan& plan, batch_sender& sender) {
    json volume = {
        {"fingerprint", volume_.fingerprint},       {"display_name", volume_.display_name},
        {"mount_point", volume_.mount_point},       {"file_system", volume_.file_system},
        {"total_capacity", volume_.total_capacity}, {"is_removable", volume_.is_removable}};
    const bool fresh_volume = volume_id_.is_nil();
    if (fresh_volume)
      volume_id_ = random_record_id();
    json other = differing(volume, volume_fields_);
    if (fresh_volume || !other.empty() || !plan.empty())
      other["available_capacity"] = volume_.available_capacity;
    other = differing(other, volume_fields_);
    if (!other.empty() && !sender.add(op_for("volume", volume_id_, std::move(other))))
      return false;

    const bool fresh_location = location_id_.is_nil();
    if (fresh_location)
      location_id_ = random_record_id();
    json location = {{"path", path_text_}, {"volume_id", to_string(volume_id_)}};
    if (!words_.name.empty() || fresh_location)
      location["name"] = words_.name.empty() ? tree_.entries[0].name : words_.name;
    if (fresh_location)
      location["index_mode"] = "shallow"; // names and facts, no contents
    location = differing(location, location_fields_);
    return location.empty() || sender.add(op_for("location", location_id_, std::move(location)));
  }

  void tell(const tree_plan& plan) {
    const auto took = std::chrono::steady_clock::now() - begun_;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    print_object(ctx_, json{{"location", to_string(location_id_)},
                            {"scanned", tree_.entries.size()},
                            {"added", plan.added},
                            {"changed", plan.changed},
                            {"moved", plan.moved},
                            {"removed", plan.removed},
                            {"unreadable", tree_.unreadable},
                            {"seconds", static_cast<double>(ms) / 1000}});
  }

  context& ctx_;
  const index_words& words_;
  std::chrono::steady_clock::time_point begun_;
  fs::path folder_;
  std::string path_text_;
  std::string device_;
  scanned_tree tree_;
  volume_facts volume_;
  record_id volume_id_;   // nil: not there yet
  json volume_fields_;    // as they stand; null when there is no record
  record_id location_id_; // nil: not there yet
  json location_fields_;
  std::vector<present_entry> present_;
};

} // namespace

void add_index_commands(CLI::App& app, context& ctx) {
  const auto words = std::make_shared<index_words>();
  auto* command = app.add_subcommand(
      "index", "Record a directory tree; run again, only what changed is written");
  command->add_option("LIB", words->library, "the library's name or id")->required();
  command->add_option("PATH", words->path, "the tree's root")->required();
  command->add_option("--name", words->name, "the location's name; default: the folder's");
  command->callback([&ctx, words] { indexing(ctx, *words).run(); });
}

} // namespace shoal::cli
