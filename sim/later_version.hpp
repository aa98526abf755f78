#pragma once
// A node of a later minor version, as far as its frames show it: there are keys in them that this
// version does not know, and messages of a kind that it has never heard of.

#include "messages/message.hpp"

#include <functional>

namespace shoal::sim {

/// The frame with a further key in its envelope.
frame_ptr with_unknown_key(const std::string& frame);
/// A frame of an unknown kind, otherwise like this one.
frame_ptr with_unknown_kind(const std::string& frame);

/// Whether an op is of a kind that only the later version knows: every eighth of a later node's
/// own. `newer`: as in plan.
bool is_of_later_kind(const dot& at, uint64_t newer);
/// Encoded ops as they travel: those whose seq is `later` get the number of a later kind. On the
/// way out of a later node.
void put_later_kinds(std::string& ops, const std::function<bool(uint64_t)>& later);
/// … and what the later version makes of them: on the way in, and of what an earlier version had
/// kept on its disk. True if there were any.
bool take_later_kinds(std::string& ops);

} // namespace shoal::sim
