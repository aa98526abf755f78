#include "cli/client/import_lines.hpp"

#include <charconv>

namespace shoal::cli {

import_models import_models::of(const json& answer) {
  import_models out;
  const auto models = answer.find("items");
  if (!answer.is_object() || models == answer.end() || !models->is_array())
    return out;
  for (const auto& m : *models) {
    if (!m.is_object())
      continue;
    auto& known = out.models_[string_at(m, "name")];
    known.made_by_node = string_at(m, "id") == "own_device";
    const auto fields = m.find("fields");
    if (fields == m.end() || !fields->is_array())
      continue;
    for (const auto& f : *fields) {
      const auto name = string_at(f, "name");
      if (string_at(f, "merge") == "counter")
        known.counters.insert(name);
      if (f.is_object() && f.contains("cascades") && f["cascades"] == true)
        known.cascades[name] = string_at(f, "references");
    }
  }
  std::set<std::string> targets;
  for (const auto& [name, known] : out.models_)
    for (const auto& [field, target] : known.cascades)
      targets.insert(target);
  for (const auto& target : targets)
    if (const auto it = out.models_.find(target); it != out.models_.end())
      it->second.is_parent = true;
  return out;
}

const import_models::facts* import_models::find(const std::string& model) const {
  const auto it = models_.find(model);
  return it == models_.end() ? nullptr : &it->second;
}

namespace {

/// The fields as they are written.
json to_write(json fields, const import_models::facts& model, bool exported) {
  if (exported)
    for (const auto& name : model.counters)
      if (const auto it = fields.find(name); it != fields.end() && it->is_number_integer())
        *it = json{{"$set", *it}};
  return fields;
}

line_keys keys_of(const std::string& model, const std::string& id, const json& op,
                  const import_models::facts& known) {
  line_keys out;
  if (id != "new")
    out.record = record_key(model, id);
  const auto fields = op.find("fields");
  out.writes = fields != op.end();
  if (out.writes)
    for (const auto& [field, target] : known.cascades)
      if (const auto parent = string_at(*fields, field); !parent.empty())
        out.parents.push_back(record_key(target, parent));
  return out;
}

} // namespace

result<import_op> op_of_line(std::string_view line, const import_models& models) {
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
  const auto model = string_at(op, "model"); // copied: `op` moves its members as it grows
  const auto* known = models.find(model);
  if (!known)
    return {ec::unknown_model, "the node does not know the model " + text_of(op["model"])
                                   + "; `shoal models` lists those it knows"};
  const bool exported = parsed.contains("hlc");
  if (exported && known->made_by_node)
    return import_op{};
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
    op["fields"] = to_write(*fields, *known, exported);
  }
  import_op out;
  out.ordered = known->is_parent || !known->cascades.empty();
  if (out.ordered)
    out.keys = keys_of(model, string_at(op, "id"), op, *known);
  out.text = text_of(op);
  return out;
}

std::optional<size_t> take_op_index(std::string& problem) {
  constexpr std::string_view begin = "ops[";
  constexpr std::string_view end = "]: ";
  const auto at = problem.find(begin);
  const auto close = problem.find(end, at == std::string::npos ? 0 : at);
  if (at == std::string::npos || close == std::string::npos)
    return std::nullopt;
  size_t index = 0;
  const char* last = problem.data() + close;
  const auto [read_to, failed] = std::from_chars(problem.data() + at + begin.size(), last, index);
  if (failed != std::errc{} || read_to != last)
    return std::nullopt;
  problem.erase(at, close + end.size() - at);
  return index;
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
    const auto named = take_op_index(outcome.problem);
    if (to - from == 1) {
      bad(ops[from], outcome.problem);
      continue;
    }
    if (named && *named < to - from) {
      bad(ops[from + *named], outcome.problem);
      if (from + *named + 1 < to)
        spans.emplace_back(from + *named + 1, to);
      if (*named > 0)
        spans.emplace_back(from, from + *named);
      continue;
    }
    const size_t middle = from + (to - from) / 2;
    spans.emplace_back(middle, to);
    spans.emplace_back(from, middle);
  }
  return {verdict::taken, {}};
}

} // namespace shoal::cli
