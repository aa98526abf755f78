#include "fake_node.hpp"

#include "cli/client/commands.hpp"

#include <CLI/CLI.hpp>
#include <boost/test/unit_test.hpp>
#include <httplib.h>
#include <stdlib.h>

#include <fstream>
#include <optional>
#include <regex>
#include <thread>

namespace shoal::cli::tests {

namespace fs = std::filesystem;

scratch_dir::scratch_dir() {
  std::string name = (fs::temp_directory_path() / "shoal-cli-XXXXXX").string();
  BOOST_REQUIRE(mkdtemp(name.data()));
  path_ = fs::canonical(name);
}

scratch_dir::~scratch_dir() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path scratch_dir::write(const std::string& name, const std::string& text) const {
  auto file = path_ / name;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
  return file;
}

namespace {

using key = std::pair<std::string, std::string>; // model, id

struct refusal {
  int status = 0;
  std::string code;
  std::string message;
};

json error_body(const std::string& code, const std::string& message) {
  return {{"error", {{"code", code}, {"message", message}}}};
}

/// The models that the tests write: required fields, and fields that refer to (field, model).
struct model_rules {
  std::vector<std::string> required;
  std::vector<std::pair<std::string, std::string>> parents;
};

const std::map<std::string, model_rules>& models() {
  static const std::map<std::string, model_rules> all = {
      {"tag", {{"canonical_name"}, {}}},
      {"volume", {{"fingerprint"}, {}}},
      {"location", {{"name", "path"}, {}}},
      {"entry", {{"name", "kind"}, {{"location_id", "location"}, {"parent_id", "entry"}}}},
  };
  return all;
}

json model_list() {
  json out = json::array();
  for (const auto& [name, rules] : models()) {
    json fields = json::array();
    for (const auto& [field, parent] : rules.parents)
      fields.push_back(
          {{"name", field}, {"merge", "lww"}, {"references", parent}, {"cascades", true}});
    out.push_back({{"name", name}, {"id", "random"}, {"fields", fields}});
  }
  return out;
}

/// The records, and the rules about writing them.
struct table {
  std::map<key, json> live; // ordered by model and id, as lists and exports are
  uint64_t seq = 0;

  std::optional<refusal> apply(const json& op) {
    const std::string model = string_at(op, "model");
    const std::string id = string_at(op, "id");
    const auto rules = models().find(model);
    if (rules == models().end())
      return refusal{404, "unknown_model", "no model " + model};
    if (op.contains("delete"))
      return remove({model, id});
    const auto standing = live.find({model, id});
    json fields = standing == live.end() ? json::object() : standing->second;
    for (const auto& [name, value] : op["fields"].items()) {
      if (name == "bad")
        return refusal{422, "invalid_field", "field bad of " + model + " is unknown"};
      if (value.is_null())
        fields.erase(name);
      else
        fields[name] = value;
    }
    for (const auto& name : rules->second.required)
      if (!fields.contains(name))
        return refusal{422, "missing_field", "field " + name + " is required"};
    for (const auto& [name, parent] : rules->second.parents)
      if (fields.contains(name) && !live.contains({parent, fields[name].get<std::string>()}))
        return refusal{422, "missing_parent",
                       "no " + parent + " " + fields[name].get<std::string>()};
    live[{model, id}] = fields;
    ++seq;
    return std::nullopt;
  }

  std::optional<refusal> remove(const key& what) {
    if (live.erase(what) == 0)
      return refusal{404, "not_found", what.first + " " + what.second + " is not there"};
    ++seq;
    std::vector<key> below;
    for (const auto& [k, fields] : live)
      if (k.first == "entry"
          && (string_at(fields, "parent_id") == what.second
              || string_at(fields, "location_id") == what.second))
        below.push_back(k);
    for (const auto& k : below)
      if (live.contains(k))
        remove(k);
    return std::nullopt;
  }

