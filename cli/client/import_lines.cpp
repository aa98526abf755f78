#include "cli/client/import_lines.hpp"

namespace shoal::cli {

result<std::string> op_of_line(std::string_view line) {
  const auto parsed = json::parse(line, nullptr, false);
  if (parsed.is_discarded())
    return {ec::bad_request, R"(not JSON; a line is {"model":…,"id":…,"fields":{…}})"};
  if (!parsed.is_object())
    return {ec::bad_request, R"(not an object; a line is {"model":…,"id":…,"fields":{…}})"};
  json op = json::object();
  for (const char* key : {"model", "id"}) {
    const auto found = parsed.find(key);
    if (found == parsed.end() || !found->is_string())
      return {ec::bad_request,
              std::string("no ") + key + R"(; a line is {"model":…,"id":…,"fields":{…}})"};
    op[key] = *found;
  }
  const auto fields = parsed.find("fields");
  const auto removal = parsed.find("delete");
  if (removal != parsed.end()) {
    if (!removal->is_boolean() || !removal->get<bool>())
      return {ec::bad_request, R"(delete must be true; leave it out to write the record)"};
    if (fields != parsed.end())
      return {ec::bad_request, "both fields and delete; a line has one of them"};
    op["delete"] = true;
  } else {
    if (fields == parsed.end() || !fields->is_object())
      return {ec::bad_request, R"(neither an object "fields" nor "delete":true)"};
    op["fields"] = *fields;
  }
  return text_of(op);
}

std::string batch_body(const std::vector<numbered_op>& ops, size_t from, size_t to) {
  std::string body = R"({"ops":[)";
  for (size_t i = from; i < to; ++i) {
    if (i > from)
      body += ',';
    body += ops[i].text;
  }
  return body + "]}";
}

batch_outcome
send_around_bad_ones(const std::vector<numbered_op>& ops,
                     const std::function<batch_outcome(const std::string&, size_t)>& send,
                     const std::function<void(const numbered_op&, const std::string&)>& bad) {
  // Spans still to be sent, the next one last: halves keep the order of lines.
  std::vector<std::pair<size_t, size_t>> spans;
  if (!ops.empty())
    spans.emplace_back(0, ops.size());
  while (!spans.empty()) {
    const auto [from, to] = spans.back();
    spans.pop_back();
    auto outcome = send(batch_body(ops, from, to), to - from);
    if (outcome.how == verdict::broken)
      return outcome;
    if (outcome.how == verdict::taken)
      continue;
    if (to - from == 1) {
      bad(ops[from], outcome.problem);
      continue;
    }
    const size_t middle = from + (to - from) / 2;
    spans.emplace_back(middle, to);
    spans.emplace_back(from, middle);
  }
  return {verdict::taken, {}};
}

} // namespace shoal::cli
