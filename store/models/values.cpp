#include "store/models/values.hpp"

#include "messages/reader.hpp"
#include "messages/writer.hpp"
#include "store/models/json.hpp"

#include <algorithm>
#include <cmath>

namespace shoal::models {

namespace {

const std::string nil_value = "\xc0";

std::string got(const json_value& v) {
  if (v.is_integer())
    return "an integer out of range";
  if (v.is_number())
    return "a number with a fraction or an exponent";
  return std::string(v.is_array() || v.is_object() ? "an " : "a ").append(v.type_name());
}

error expected(const model_def& m, const field_def& f, const json_value& v) {
  return invalid(m, f.name,
                 "expected " + std::string(to_string(f.type)) + ", got "
                     + (v.is_number() && f.type == value_type::string ? "a number" : got(v)));
}

/// Appends `v` as a value of the field's type. Null is for the caller to handle, except in JSON.
status append_typed(std::string& out, const model_def& m, const field_def& f, const json_value& v) {
  writer w(out);
  switch (f.type) {
  case value_type::string:
    if (!v.is_string())
      return expected(m, f, v);
    if (!is_utf8(v.text()))
      return invalid(m, f.name, "expected UTF-8 text, got other bytes");
    w.str(v.text());
    return success();
  case value_type::integer:
  case value_type::time:
    if (!v.is_int64())
      return expected(m, f, v);
    w.integer(v.integer());
    return success();
  case value_type::real:
    if (!v.is_number() || !std::isfinite(v.real()))
      return v.is_number() ? invalid(m, f.name, "expected a finite number") : expected(m, f, v);
    w.real(v.real());
    return success();
  case value_type::boolean:
    if (!v.is_boolean())
      return expected(m, f, v);
    w.boolean(v.boolean());
    return success();
  case value_type::uuid: {
    if (!v.is_string())
      return expected(m, f, v);
    const auto id = parse_id<record_id>(v.text());
    if (!id)
      return invalid(m, f.name, "expected a uuid (36 characters), got other text");
    w.bin(id->view());
    return success();
  }
  case value_type::json:
    if (auto ok = append_json(out, v); !ok)
      return invalid(m, f.name, ok.err().message);
    return success();
  }
  return expected(m, f, v);
}

/// Elements, encoded, sorted and each once.
result<std::vector<std::string>> to_elements(const model_def& m, const field_def& f,
                                             const json_value& list) {
  if (!list.is_array())
    return invalid(m, f.name, "expected arrays of elements in $add and $remove");
  const auto items = list.items();
  if (items.size() > wire_limits::elements)
    return error{ec::too_big, m.name + "." + f.name + ": at most "
                                  + std::to_string(wire_limits::elements)
                                  + " elements in one write"};
  std::vector<std::string> out;
  out.reserve(items.size());
  for (const auto& item : items) {
    if (item.is_null())
      return invalid(m, f.name, "expected elements other than null");
    if (auto ok = append_typed(out.emplace_back(), m, f, item); !ok)
      return ok.err();
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/// True when `v` is an object with none but the keys `a` and `b`, and one of them at least.
bool is_change(const json_value& v, std::string_view a, std::string_view b) {
  if (!v.is_object() || v.members().empty())
    return false;
  return std::all_of(v.members().begin(), v.members().end(),
                     [&](const auto& member) { return member.key == a || member.key == b; });
}

status fill_set(field_edit& out, const model_def& m, const field_def& f, const json_value& v) {
  if (v.is_null() || v.is_array()) {
    out.replace = true;
    if (v.is_null())
      return success();
    auto elements = to_elements(m, f, v);
    if (!elements)
      return elements.err();
    out.add = std::move(*elements);
    return success();
  }
  if (!is_change(v, "$add", "$remove"))
    return invalid(m, f.name, R"(expected an array, or {"$add":[…],"$remove":[…]})");
  for (auto [key, into] : {std::pair{"$add", &out.add}, std::pair{"$remove", &out.remove}}) {
    const auto* list = v.find(key);
    if (!list)
      continue;
    auto elements = to_elements(m, f, *list);
    if (!elements)
      return elements.err();
    *into = std::move(*elements);
  }
  for (const auto& element : out.add)
    if (std::binary_search(out.remove.begin(), out.remove.end(), element))
      return invalid(m, f.name, "expected each element in $add or in $remove, one is in both");
  return success();
}

status fill_counter(field_edit& out, const model_def& m, const field_def& f, const json_value& v) {
  const bool sets = is_change(v, "$set", "$set");
  if (!(sets || is_change(v, "$add", "$add")) || !v.members().front().value.is_int64())
    return invalid(m, f.name, R"(expected {"$add":n} or {"$set":n} with a 64-bit integer n)");
  out.replace = sets;
  out.delta = v.members().front().value.integer();
  return success();
}

status fill_map(field_edit& out, const model_def& m, const field_def& f, const json_value& v) {
  if (v.is_null()) {
    out.replace = true;
    return success();
  }
  if (!v.is_object())
    return invalid(m, f.name, "expected an object of the keys to set; null clears a key");
  const auto members = v.members();
  if (members.size() > wire_limits::elements)
    return error{ec::too_big, m.name + "." + f.name + ": at most "
                                  + std::to_string(wire_limits::elements) + " keys in one write"};
  out.keys.reserve(members.size());
  for (const auto& [key, item] : members) {
    if (!is_utf8(key))
      return invalid(m, f.name, "expected UTF-8 keys");
    auto& [name, encoded] = out.keys.emplace_back(key, std::string());
    if (item.is_null())
      encoded = nil_value;
    else if (auto ok = append_typed(encoded, m, f, item); !ok)
      return ok;
  }
  return success();
}

} // namespace

error invalid(const model_def& model, std::string_view field, std::string_view what) {
  std::string text = model.name;
  text += '.';
  text += field;
  text += ": ";
  text += what;
  return {ec::invalid_field, std::move(text)};
}

status fill_field_edit(field_edit& out, const model_def& model, const field_def& field,
                       const json_value& value) {
  if (value.is_null() && field.required)
    return invalid(model, field.name,
                   "is required and cannot be null; expected "
                       + std::string(to_string(field.type)));
  out.name = field.name;
  out.kind = field.kind;
  switch (field.kind) {
  case field_kind::parent: out.parent_model = field.references; [[fallthrough]];
  case field_kind::lww:
    if (!value.is_null())
      return append_typed(out.value, model, field, value);
    out.value = nil_value;
    return success();
  case field_kind::set: return fill_set(out, model, field, value);
  case field_kind::counter: return fill_counter(out, model, field, value);
  case field_kind::map: return fill_map(out, model, field, value);
  }
  return success();
}

} // namespace shoal::models
