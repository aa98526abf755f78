#include "store/models/builtin.hpp"

namespace shoal::models {

/// A label. Two people may mean different things by one name, so ids are random; only a system tag,
/// which means the same to every node, has its id from its name.
model_def tag_model() {
  model_def m;
  m.name = "tag";
  field_def aliases = optional("aliases", value_type::json);
  aliases.kind = field_kind::set;
  m.fields = {
      required("canonical_name", value_type::string),
      optional("display_name", value_type::string),
      optional("namespace", value_type::string),
      optional("color", value_type::string),
      optional("icon", value_type::string),
      optional("description", value_type::string),
      aliases,
      optional("tag_type", value_type::string),
      optional("search_weight", value_type::integer),
      optional("created_by", value_type::uuid),
  };
  m.id.from = id_rule::source::fields;
  m.id.fields = {"namespace", "canonical_name"};
  m.id.when_field = "tag_type";
  m.id.when_value = "system";
  return m;
}

/// A tag under another. One record per pair, whoever makes it first.
model_def tag_relationship_model() {
  model_def m;
  m.name = "tag_relationship";
  m.fields = {
      required_reference("parent_tag_id", "tag"),
      required_reference("child_tag_id", "tag"),
      optional("kind", value_type::string),
  };
  m.id.from = id_rule::source::fields;
  m.id.fields = {"parent_tag_id", "child_tag_id"};
  return m;
}

} // namespace shoal::models
