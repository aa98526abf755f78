#include "store/models/builtin.hpp"

namespace shoal::models {

std::vector<model_def> builtin_models() {
  return {
      device_model(),        volume_model(),           location_model(),   entry_model(),
      tag_model(),           tag_relationship_model(), collection_model(), collection_entry_model(),
      user_metadata_model(), user_metadata_tag_model()};
}

field_def required(std::string name, value_type type) {
  field_def f;
  f.name = std::move(name);
  f.type = type;
  f.required = true;
  return f;
}

field_def optional(std::string name, value_type type) {
  field_def f;
  f.name = std::move(name);
  f.type = type;
  return f;
}

field_def reference(std::string name, std::string model) {
  field_def f;
  f.name = std::move(name);
  f.type = value_type::uuid;
  f.references = std::move(model);
  return f;
}

field_def required_reference(std::string name, std::string model) {
  field_def f = reference(std::move(name), std::move(model));
  f.required = true;
  return f;
}

field_def cascading(std::string name, std::string model) {
  field_def f = reference(std::move(name), std::move(model));
  f.kind = field_kind::parent;
  return f;
}

} // namespace shoal::models
