// GET /v1/models: what a record may hold here, and in which order models are written.

#include "actors/api/routes.hpp"
#include "actors/api/status_json.hpp"
#include "store/models/declared.hpp"

namespace shoal::api {
namespace {

using json = nlohmann::ordered_json;

json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

std::string hex_of(uint64_t hash) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::string_view word_of(models::id_rule::source from) {
  switch (from) {
  case models::id_rule::source::random: return "random";
  case models::id_rule::source::own_device: return "own_device";
  case models::id_rule::source::fields: return "fields";
  case models::id_rule::source::one_of: return "one_of";
  }
  return "";
}

json field_json(const models::field_def& f) {
  json out;
  out["name"] = f.name;
  out["type"] = models::word_of(f.type);
  out["merge"] = models::word_of(f.kind);
  out["required"] = f.required;
  out["references"] = text_or_null(f.references);
  out["cascades"] = f.kind == field_kind::parent;
  out["managed"] = f.managed;
  out["local"] = f.local;
  return out;
}

json model_json(const models::model_def& m) {
  json out;
  out["name"] = m.name;
  out["class"] = models::word_of(m.cls);
  out["id"] = word_of(m.id.from);
  out["id_from"] = m.id.fields;
  out["declared"] = text_or_null(m.where);
  out["hash"] = hex_of(m.definition_hash);
  auto fields = json::array();
  for (const auto& f : m.fields)
    fields.push_back(field_json(f));
  out["fields"] = std::move(fields);
  return out;
}

} // namespace

void list_models(const context& c, request r, responder to) {
  if (auto known = r.where.expect({}); !known)
    return to->send(error_reply(known.err()));
  const auto models = c.self->models();
  auto items = json::array();
  for (const auto* m : models->parents_first())
    items.push_back(model_json(*m));
  auto list = whole_list(std::move(items));
  list["hash"] = hex_of(models->hash());
  to->send(json_reply(list));
}

} // namespace shoal::api
