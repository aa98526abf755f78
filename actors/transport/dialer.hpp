#pragma once
// Turns addresses into outbound links.

#include "actors/transport/link.hpp"

namespace shoal::transport {

/// The DIALER: takes `dial`, resolves the name, connects, and makes a link; the owner hears link_up
/// or dial_failed, one of them for each dial. `dials_at_once` run at a time, each on a thread of
/// its own, the others wait in order. When to dial again is not its business. Ends on an exit
/// message or with the owner; dials under way are then given up without a word, except that a name
/// being resolved holds its thread until the resolver answers.
caf::actor spawn_dialer(caf::actor_system& system, link_context context);

} // namespace shoal::transport
