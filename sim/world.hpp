#pragma once
// One run: nodes, network and faults on one timeline, first under load and faults, then quiet.

#include "sim/node.hpp"
#include "sim/script.hpp"
#include "sim/workload.hpp"

namespace shoal::sim {

struct verdict {
  std::optional<violation> found;
  uint64_t trace = 0;
  uint64_t acknowledged_ops = 0;
  uint64_t events = 0;
  uint64_t virtual_us = 0;
  occurred seen;
  std::vector<happening> script; // what came from outside and did something, in order
  schedule times;
};

class world final : public net_listener {
public:
  /// `part`, if any, outlives the world: only what it names happens. `lines`, if any, take a trace.
  explicit world(const plan& p, const sabotage& planted = {}, const excerpt* part = nullptr,
                 trace_lines* lines = nullptr);
  verdict run();

  bool is_up(size_t node) const override { return at(node).up(); }
  bool accepts(size_t node, size_t peer) const override;
  void linked(size_t node, size_t peer) override;
  void unlinked(size_t node, size_t peer) override;
  void arrived(size_t node, size_t peer, const frame_ptr& frame) override;

private:
  /// One library, on all nodes: judged by itself, as if it were alone.
  struct shelf {
    shelf(world& w, size_t number)
        : judge(w.plan_, w.seen_), around{w.plan_,    w.time_,  w.net_, judge, w.seen_,
                                          w.members_, w.lines_, number, {},    0} {}
    oracle judge;
    surroundings around;
    std::vector<workload> loads;
    std::vector<std::unique_ptr<sim_node>> nodes;
  };
  using act = std::function<void(const happening&, random_source&)>;
  bool wanted(const happening& h) const { return !part_ || part_->only.contains(h); }
  bool is_here(size_t node) const { return !part_ || !part_->absent.contains(node); }
  /// What has its fate in common with the node's other libraries.
  sim_node& at(size_t node) const { return *shelves_.front().nodes[node]; }
  template <class Call>
  void each_library_of(size_t node, Call call) {
    for (auto& s : shelves_)
      call(*s.nodes[node]);
  }
  bool failed() const;
  std::string unsettled() const;
  std::string unsettled(const shelf& s) const;
  uint64_t patience_us() const;
  /// Runs until nothing is left to do, or fails with what is in the way.
  void settle(uint64_t at_most_us);
  void last_checks();
  void run_for(uint64_t us);
  void run_to_time(uint64_t us);
  /// Runs until so many events have happened since the start; in an excerpt to the time given.
  uint64_t run_to(uint64_t step, uint64_t excerpt_us);
  void load_phase();
  void catch_up();
  void restore_late();
  void take_images();

  // faults.cpp
  /// Has `what` done about every `mean_us` while the load lasts; 0: never.
  void drive(source from, size_t node, uint64_t mean_us, act what, uint32_t index = 0);
  void drive_all();
  /// Notes that something came from outside.
  template <class Text>
  void did(const happening& h, Text text) {
    script_.push_back(h);
    if (lines_)
      lines_->push_back({time_.now(), h, text()});
  }
  std::optional<std::pair<size_t, size_t>> draw_link(random_source& r) const;
  void cut(const happening& h, random_source& r);
  void flap(size_t a, size_t b, uint64_t until_us, random_source r);
  void slow_link(const happening& h, random_source& r);
  void partition(const happening& h, random_source& r);
  void crash(const happening& h, random_source& r);
  void damage(const happening& h, random_source& r);
  void churn(const happening& h, random_source& r);
  void readmit(size_t node);
  void join();
  void tell_members();
  bool tell_members_of(size_t node);

  plan plan_;
  const excerpt* part_;
  trace_lines* lines_;
  occurred seen_;
  timeline time_;
  sim_net net_;
  member_set members_; // as operators have it, in all libraries
  std::deque<shelf> shelves_;
  std::vector<happening> script_;
  std::set<size_t> changed_; // nodes of whose membership not all neighbours know yet
  schedule times_;
  bool telling_ = false;
  bool loading_ = true;
  uint64_t events_ = 0;
};

} // namespace shoal::sim
