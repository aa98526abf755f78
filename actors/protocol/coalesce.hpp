#pragma once
// What repeated writes to one record leave out when they travel together.

#include "messages/message.hpp"

namespace shoal::protocol {

/// What is known of an op in a range without decoding its fields.
struct op_outline {
  size_t bytes = 0;   // encoded
  bool owned = false; // and known to be
};

/// Of all ops of a range, in their order, also of those that this version cannot read: together as
/// many bytes as the range has.
std::vector<op_outline> outline(const range& r);

/// Drops device-owned ops of a complete range that later ops of the same range supersede wholly:
/// updates whose every field is written again, and what a delete takes. Shared ops all stay: the
/// receiver's log and its conflicts want them. A range that lost ops says so by its `until`, which
/// it meets itself. A range with ops that this version cannot read stays as it is. Returns
/// the outline of what it then is.
std::vector<op_outline> coalesce(range& r);

} // namespace shoal::protocol
