#pragma once
// One run: nodes, network and faults on one timeline, first under load and faults, then quiet.

#include "sim/node.hpp"
#include "sim/workload.hpp"

namespace shoal::sim {

struct verdict {
  std::optional<violation> found;
  uint64_t trace = 0;
  uint64_t acknowledged_ops = 0;
  uint64_t events = 0;
  uint64_t virtual_us = 0;
  occurred seen;
};

class world final : public net_listener {
public:
  explicit world(const plan& p, const sabotage& planted = {});
  verdict run();

  bool is_up(size_t node) const override { return nodes_[node]->up(); }
  bool accepts(size_t node, size_t peer) const override {
    return is_member(nodes_[node]->core().members(), device_of(peer));
  }
  void linked(size_t node, size_t peer) override { nodes_[node]->linked(peer); }
  void unlinked(size_t node, size_t peer) override { nodes_[node]->unlinked(peer); }
  void arrived(size_t node, size_t peer, const frame_ptr& frame) override {
    nodes_[node]->arrived(peer, frame);
  }

private:
  void restore_late();
  void drive_load(size_t node);
  void drive_cuts();
  void drive_blocks();
  void drive_crashes();
  void drive_clock(size_t node);
  void drive_join();
  void drive_verify();
  uint64_t around(uint64_t mean) { return 1 + random_.below(2 * mean); }
  /// Runs until nothing is left to do, or fails with what is in the way.
  void settle(uint64_t at_most_us);
  std::string unsettled() const;
  void catch_up();
  /// Runs for a while.
  void run_for(uint64_t us);
  /// Runs until so many events have happened since the start.
  void run_to_step(uint64_t step);

  plan plan_;
  occurred seen_;
  random_source random_;
  timeline time_;
  oracle oracle_;
  sim_net net_;
  surroundings around_;
  member_set members_;
  std::vector<workload> loads_;
  std::vector<std::unique_ptr<sim_node>> nodes_;
  bool loading_ = true;
  bool joined_ = true;
  uint64_t events_ = 0;
};

} // namespace shoal::sim
