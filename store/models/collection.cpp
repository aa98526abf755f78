#include "store/models/builtin.hpp"

namespace shoal::models {

model_def collection_model() {
  model_def m;
  m.name = "collection";
  m.fields = {
      required("name", value_type::string),
      optional("description", value_type::string),
  };
  return m;
}

/// An entry's place in a collection. The entry is a plain reference: a shared record does not die
/// with a device's own record.
model_def collection_entry_model() {
  model_def m;
  m.name = "collection_entry";
  m.fields = {
      required_reference("collection_id", "collection"),
      required_reference("entry_id", "entry"),
      optional("added_at", value_type::time),
  };
  m.id.from = id_rule::source::fields;
  m.id.fields = {"collection_id", "entry_id"};
  return m;
}

} // namespace shoal::models
