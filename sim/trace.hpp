#pragma once
// What happened, in words.

#include "messages/message.hpp"
#include "store/edit.hpp"

#include <string>
#include <vector>

namespace shoal::sim {

/// `n2`; other devices by their id.
std::string text_of(const device_id& device);
/// Origin and, since epochs are long, their last digits: `n2/417`.
std::string text_of(const stream_id& stream);
std::string text_of(const frontier& held);
std::string text_of(const std::vector<edit>& edits);
std::string text_of(const message& m);

} // namespace shoal::sim
