#include "store/models/edits.hpp"

#include "messages/writer.hpp"
#include "store/models/builtin.hpp"
#include "store/models/json.hpp"
#include "store/models/record_id_rules.hpp"
#include "store/models/values.hpp"

namespace shoal::models {

namespace {

result<const model_def*> known(const registry& models, std::string_view name) {
  if (const auto* m = models.find(name))
    return m;
  std::string text = "unknown model '" + valid_utf8(name.substr(0, 64)) + "'; this node knows";
  for (const auto* m : models.parents_first())
    text += " " + m->name;
  return error{ec::unknown_model, std::move(text)};
}

error unknown_field(const model_def& m, std::string_view name) {
  std::string text = "no such field; expected one of";
  for (const auto& f : m.fields)
    text += " " + f.name;
  return invalid(m, valid_utf8(name.substr(0, 64)), text);
}

bool names(const edit& e, std::string_view field) {
  for (const auto& f : e.fields)
    if (f.name == field)
      return true;
  return false;
}

std::vector<std::string> required_but_missing(const edit& e, const model_def& m) {
  std::vector<std::string> out;
  for (const auto& f : m.fields)
    if (f.required && !names(e, f.name))
      out.push_back(f.name);
  if (m.id.from != id_rule::source::one_of)
    return out;
  std::string scope;
  for (const auto& name : m.id.fields) {
    for (const auto& f : e.fields)
      if (f.name == name && f.value != "\xc0")
        return out;
    scope += (scope.empty() ? "" : " or ") + name;
  }
  out.push_back(std::move(scope));
  return out;
}

/// A record cannot die by its own death.
status check_not_own_parent(const edit& e, const model_def& m) {
  for (const auto& f : e.fields)
    if (f.kind == field_kind::parent && f.parent_model == m.name && f.value.size() == 18
        && std::string_view(f.value).substr(2) == e.id.view())
      return invalid(m, f.name, "expected another record, got the record itself");
  return success();
}

void add_text(edit& e, std::string name, const std::string& text) {
  if (text.empty())
    return;
  field_edit f;
  f.name = std::move(name);
  writer(f.value).str(valid_utf8(text));
  e.fields.push_back(std::move(f));
}

void add_list(edit& e, std::string name, const std::vector<std::string>& items) {
  if (items.empty())
    return;
  field_edit f;
  f.name = std::move(name);
  writer out(f.value);
  out.array(items.size());
  for (const auto& item : items)
    out.str(valid_utf8(item));
  e.fields.push_back(std::move(f));
}

} // namespace

result<edit> to_edit(const registry& models, const edit_request& request) {
  const auto model = known(models, request.model);
  if (!model)
    return model.err();
  const model_def& m = **model;
  if (!request.fields.is_object())
    return error{ec::bad_request, m.name + ": fields are a JSON object, got "
                                      + std::string(request.fields.type_name())};
  edit out;
  out.cls = m.cls;
  out.model = m.name;
  out.fields.reserve(request.fields.members().size());
  for (const auto& [name, value] : request.fields.members()) {
    const auto* f = m.field(name);
    if (!f)
      return unknown_field(m, name);
    if (f->managed)
      return error{ec::managed, m.name + "." + f->name + ": is kept up to date by the node itself"};
    auto& made = out.fields.emplace_back();
    if (auto ok = fill_field_edit(made, m, *f, value); !ok)
      return ok.err();
    if (f->local) {
      out.local.emplace_back(f->name, std::move(made.value));
      out.fields.pop_back();
    }
  }
  out.missing_required = required_but_missing(out, m);
  if (auto ok = settle_id(out, m, request); !ok)
    return ok.err();
  if (auto ok = check_not_own_parent(out, m); !ok)
    return ok.err();
  return out;
}

result<edit> to_remove(const registry& models, std::string_view model, std::string_view id) {
  const auto found = known(models, model);
  if (!found)
    return found.err();
  const model_def& m = **found;
  auto parsed = parse_record_id(m, id);
  if (!parsed)
    return parsed.err();
  if (!*parsed)
    return error{ec::bad_request, m.name + " 'new': expected the uuid of the record to delete"};
  if (m.id.from == id_rule::source::own_device)
    return error{ec::managed,
                 m.name + " " + to_string(**parsed)
                     + ": is kept by its node; `shoal member remove --purge` drops it"};
  edit out;
  out.cls = m.cls;
  out.model = m.name;
  out.id = **parsed;
  out.remove = true;
  return out;
}

edit own_device_edit(device_id self, const device_facts& facts) {
  edit out;
  out.cls = record_class::owned;
  out.model = "device";
  out.id = record_id{self.bytes};
  add_list(out, "addresses", facts.addresses);
  add_list(out, "capabilities", facts.capabilities);
  add_text(out, "cpu_model", facts.cpu_model);
  add_text(out, "hardware_model", facts.hardware_model);
  if (facts.memory_total_bytes > 0) {
    field_edit f;
    f.name = "memory_total_bytes";
    writer(f.value).integer(
        static_cast<int64_t>(std::min(facts.memory_total_bytes, static_cast<uint64_t>(INT64_MAX))));
    out.fields.push_back(std::move(f));
  }
  add_text(out, "name", facts.name.empty() ? to_string(self) : facts.name);
  add_text(out, "os", facts.os);
  add_text(out, "os_version", facts.os_version);
  add_text(out, "slug", facts.slug);
  return out;
}

} // namespace shoal::models
