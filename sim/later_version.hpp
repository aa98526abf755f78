#pragma once
// A node of a later minor version, as far as its frames show it: there are keys in them that this
// version does not know, and messages of a kind that it has never heard of.

#include "messages/message.hpp"

namespace shoal::sim {

/// The frame with a further key in its envelope.
frame_ptr with_unknown_key(const std::string& frame);
/// A frame of an unknown kind, otherwise like this one.
frame_ptr with_unknown_kind(const std::string& frame);

} // namespace shoal::sim
