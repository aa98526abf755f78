#pragma once
// Logs go to stderr, one line per event, text or JSON. Components are loggers by name:
// config::log_components.

#include "actors/api/backend.hpp"
#include "config/options.hpp"
#include "messages/error.hpp"

namespace shoal {

/// Sets format and levels. Call once, before the first line.
void start_logging(const config::log_options& options);
/// "info", or "info,library=debug": a level for all, then one for some. ec::bad_request names what
/// is not known.
status set_log_levels(const std::string& spec);
/// The newest 200 lines, newest first, cut to 500 bytes each: what /v1/events answers.
std::vector<api::logged_event> recent_lines();

} // namespace shoal
