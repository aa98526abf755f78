#include "store/models/builtin.hpp"

namespace shoal::models {

/// What people say about one entry, or about one content wherever it lies. One record per scope:
/// its id is the scope's.
model_def user_metadata_model() {
  model_def m;
  m.name = "user_metadata";
  field_def custom = optional("custom", value_type::json);
  custom.kind = field_kind::map;
  m.fields = {
      optional("entry_id", value_type::uuid),  optional("content_hash", value_type::string),
      optional("notes", value_type::string),   optional("favorite", value_type::boolean),
      optional("hidden", value_type::boolean), custom,
  };
  m.id.from = id_rule::source::one_of;
  m.id.fields = {"entry_id", "content_hash"};
  m.id.labels = {"entry", "content"};
  return m;
}

/// A tag on user metadata.
model_def user_metadata_tag_model() {
  model_def m;
  m.name = "user_metadata_tag";
  m.fields = {
      required_reference("user_metadata_id", "user_metadata"),
      required_reference("tag_id", "tag"),
      optional("confidence", value_type::real),
  };
  m.id.from = id_rule::source::fields;
  m.id.fields = {"user_metadata_id", "tag_id"};
  return m;
}

} // namespace shoal::models
