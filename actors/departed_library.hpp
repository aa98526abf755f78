#pragma once
// Stands for a library that this device has left: tells members of the removal, and hears when one
// takes the device back.

#include "actors/handles.hpp"

#include <caf/event_based_actor.hpp>

namespace shoal {

struct departed_setup {
  library_id library;
  device_id self;
  std::string name; // of this node
  uint64_t boot_nonce = 0;
  uint64_t generation = 0; // of the removal
  caf::actor node;         // gets departure_heard
};

/// Takes session_up, session_down and inbound, as a library does.
caf::behavior departed_library(caf::event_based_actor* self, departed_setup setup);

} // namespace shoal