  static json record(const key& k, const json& fields) {
    const json owner = k.first == "tag" ? json(nullptr) : json(fake_node::device);
    return {{"model", k.first},
            {"id", k.second},
            {"owner", owner},
            {"deleted", false},
            {"fields", fields}};
  }
};

} // namespace

struct fake_node::parts {
  httplib::Server server;
  std::thread thread;
  int port = 0;
  std::mutex mutex;
  std::vector<std::string> asked;
  std::vector<size_t> batches;
  table data;
  std::map<std::string, std::pair<int, json>> canned;
  uint64_t next_id = 1;

  static void reply(httplib::Response& to, int status, const json& body) {
    to.status = status;
    to.set_content(text_of(body), "application/json");
  }
  static void refuse(httplib::Response& to, const refusal& why) {
    reply(to, why.status, error_body(why.code, why.message));
  }

  std::string fresh_id() {
    std::string digits = std::to_string(next_id++);
    return "22222222-2222-4222-8222-" + std::string(12 - digits.size(), '0') + digits;
  }

  json written(const key& k) const {
    return {{"model", k.first},
            {"id", k.second},
            {"hlc", "h"},
            {"seq", data.seq},
            {"token", "t" + std::to_string(data.seq)}};
  }

  /// Every request: records it, and answers as told or as a node does.
  void serve(const httplib::Request& request, httplib::Response& response) {
    const std::scoped_lock lock(mutex);
    const std::string& target = request.target;
    asked.push_back(request.method + " " + target + " " + request.body);
    if (request.get_header_value("Authorization") != std::string("Bearer ") + token)
      return refuse(response, {401, "unauthorized", "the token is wrong"});
    if (const auto* told = canned_for(target))
      return reply(response, told->first, told->second);
    if (request.path == "/v1/status")
      return reply(
          response, 200,
          {{"device", device}, {"name", "alice"}, {"version", "1"}, {"libraries", json::array()}});
    if (request.path == "/v1/models")
      return reply(response, 200, {{"items", model_list()}});
    const std::string photos = "/v1/libraries/photos";
    if (!request.path.starts_with(photos))
      return refuse(response,
                    {404, "unknown_library", "no such library; GET /v1/libraries lists them"});
    const std::string rest = request.path.substr(photos.size());
    std::smatch words;
    if (rest.empty())
      return reply(response, 200, {{"name", "photos"}, {"state", "ready"}});
    if (rest == "/batch")
      return batch(request, response);
    if (rest == "/export")
      return export_all(response);
    if (std::regex_match(rest, words, std::regex("/records/([^/]+)")))
      return list(words[1], request, response);
    if (std::regex_match(rest, words, std::regex("/records/([^/]+)/([^/]+)")))
      return one({words[1], words[2]}, request, response);
    refuse(response, {404, "not_found", "there is nothing at this path"});
  }

  const std::pair<int, json>* canned_for(const std::string& target) const {
    for (const auto& [begin, what] : canned)
      if (target.starts_with(begin))
        return &what;
    return nullptr;
  }

  void list(const std::string& model, const httplib::Request& request,
            httplib::Response& response) {
    const auto limit = std::stoul(request.get_param_value("limit"));
    json items = json::array();
    json next = nullptr;
    for (auto i = data.live.upper_bound({model, request.get_param_value("after")});
         i != data.live.end() && i->first.first == model; ++i) {
      if (items.size() == std::min(limit, 100UL)) { // a node may give less than was asked for
        next = items.back()["id"];
        break;
      }
      items.push_back(table::record(i->first, i->second));
    }
    reply(response, 200, {{"items", items}, {"next", next}});
  }

  void batch(const httplib::Request& request, httplib::Response& response) {
    const auto body = json::parse(request.body);
    const table before_it = data;
    json results = json::array();
    for (json op : body["ops"]) {
      if (op["id"] == "new")
        op["id"] = fresh_id();
      if (const auto refused = data.apply(op)) {
        data = before_it;
        // A node tells the op where it has not looked at records yet.
        const bool typed = refused->code == "invalid_field" || refused->code == "unknown_model";
        const auto place = typed ? "ops[" + std::to_string(results.size()) + "]: " : "";
        return refuse(response, {refused->status, refused->code, place + refused->message});
      }
      results.push_back(written({op["model"], op["id"]}));
    }
    batches.push_back(results.size());
    reply(response, 200, {{"token", "t" + std::to_string(data.seq)}, {"results", results}});
  }

