#include "store/models/record_id_rules.hpp"

#include "store/models/values.hpp"

#include <algorithm>

namespace shoal::models {

namespace {

/// A-Z only: an id must not depend on a Unicode version that nodes may not share.
char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// How an id field's value stands in the name. nullptr: the request does not set it.
const json_value* given(const json_value& fields, std::string_view name) {
  const auto* value = fields.find(name);
  return !value || value->is_null() ? nullptr : value;
}

/// Id fields are strings, integers and booleans; what was given is one of them, of its type.
std::string text_of(const json_value& value) {
  if (value.is_string())
    return std::string(value.text());
  if (value.is_boolean())
    return value.boolean() ? "true" : "false";
  return std::to_string(value.integer());
}

/// RFC 4122 version 5: only derivation makes such ids.
bool is_version_5(const record_id& id) {
  return (id.bytes[6] >> 4) == 5 && (id.bytes[8] >> 6) == 2;
}

/// The name that the id is derived from, nothing when the request does not say enough.
result<std::optional<std::string>> name_of(const edit& e, const model_def& m,
                                           const json_value& fields) {
  std::string name;
  if (m.id.from == id_rule::source::one_of) {
    for (size_t i = 0; i < m.id.fields.size(); ++i) {
      const auto* value = given(fields, m.id.fields[i]);
      if (!value)
        continue;
      if (!name.empty())
        return invalid(m, m.id.fields[i], "expected only one of the scope's fields, two are set");
      name = m.id.labels[i] + "/" + text_of(*value);
    }
    if (name.empty())
      return std::optional<std::string>();
  } else {
    const bool all = std::all_of(m.id.fields.begin(), m.id.fields.end(),
                                 [&](const auto& f) { return given(fields, f) != nullptr; });
    if (!all && !e.missing_required.empty())
      return std::optional<std::string>();
    for (const auto& field : m.id.fields) {
      if (&field != &m.id.fields.front())
        name += '/';
      if (const auto* value = given(fields, field))
        name += text_of(*value);
    }
  }
  std::transform(name.begin(), name.end(), name.begin(), ascii_lower);
  return std::optional<std::string>(std::move(name));
}

std::string joined(const std::vector<std::string>& names, const char* between) {
  std::string out;
  for (const auto& n : names)
    out += (out.empty() ? "" : between) + n;
  return out;
}

bool is_id_field(const model_def& m, const std::string& name) {
  return name == m.id.when_field
         || std::find(m.id.fields.begin(), m.id.fields.end(), name) != m.id.fields.end();
}

/// `derived`: the id follows from this very request, so an id field that it clears was never set.
void fix_id_fields(edit& e, const model_def& m, bool derived) {
  if (derived)
    std::erase_if(e.fields,
                  [&](const auto& f) { return f.value == "\xc0" && is_id_field(m, f.name); });
  for (auto& f : e.fields)
    f.fixed = is_id_field(m, f.name);
}

status settle_derived(edit& e, const model_def& m, const json_value& fields,
                      const std::optional<record_id>& id) {
  auto name = name_of(e, m, fields);
  if (!name)
    return name.err();
  if (!*name) {
    if (!id)
      return error{
          ec::missing_field,
          m.name + ": a new record's id comes from "
              + joined(m.id.fields, m.id.from == id_rule::source::one_of ? " or " : " and ")
              + "; give " + (m.id.from == id_rule::source::one_of ? "one of them" : "all of them")};
    if (!m.id.when_field.empty() && !is_version_5(*id))
      return error{ec::id_mismatch, m.name + " " + to_string(*id) + ": its " + m.id.when_field
                                        + " cannot become " + m.id.when_value
                                        + ", such ids come from " + joined(m.id.fields, " and ")};
    e.id = *id;
    fix_id_fields(e, m, false);
    return success();
  }
  e.id = derived_id(m, **name);
  if (id && *id != e.id)
    return error{ec::id_mismatch, m.name + " " + to_string(*id) + ": its id fields derive the id "
                                      + to_string(e.id) + "; use that or `new`"};
  fix_id_fields(e, m, true);
  return success();
}

} // namespace

result<std::optional<record_id>> parse_record_id(const model_def& model, std::string_view text) {
  if (text == "new")
    return std::optional<record_id>();
  const auto id = parse_id<record_id>(text);
  if (!id || id->is_nil())
    return error{ec::bad_request,
                 model.name + " '" + std::string(text.substr(0, 64))
                     + "': expected `new` or a uuid (36 characters, not all zero)"};
  return id;
}

status settle_id(edit& out, const model_def& model, const edit_request& request) {
  auto id = parse_record_id(model, request.id);
  if (!id)
    return id.err();
  const auto& rule = model.id;
  if (rule.from == id_rule::source::own_device) {
    const record_id own{request.self.bytes};
    if (*id && **id != own)
      return error{ec::not_owner, model.name + " " + to_string(**id)
                                      + ": belongs to another device; this node's is "
                                      + to_string(own)};
    out.id = own;
    return success();
  }
  const auto* when = rule.when_field.empty() ? nullptr : given(request.fields, rule.when_field);
  const bool applies =
      rule.when_field.empty() || (when && when->is_string() && when->text() == rule.when_value);
  if (rule.from != id_rule::source::random && applies)
    return settle_derived(out, model, request.fields, *id);
  out.id = *id ? **id : request.random_id();
  if (rule.from != id_rule::source::random && *id && is_version_5(**id))
    fix_id_fields(out, model, false);
  return success();
}

record_id derived_id(const model_def& model, std::string_view name) {
  return uuid_v5(model.id_space, name);
}

} // namespace shoal::models
