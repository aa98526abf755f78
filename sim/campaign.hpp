#pragma once
// Many seeds, on several threads. Each is a run of its own: nothing is shared between them.

#include "sim/world.hpp"

#include <functional>

namespace shoal::sim {

struct campaign {
  uint64_t from = 1; // both ends included
  uint64_t to = 1000;
  size_t nodes = 0;           // see make_plan
  uint64_t steps = 0;         // see make_plan
  size_t threads = 0;         // 0: the machine's cores
  bool stop_at_first = false; // once a seed has failed, no later one is begun
  sabotage planted;           // tests only
};

/// A seed that failed.
struct failed_seed {
  violation found;
  std::string plan; // in one line
};

struct campaign_result {
  uint64_t seeds = 0;
  uint64_t events = 0;
  uint64_t acknowledged_ops = 0;
  uint64_t virtual_us = 0;
  double seconds = 0;
  occurred seen; // faults; situations: in how many seeds
  std::map<uint64_t, failed_seed> failures;
  /// What never occurred though it must in a campaign of this size.
  std::vector<std::string> unseen;
  bool ok() const { return failures.empty() && unseen.empty(); }
};

/// From this many seeds on each situation must have occurred.
constexpr uint64_t seeds_for_situations = 1000;

/// Runs all seeds. `progress` hears of each seed that ended, one at a time, from any thread: how
/// many have, and the failure if it did.
campaign_result
run(const campaign& c,
    const std::function<void(uint64_t done, uint64_t seed, const failed_seed*)>& progress = {});

} // namespace shoal::sim