  void one(key k, const httplib::Request& request, httplib::Response& response) {
    if (request.method == "GET") {
      const auto found = data.live.find(k);
      return found == data.live.end() ? refuse(response, {404, "not_found", "not there"})
                                      : reply(response, 200, table::record(k, found->second));
    }
    if (k.second == "new")
      k.second = fresh_id();
    json op = {{"model", k.first}, {"id", k.second}};
    if (request.method == "PUT")
      op["fields"] = json::parse(request.body);
    else
      op["delete"] = true;
    if (const auto refused = data.apply(op))
      return refuse(response, *refused);
    reply(response, 200, written(k));
  }

  void export_all(httplib::Response& response) {
    std::string text;
    for (const auto& [k, fields] : data.live)
      text += text_of(table::record(k, fields)) + "\n";
    response.set_chunked_content_provider(
        "application/x-ndjson", [text, at = size_t{0}](size_t, httplib::DataSink& sink) mutable {
          const size_t size = std::min<size_t>(1000, text.size() - at);
          if (size > 0)
            sink.write(text.data() + at, size);
          at += size;
          if (at == text.size())
            sink.done();
          return true;
        });
  }
};

fake_node::fake_node() : parts_(std::make_unique<parts>()) {
  auto* p = parts_.get();
  p->server.set_keep_alive_max_count(1000);
  const auto serve = [p](const auto& request, auto& response) { p->serve(request, response); };
  p->server.Get(".*", serve);
  p->server.Put(".*", serve);
  p->server.Post(".*", serve);
  p->server.Delete(".*", serve);
  p->port = p->server.bind_to_any_port("127.0.0.1");
  BOOST_REQUIRE(p->port > 0);
  p->thread = std::thread([p] { p->server.listen_after_bind(); });
  while (!p->server.is_running()) // stop() before that would be lost
    std::this_thread::yield();
}

fake_node::~fake_node() {
  parts_->server.stop();
  parts_->thread.join();
}

std::string fake_node::url() const { return "http://127.0.0.1:" + std::to_string(parts_->port); }

std::vector<std::string> fake_node::asked() {
  const std::scoped_lock lock(parts_->mutex);
  return parts_->asked;
}

void fake_node::forget_asked() {
  const std::scoped_lock lock(parts_->mutex);
  parts_->asked.clear();
  parts_->batches.clear();
}

std::map<std::string, json> fake_node::records(const std::string& model) {
  const std::scoped_lock lock(parts_->mutex);
  std::map<std::string, json> out;
  for (const auto& [k, fields] : parts_->data.live)
    if (k.first == model)
      out[k.second] = fields;
  return out;
}

std::vector<size_t> fake_node::batches() {
  const std::scoped_lock lock(parts_->mutex);
  return parts_->batches;
}

void fake_node::answer(const std::string& target, int status, const json& body) {
  const std::scoped_lock lock(parts_->mutex);
  parts_->canned[target] = {status, body};
}

outcome run(std::vector<std::string> words, const std::string& input, bool terminal) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  context ctx(in, out, err, terminal);
  CLI::App app("test", "shoal");
  add_client_options(app, ctx);
  add_client_commands(app, ctx);
  const int code = run_command_line(app, ctx, words);
  return {code, out.str(), err.str()};
}

outcome run_at(const fake_node& node, const scratch_dir& scratch, std::vector<std::string> words,
               const std::string& input, bool terminal) {
  const auto file = scratch.write("api.token", std::string(fake_node::token) + "\n");
  words.insert(words.end(), {"--api", node.url(), "--token-file", file.string()});
  return run(std::move(words), input, terminal);
}

} // namespace shoal::cli::tests
