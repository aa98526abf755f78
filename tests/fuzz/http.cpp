// libFuzzer target over the HTTP API: requests, from their target and body to the operation that
// they ask for and the answer. An answer has the API's shape whatever was asked; what a write was
// answered for is there, reads back as it was written, and what an export says of it is taken again
// and changes nothing.
//
// The input is "METHOD TARGET\nIDEMPOTENCY-KEY\nBODY"; requests are separated by NUL bytes and go
// to the same library, one after the other.

#include "cli/client/import_lines.hpp"
#include "tests/fuzz/api/one_node.hpp"
#include "tests/fuzz/require.hpp"

using namespace shoal;
using boost::beast::http::verb;
using fuzz::require;
using nlohmann::json;

namespace {

constexpr size_t requests_max = 8;   // of one input
constexpr size_t looked_at_max = 16; // records of one write

const cli::import_models& models_of(fuzz::one_node& node) {
  static const auto models =
      cli::import_models::of(cli::json::parse(node.ask(verb::get, "/v1/models").body));
  return models;
}

std::string path_of(const json& result) {
  return "/v1/libraries/photos/records/" + fuzz::escaped(result["model"].get<std::string>()) + "/"
         + result["id"].get<std::string>();
}

/// The record as an export has it, written again by `import`.
void check_written(fuzz::one_node& node, const json& result) {
  const auto shown = node.ask(verb::get, path_of(result) + "?deleted=true");
  require(shown.status == 200, "what was written is there", shown.body);
  const auto record = json::parse(shown.body);
  require(record["id"] == result["id"] && record["model"] == result["model"],
          "a record is the one that was asked for", shown.body);
  if (record["deleted"].get<bool>())
    return;
  const auto op = cli::op_of_line(shown.body, models_of(node));
  require(op.ok(), "import takes what export gives", op ? std::string() : op.err().message);
  if (op->text.empty())
    return; // a device: each node makes its own
  const auto again =
      node.ask(verb::post, "/v1/libraries/photos/batch", "{\"ops\":[" + op->text + "]}");
  require(again.status == 200, "the API takes what export gives", again.body + op->text);
  const auto after = json::parse(node.ask(verb::get, path_of(result)).body);
  require(after["fields"] == record["fields"], "an exported record reads back to the same",
          shown.body + after.dump());
}

void run(fuzz::one_node& node, std::string_view text) {
  const auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  const auto key = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), key.size() + 1));
  const auto blank = line.find(' ');
  const auto method =
      boost::beast::http::string_to_verb({line.data(), line.substr(0, blank).size()});
  const auto target = blank == line.npos ? std::string_view("/") : line.substr(blank + 1);
  if (const auto parsed = api::parse_target(target)) {
    std::string again;
    for (const auto& segment : parsed->path)
      again += "/" + fuzz::escaped(segment);
    for (const auto& [name, value] : parsed->query)
      again += (again.find('?') == again.npos ? "?" : "&") + fuzz::escaped(name) + "="
               + fuzz::escaped(value);
    const auto twice = api::parse_target(again.empty() || again[0] == '?' ? "/" + again : again);
    require(twice.ok() && twice->query == parsed->query
                && (twice->path == parsed->path
                    || (!parsed->path.empty() && parsed->path.back().empty())),
            "a target survives its printing", again);
  }
  const auto reply = node.ask(method, target, std::string(text), std::string(key));
  if (reply.status != 200 || (method != verb::put && method != verb::post) || !reply.must_go_out)
    return;
  const auto answer = json::parse(reply.body);
  require(parse_token(answer["token"].get<std::string>()).ok(), "a token is one", reply.body);
  const auto results = answer.contains("results") ? answer["results"] : json::array({answer});
  for (size_t i = 0; i < std::min(results.size(), looked_at_max); ++i)
    check_written(node, results[i]);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  fuzz::one_node node;
  for (size_t n = 0; n < requests_max; ++n) {
    const auto end = input.find('\0');
    run(node, input.substr(0, end));
    if (end == input.npos)
      return 0;
    input.remove_prefix(end + 1);
  }
  return 0;
}
