#pragma once
#include "actors/handles.hpp"

#include <caf/event_based_actor.hpp>

namespace shoal {

/// Spawn detached: a scan may wait for the disk. `number` tells the readers of a node apart in
/// logs. (CAF 0.17 binds a null reference when an actor is spawned without any argument.)
caf::behavior range_reader(caf::event_based_actor* self, size_t number);

} // namespace shoal
