#pragma once
// What repeated writes to one record leave out when they travel together.

#include "messages/message.hpp"

namespace shoal::protocol {

/// Drops device-owned ops of a complete range that later ops of the same range supersede wholly:
/// updates whose every field is written again, and what a delete takes. Shared ops all stay: the
/// receiver's log and its conflicts want them. A range that lost ops says so by its `until`, which
/// it meets itself. Returns how many went. A range whose ops do not parse stays as it is.
size_t coalesce(range& r);

} // namespace shoal::protocol
