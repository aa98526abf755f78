#include "store/models/registry.hpp"

#include "config/nearest.hpp"
#include "messages/frontier.hpp"
#include "messages/wire_limits.hpp"
#include "store/models/builtin.hpp"

#include <algorithm>
#include <set>

namespace shoal::models {

namespace {

using model_map = std::map<std::string, std::shared_ptr<const model_def>, std::less<>>;

/// Names stand in URLs, files and keys.
bool is_name(std::string_view text) {
  if (text.empty() || text.size() > wire_limits::name_bytes || text[0] < 'a' || text[0] > 'z')
    return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

constexpr std::string_view name_rule =
    "a name begins with a letter and has only a-z, 0-9 and _, 128 characters at most";

std::string at(const std::string& where) { return where.empty() ? "" : where + ": "; }

status bad(const model_def& m, const std::string& what) {
  return error{ec::config, at(m.where) + "model " + m.name + ": " + what};
}

status bad(const model_def& m, const field_def& f, const std::string& what) {
  return error{ec::config, at(f.where.empty() ? m.where : f.where) + "model " + m.name + ", field "
                               + f.name + ": " + what};
}

/// " (the nearest is WORD)".
template <class Named>
std::string nearest_of(const std::string& word, const Named& names) {
  std::vector<std::string_view> known;
  for (const auto& name : names)
    known.push_back(name);
  return " (the nearest is " + std::string(config::nearest_word(word, known)) + ")";
}

std::vector<std::string> names_of(const model_map& models) {
  std::vector<std::string> out;
  for (const auto& [name, m] : models)
    out.push_back(name);
  return out;
}

std::vector<std::string> names_of(const model_def& m) {
  std::vector<std::string> out;
  for (const auto& f : m.fields)
    out.push_back(f.name);
  return out;
}

/// A word that what is refused is shown by, short enough for a line.
std::string shown(const std::string& name) {
  constexpr size_t shown_bytes = 200;
  return "'" + name.substr(0, shown_bytes) + "'";
}

/// What a cascade can be replayed for on every node, in whatever order ops come.
status check_cascade(const model_def& m, const field_def& f, const model_def& target) {
  // An owner's deletes take its own records; a shared record has no owner to share with another.
  if (m.cls != target.cls)
    return bad(m, f,
               "cascades from " + target.name
                   + ", which is of the other class; both are shared or both device-owned");
  if (target.name != m.name)
    return success();
  // Two members could hang two records below each other at the same time. Which of them then live
  // would depend on what came first.
  if (m.cls == record_class::shared)
    return bad(m, f, "a shared model cannot cascade from itself; leave cascades out");
  if (f.required)
    return bad(m, f, "a required cascade from its own model leaves no first record");
  return success();
}

status check_field(const model_def& m, const field_def& f, const model_map& known) {
  if (!is_name(f.name))
    return error{ec::config, at(f.where.empty() ? m.where : f.where) + "model " + m.name + ": "
                                 + shown(f.name) + " is no field name: " + std::string(name_rule)};
  if (f.kind == field_kind::counter && f.type != value_type::integer)
    return bad(m, f, "a counter has type integer");
  if (f.kind == field_kind::parent && f.references.empty())
    return bad(m, f, "a cascading field references the model it cascades from");
  if (f.required && f.kind != field_kind::lww && f.kind != field_kind::parent)
    return bad(m, f, "a set, counter or map is never missing, so it cannot be required");
  if (f.local && (f.required || f.kind != field_kind::lww))
    return bad(m, f,
               "a local field is an optional last-writer value; leave required, merge and "
               "cascades out");
  if (f.references.empty())
    return success();
  if (f.type != value_type::uuid)
    return bad(m, f, "a reference has type uuid");
  const auto target = known.find(f.references);
  if (target == known.end())
    return bad(m, f,
               "references the unknown model " + shown(f.references)
                   + nearest_of(f.references, names_of(known)));
  return f.kind == field_kind::parent ? check_cascade(m, f, *target->second) : success();
}

status check_id_rule(const model_def& m) {
  const auto& rule = m.id;
  const bool derived = rule.from == id_rule::source::fields || rule.from == id_rule::source::one_of;
  if (!derived)
    return rule.fields.empty() && rule.when_field.empty()
               ? success()
               : bad(m, "id fields are given, but the id is not derived from fields");
  if (rule.fields.empty())
    return bad(m, "a derived id needs at least one id field");
  if (rule.from == id_rule::source::one_of && rule.labels.size() != rule.fields.size())
    return bad(m, "each id field of a one-of rule needs a label");
  for (const auto& name : rule.fields) {
    const auto* f = m.field(name);
    if (!f)
      return bad(m, "id field " + shown(name) + " is not a field of the model"
                        + nearest_of(name, names_of(m)));
    if (f->local)
      return bad(m, *f, "an id field is the same on every node, so it cannot be local");
    if (f->kind != field_kind::lww || f->type == value_type::json || f->type == value_type::real)
      return bad(m, *f, "an id field is a last-writer string, integer, boolean, time or uuid");
    // Without it a record could begin under no id. A condition says itself what is needed.
    if (rule.from == id_rule::source::fields && rule.when_field.empty() && !f->required)
      return bad(m, *f, "an id field is required; add required = true");
  }
  if (rule.when_field.empty())
    return success();
  const auto* when = m.field(rule.when_field);
  if (!when || when->type != value_type::string || when->kind != field_kind::lww)
    return bad(m, "the id's condition " + rule.when_field + " is not a last-writer string field");
  return success();
}

status check_model(const model_def& m, const model_map& known) {
  if (m.fields.empty())
    return bad(m, "has no fields; a model has at least one");
  if (m.fields.size() > wire_limits::fields)
    return bad(m, "has more than " + std::to_string(wire_limits::fields) + " fields");
  std::set<std::string_view> seen;
  for (const auto& f : m.fields) {
    if (auto ok = check_field(m, f, known); !ok)
      return ok;
    if (!seen.insert(f.name).second)
      return bad(m, f, "is declared twice");
  }
  // Without one every op would be an insert, and a delete could never win over an edit.
  const bool has_required =
      std::any_of(m.fields.begin(), m.fields.end(), [](const field_def& f) { return f.required; });
  if (!has_required && m.id.from != id_rule::source::one_of)
    return bad(m, "has no required field; at least one tells an insert from an update");
  return check_id_rule(m);
}

uint64_t hash_definition(const model_def& m) {
  std::vector<const field_def*> by_name;
  for (const auto& f : m.fields)
    by_name.push_back(&f);
  std::sort(by_name.begin(), by_name.end(), [](auto* a, auto* b) { return a->name < b->name; });
  std::string bytes;
  writer out(bytes);
  out.str(m.name);
  out.uint(static_cast<uint64_t>(m.cls));
  out.array(by_name.size());
  for (const auto* f : by_name) {
    out.str(f->name);
    out.uint(static_cast<uint64_t>(f->type));
    out.boolean(f->required);
    out.uint(static_cast<uint64_t>(f->kind));
    out.str(f->references);
    out.boolean(f->managed);
    if (f->local) // else the hash is that of versions without such fields
      out.str("local");
  }
  out.uint(static_cast<uint64_t>(m.id.from));
  out.array(m.id.fields.size());
  for (const auto& name : m.id.fields)
    out.str(name);
  out.array(m.id.labels.size());
  for (const auto& label : m.id.labels)
    out.str(label);
  out.str(m.id.when_field);
  out.str(m.id.when_value);
  return fnv1a(bytes);
}

/// A reference that decides the order whatever else is there.
bool is_binding(const model_def& m, const field_def& f) {
  return !f.references.empty() && f.references != m.name
         && (f.required || f.kind == field_kind::parent);
}

/// True when all that `m` refers to, of the kind asked for, stands in `placed`.
bool is_ready(const model_def& m, const std::set<std::string_view>& placed, bool optional_too) {
  return std::all_of(m.fields.begin(), m.fields.end(), [&](const field_def& f) {
    return f.references.empty() || f.references == m.name || (!optional_too && !is_binding(m, f))
           || placed.contains(f.references);
  });
}

/// Says which of `left`, each of which refers to another of them, refer to each other in a circle.
error circle_among(const std::vector<const model_def*>& left) {
  std::vector<const model_def*> path;
  const model_def* m = left.front();
  std::string where;
  while (std::find(path.begin(), path.end(), m) == path.end()) {
    path.push_back(m);
    for (const auto& f : m->fields) {
      const auto next = std::find_if(left.begin(), left.end(),
                                     [&](auto* other) { return other->name == f.references; });
      if (!is_binding(*m, f) || next == left.end())
        continue;
      m = *next;
      where = f.where;
      break;
    }
  }
  std::string names;
  for (auto it = std::find(path.begin(), path.end(), m); it != path.end(); ++it)
    names += (names.empty() ? "" : ", ") + (*it)->name;
  return {ec::config, at(where) + "models " + names
                          + ": required or cascading references run in a circle; make one of them "
                            "optional"};
}

/// ec::config when required or parent references run in a circle.
result<std::vector<const model_def*>> order_of(const model_map& models) {
  std::vector<const model_def*> left;
  for (const auto& [name, m] : models)
    left.push_back(m.get());
  std::vector<const model_def*> order;
  std::set<std::string_view> placed;
  while (!left.empty()) {
    auto next =
        std::find_if(left.begin(), left.end(), [&](auto* m) { return is_ready(*m, placed, true); });
    if (next == left.end())
      next = std::find_if(left.begin(), left.end(),
                          [&](auto* m) { return is_ready(*m, placed, false); });
    if (next == left.end())
      return circle_among(left);
    placed.insert((*next)->name);
    order.push_back(*next);
    left.erase(next);
  }
  return order;
}

} // namespace

std::string_view to_string(value_type type) {
  switch (type) {
  case value_type::string: return "a string";
  case value_type::integer: return "a 64-bit integer";
  case value_type::real: return "a number";
  case value_type::boolean: return "true or false";
  case value_type::time: return "a time (integer milliseconds since 1970)";
  case value_type::uuid: return "a uuid (36 characters)";
  case value_type::json: return "a JSON value";
  }
  return "";
}

const field_def* model_def::field(std::string_view field_name) const {
  for (const auto& f : fields)
    if (f.name == field_name)
      return &f;
  return nullptr;
}

registry::registry() {
  [[maybe_unused]] const auto added = add(builtin_models());
  assert(added.ok());
}

status registry::add(model_def model) {
  std::vector<model_def> group;
  group.push_back(std::move(model));
  return add(std::move(group));
}

status registry::add(std::vector<model_def> group) {
  auto all = models_;
  for (auto& m : group) {
    if (!is_name(m.name))
      return error{ec::config,
                   at(m.where) + shown(m.name) + " is no model name: " + std::string(name_rule)};
    m.id_space = uuid_v5(dns_namespace(), "shoal." + m.name);
    m.definition_hash = hash_definition(m);
    const auto [known, fresh] = all.try_emplace(m.name, std::make_shared<const model_def>(m));
    if (!fresh)
      return bad(m, known->second->where.empty()
                        ? "is a built-in model's name; choose another"
                        : "is declared at " + known->second->where + " already");
  }
  for (const auto& m : group)
    if (auto ok = check_model(m, all); !ok)
      return ok;
  auto order = order_of(all);
  if (!order)
    return order.err();
  models_ = std::move(all);
  order_ = std::move(*order);
  return success();
}

const model_def* registry::find(std::string_view name) const {
  const auto it = models_.find(name);
  return it == models_.end() ? nullptr : it->second.get();
}

uint64_t registry::hash() const {
  std::string bytes;
  writer out(bytes);
  for (const auto& [name, m] : models_)
    out.uint(m->definition_hash);
  return fnv1a(bytes);
}

} // namespace shoal::models
