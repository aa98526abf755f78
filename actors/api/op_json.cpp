#include "actors/api/op_json.hpp"

#include "store/models/json.hpp"

namespace shoal::api {

std::string_view op_text(op_kind kind) {
  switch (kind) {
  case op_kind::insert: return "insert";
  case op_kind::update: return "update";
  case op_kind::remove: return "delete";
  }
  return "unknown";
}

/// What an op did to one field, in the form in which a client writes it; a counter's totals, which
/// the op carries.
static nlohmann::ordered_json change_json(const field_op& f) {
  using json = nlohmann::ordered_json;
  json out;
  switch (f.kind) {
  case field_kind::lww:
  case field_kind::parent: return models::value_to_json(f.value);
  case field_kind::set:
    for (const auto& e : f.elements)
      out[e.adds ? "$add" : "$remove"].push_back(
          nlohmann::ordered_json(models::value_to_json(e.element)));
    return out;
  case field_kind::counter:
    out["added"] = f.added;
    out["subtracted"] = f.subtracted;
    return out;
  case field_kind::map:
    out = json::object();
    for (const auto& k : f.keys)
      out[k.key] = models::value_to_json(k.value);
    return out;
  }
  return out;
}

nlohmann::ordered_json fields_json(const op& o) {
  auto out = nlohmann::ordered_json::object();
  for (const auto& f : o.fields)
    out[f.name] = change_json(f);
  return out;
}

} // namespace shoal::api
