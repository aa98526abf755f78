#pragma once
// Logs go to stderr, one line per event, text or JSON. Components are loggers by name: node,
// library, store, link, api.

#include "config/options.hpp"
#include "messages/error.hpp"

namespace shoal {

/// Sets format and levels. Call once, before the first line.
void start_logging(const config::log_options& options);
/// "info", or "info,library=debug": a level for all, then one for some. ec::bad_request names what
/// is not known.
status set_log_levels(const std::string& spec);

} // namespace shoal
