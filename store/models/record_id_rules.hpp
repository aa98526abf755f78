#pragma once
// Which record an edit is about.

#include "store/edit.hpp"
#include "store/models/edits.hpp"
#include "store/models/registry.hpp"

namespace shoal::models {

/// Sets `out.id` by the model's id rule and marks id fields `fixed`. `out` has its fields, typed,
/// and `missing_required` already. Errors are those of `to_edit`.
status settle_id(edit& out, const model_def& model, const edit_request& request);

/// `new` or a uuid that names something; ec::bad_request otherwise. Nothing for `new`.
result<std::optional<record_id>> parse_record_id(const model_def& model, std::string_view text);

} // namespace shoal::models
