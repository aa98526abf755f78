#pragma once
// One op as users see it, in the log and where it is held.

#include "messages/op.hpp"

#include <nlohmann/json.hpp>

namespace shoal::api {

/// insert, update or delete.
std::string_view op_text(op_kind kind);
/// What the op did to each of its fields.
nlohmann::ordered_json fields_json(const op& o);

} // namespace shoal::api
