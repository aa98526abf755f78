#pragma once
// The record of the `device` model that each node keeps about itself.

#include "store/edit.hpp"
#include "store/record.hpp"

#include <optional>

namespace shoal {

/// The write that brings this node's device record up to date, or nothing when it is. `standing` is
/// the record as it is; its name stays, since a client may have changed it.
std::optional<edit> own_device_change(device_id self, const std::string& node_name,
                                      const std::string& address,
                                      const std::optional<record_view>& standing);

} // namespace shoal
