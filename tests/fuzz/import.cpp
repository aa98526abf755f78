// libFuzzer target over `shoal import`: lines of NDJSON, from text to the batch that a node gets.
// What a line becomes is an op that becomes itself again; each line is written once or waits for
// one that waits, never before the line of its parent and never out of the order of its record; a
// batch that is refused is sent again until just the bad ops are left out.

#include "cli/client/import_lines.hpp"
#include "tests/cli/answered_models.hpp"
#include "tests/fuzz/require.hpp"

#include <algorithm>
#include <map>

using namespace shoal;
using namespace shoal::cli;
using fuzz::require;

namespace {

const import_models& known() {
  static const auto models = import_models::of(json::parse(answered_models));
  return models;
}

struct read_line {
  line_place at;
  import_op op;
};

void check_op(const import_op& op) {
  const auto parsed = json::parse(op.text, nullptr, false);
  require(parsed.is_object() && parsed.contains("model") && parsed.contains("id"),
          "an op names model and id", op.text);
  require(parsed.contains("fields") != parsed.contains("delete") && parsed.size() == 3,
          "an op either writes or deletes", op.text);
  const auto again = op_of_line(op.text, known());
  require(again.ok() && again->text == op.text, "an op's text becomes itself again", op.text);
  require(again->ordered == op.ordered && again->keys.record == op.keys.record
              && again->keys.writes == op.keys.writes && again->keys.parents == op.keys.parents,
          "an op's place in the order survives", op.text);
}

std::vector<read_line> read(std::string_view input) {
  std::vector<read_line> out;
  uint64_t number = 0;
  uint64_t offset = 0;
  while (!input.empty()) {
    const auto end = std::min(input.find('\n'), input.size());
    const auto line = input.substr(0, end);
    auto op = op_of_line(line, known());
    ++number;
    if (!op)
      require((op.err().code == ec::bad_request || op.err().code == ec::unknown_model)
                  && op.err().message.size() > 10,
              "a refusal is typed and says what a line is", op.err().message);
    else if (!op->text.empty()) {
      check_op(*op);
      out.push_back({{number, offset}, std::move(*op)});
    }
    offset += end + 1;
    input.remove_prefix(std::min(input.size(), end + 1));
  }
  return out;
}

void check_order(const std::vector<read_line>& lines) {
  import_order order;
  for (const auto& l : lines)
    if (l.op.ordered)
      order.survey(l.op.keys);
  order.end_survey();
  std::vector<line_place> written;
  size_t ordered = 0;
  for (const auto& l : lines)
    if (l.op.ordered) {
      order.take(l.at, l.op.keys, written);
      ++ordered;
    }
  const auto rest = order.rest();
  require(written.size() + rest.size() == ordered, "each line is written once");
  std::map<uint64_t, const line_keys*> by_number;
  std::map<uint64_t, size_t> last_write; // record → lines left that write it
  for (const auto& l : lines)
    if (l.op.ordered) {
      by_number[l.at.number] = &l.op.keys;
      if (l.op.keys.record != 0 && l.op.keys.writes)
        ++last_write[l.op.keys.record];
    }
  std::map<uint64_t, uint64_t> newest; // record → its line that was written last
  std::map<uint64_t, bool> there;      // records that some line wrote
  for (const auto& place : written) {
    const auto found = by_number.find(place.number);
    require(found != by_number.end(), "only lines of the file are written, each once");
    const auto& keys = *found->second;
    for (const auto parent : keys.parents)
      require(parent == keys.record || !last_write.contains(parent) || there[parent],
              "a line is not written before its parent's");
    if (keys.record != 0) {
      require(newest[keys.record] < place.number, "lines of one record keep their order");
      newest[keys.record] = place.number;
      there[keys.record] |= keys.writes;
    }
    by_number.erase(found);
  }
}

/// A node that refuses ops whose text has an odd hash, and sometimes says which one it was.
void check_sending(const std::vector<read_line>& lines) {
  std::vector<numbered_op> ops;
  for (const auto& l : lines)
    ops.push_back({l.at.number, l.op.text});
  const auto is_bad = [](const numbered_op& op) { return record_key("", op.text) % 3 == 0; };
  std::vector<uint64_t> taken;
  std::vector<uint64_t> bad;
  size_t at = 0; // of the first op that is neither taken nor bad
  const auto outcome = send_around_bad_ones(
      ops,
      [&](const std::string& body, size_t n) -> batch_outcome {
        const auto sent = json::parse(body, nullptr, false);
        require(sent.is_object() && sent["ops"].size() == n, "a batch is JSON", body);
        require(at + n <= ops.size(), "a batch holds what is left");
        for (size_t i = 0; i < n; ++i)
          require(text_of(sent["ops"][i]) == ops[at + i].text, "a batch holds its ops in order");
        for (size_t i = 0; i < n; ++i)
          if (is_bad(ops[at + i]))
            return {verdict::refused,
                    (n % 2 == 0 ? "ops[" + std::to_string(i) + "]: " : std::string()) + "bad"};
        for (size_t i = 0; i < n; ++i)
          taken.push_back(ops[at + i].line);
        at += n;
        while (at < ops.size() && std::find(bad.begin(), bad.end(), ops[at].line) != bad.end())
          ++at;
        return {verdict::taken, {}};
      },
      [&](const numbered_op& op, const std::string& why) {
        require(why == "bad", "what the node said is passed on", why);
        bad.push_back(op.line);
        if (at < ops.size() && ops[at].line == op.line)
          ++at;
      });
  require(outcome.how == verdict::taken, "refused ops do not end an import");
  require(taken.size() + bad.size() == ops.size() && std::is_sorted(taken.begin(), taken.end()),
          "each op is written or refused, in the order of lines");
  for (const auto& op : ops)
    require(is_bad(op) == (std::find(bad.begin(), bad.end(), op.line) != bad.end()),
            "just the bad ones are left out");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.starts_with("models ")) { // what a node says its models are
    const auto answer = json::parse(input.substr(7), nullptr, false);
    if (!answer.is_discarded())
      static_cast<void>(import_models::of(answer).find("tag"));
    return 0;
  }
  const auto lines = read(input);
  check_order(lines);
  check_sending(lines);
  std::string problem(input.substr(0, 200));
  const auto before = problem.size();
  if (take_op_index(problem))
    require(problem.size() < before, "an op's number is taken out of a problem");
  return 0;
}
