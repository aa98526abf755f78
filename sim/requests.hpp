#pragma once
// What a node's store is asked for: by its clients, by the protocol, by time.

#include "actors/protocol/replicator.hpp"
#include "sim/random.hpp"
#include "store/sync/replica.hpp"

namespace shoal::sim {

struct client_edit {
  std::vector<edit> edits;
};
/// The clock may have caught up with what is held.
struct look_at_held {};

using store_request =
    std::variant<client_edit, look_at_held, protocol::apply, protocol::fold_members,
                 protocol::keep_statement, protocol::make_statement, protocol::prune,
                 protocol::prune_marks, protocol::repair, protocol::keep_state>;

} // namespace shoal::sim
