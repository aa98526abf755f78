#pragma once
#include "actors/handles.hpp"

#include <caf/event_based_actor.hpp>

namespace shoal {

/// Spawn detached: a scan may wait for the disk.
caf::behavior range_reader(caf::event_based_actor* self);

} // namespace shoal
