#pragma once
// The ten models every library has. INTERFACE.md ("Models") is their contract: names, types and id
// rules are on disk and on the wire of every node, so they only ever gain optional fields.

#include "store/models/registry.hpp"

namespace shoal::models {

model_def device_model();
model_def volume_model();
model_def location_model();
model_def entry_model();
model_def tag_model();
model_def tag_relationship_model();
model_def collection_model();
model_def collection_entry_model();
model_def user_metadata_model();
model_def user_metadata_tag_model();

/// All of them.
std::vector<model_def> builtin_models();

// One line per kind of field.
field_def required(std::string name, value_type type);
field_def optional(std::string name, value_type type);
/// A reference that does not cascade.
field_def reference(std::string name, std::string model);
field_def required_reference(std::string name, std::string model);
/// A reference whose target's death is the record's: "delete cascades".
field_def cascading(std::string name, std::string model);

} // namespace shoal::models
