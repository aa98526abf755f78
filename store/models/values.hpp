#pragma once
// One field's new value, from JSON to the form that ops carry.

#include "messages/error.hpp"
#include "store/edit.hpp"
#include "store/models/json_tree.hpp"
#include "store/models/registry.hpp"

namespace shoal::models {

/// Types and encodes what a request says of one field, into an edit that says nothing yet:
///   lww, parent   a value of the field's type; null clears
///   set           [element…]: exactly these; {"$add": […], "$remove": […]}; null: none
///   counter       {"$add": n}; {"$set": n}: what this node lacks of n, or has beyond it, is added
///   map           {key: value…} merges keys, a null clears one; null for the field: all of them
/// ec::invalid_field names the field and what was expected; ec::too_big: more elements than an op
/// carries.
status fill_field_edit(field_edit& out, const model_def& model, const field_def& field,
                       const json_value& value);

/// `invalid_field` with "MODEL.FIELD: what".
error invalid(const model_def& model, std::string_view field, std::string_view what);

} // namespace shoal::models
