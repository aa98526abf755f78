#include "store/models/registry.hpp"

#include "messages/frontier.hpp"
#include "messages/wire_limits.hpp"
#include "store/models/builtin.hpp"

#include <algorithm>
#include <optional>
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

status bad(const model_def& m, const std::string& what) {
  return error{ec::config, "model " + m.name + ": " + what};
}

status bad(const model_def& m, const field_def& f, const std::string& what) {
  return error{ec::config, "model " + m.name + ", field " + f.name + ": " + what};
}

status check_field(const model_def& m, const field_def& f, const model_map& known) {
  if (!is_name(f.name))
    return bad(m, "'" + f.name + "' is no field name: " + std::string(name_rule));
  if (f.kind == field_kind::counter && f.type != value_type::integer)
    return bad(m, f, "a counter has type integer");
  if (f.kind == field_kind::parent && f.references.empty())
    return bad(m, f, "a cascading field references the model it cascades from");
  if (f.references.empty())
    return success();
  if (f.type != value_type::uuid)
    return bad(m, f, "a reference has type uuid");
  const auto target = known.find(f.references);
  if (target == known.end())
    return bad(m, f, "references the unknown model " + f.references);
  // A cascade is replayed in the owner's order, so both ends need one owner.
  if (f.kind == field_kind::parent
      && (m.cls != record_class::owned || target->second->cls != record_class::owned))
    return bad(m, f, "only device-owned models cascade, and only from device-owned models");
  return success();
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
      return bad(m, "id field " + name + " is not a field of the model");
    if (f->kind != field_kind::lww || f->type == value_type::json || f->type == value_type::real)
      return bad(m, *f, "an id field is a last-writer string, integer, boolean, time or uuid");
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

/// True when all that `m` refers to, of the kind asked for, stands in `placed`.
bool is_ready(const model_def& m, const std::set<std::string_view>& placed, bool optional_too) {
  return std::all_of(m.fields.begin(), m.fields.end(), [&](const field_def& f) {
    const bool counts = optional_too || f.required || f.kind == field_kind::parent;
    return f.references.empty() || f.references == m.name || !counts
           || placed.contains(f.references);
  });
}

/// Nothing when required or parent references run in a circle; `stuck` then names the models of it.
std::optional<std::vector<const model_def*>> order_of(const model_map& models, std::string& stuck) {
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
    if (next == left.end()) {
      for (const auto* m : left)
        stuck += (stuck.empty() ? "" : ", ") + m->name;
      return std::nullopt;
    }
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
      return error{ec::config, "'" + m.name + "' is no model name: " + std::string(name_rule)};
    m.id_space = uuid_v5(dns_namespace(), "shoal." + m.name);
    m.definition_hash = hash_definition(m);
    if (!all.try_emplace(m.name, std::make_shared<const model_def>(m)).second)
      return bad(m, "is declared twice, or is built in; choose another name");
  }
  for (const auto& m : group)
    if (auto ok = check_model(m, all); !ok)
      return ok;
  std::string stuck;
  auto order = order_of(all, stuck);
  if (!order)
    return error{
        ec::config,
        "models " + stuck
            + ": required or cascading references run in a circle; make one of them optional"};
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
