#pragma once
// What a test may put between a node and its world, to show that the checkers bite. The shipped
// program makes none; the code under test knows nothing of it.

#include "sim/requests.hpp"
#include "sim/sim_store.hpp"

#include <functional>
#include <memory>

namespace shoal::sim {

class sim_node;
struct surroundings;

class saboteur {
public:
  virtual ~saboteur() = default;
  /// A message came in; false drops it.
  virtual bool arriving(message&) { return true; }
  /// The node asks its store for something; false: the request is forgotten.
  virtual bool asking(store_request&) { return true; }
  /// The node finds that records were altered on their way to it; true: they were.
  virtual bool caught(const protocol::forged&) { return false; }
  /// Whether the node is judged in the end only, since it cannot be right while it is lied to.
  virtual bool lied_to() const { return false; }
  /// A group has been run and is on its way to the disk.
  virtual void begun(const std::vector<committed>&) {}
  /// The group reaches the disk.
  virtual void writing(const sim_store&, kv_batch&) {}
  /// The node crashed; `mid_sync` when a group was on its way and is there now.
  virtual void crashed(sim_store&, bool /*mid_sync*/) {}
  /// The node starts on this disk, with this epoch for its first write.
  virtual void starting(sim_store&, uint64_t& /*epoch*/) {}
};

/// Makes one for each node.
using sabotage = std::function<std::unique_ptr<saboteur>(sim_node&, surroundings&, random_source)>;

} // namespace shoal::sim
