#pragma once
// Models as the configuration declares them, turned into definitions. Every mistake is ec::config
// and reads `FILE:LINE: model NAME, field NAME: problem (what would be right)`.

#include "config/models.hpp"
#include "store/models/registry.hpp"

namespace shoal::models {

/// The built-in models and those declared.
result<registry> make_registry(const std::vector<config::model_options>& declared);

/// How a declaration says it: "string", "counter", "device-owned". A cascade merges as lww.
std::string_view word_of(value_type type);
std::string_view word_of(field_kind merge);
std::string_view word_of(record_class cls);

/// A running node takes `wider` in place of `old` when it keeps all that `old` has: every model and
/// field the same, more of both. ec::config names the first model or field that differs or is gone.
status check_wider(const registry& old, const registry& wider);

} // namespace shoal::models
