#pragma once
// What one run is made of. Drawn from the seed, so that each seed meets other faults, other bounds
// and another shape of network ("swarm testing": each class of fault is off in many seeds).

#include "sim/random.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace shoal::sim {

enum class topology { mesh, line, star, ring, tree };

struct plan {
  uint64_t seed = 0;

  size_t nodes = 3;
  size_t libraries = 1; // on each node, over the same links, disks and clocks
  topology shape = topology::mesh;
  size_t children = 8; // of each node of a tree

  // Load, in the first part of the run.
  uint64_t steps = 2'000;           // events until load and faults end
  uint64_t edit_every_us = 200'000; // mean, per node
  uint64_t hot_tags = 4;
  uint64_t entries = 8; // ids a node makes entries under
  uint64_t batch_permille = 150;
  uint64_t owned_permille = 350;
  uint64_t account_permille = 150; // batches that move an amount from one counter to another
  uint64_t value_bytes = 8;

  // Network.
  uint64_t latency_us = 2'000;
  uint64_t jitter_us = 2'000;
  bool lasting_links = false;  // no link ends: who has one does not look after it
  uint64_t cut_every_us = 0;   // mean between cuts of any one link; 0: none
  uint64_t block_every_us = 0; // mean between partitions
  bool one_way_blocks = false;
  uint64_t flap_every_us = 0; // a link that comes and goes
  uint64_t slow_every_us = 0; // a direction that takes long per byte
  // Frames within a session, Hello excepted (permille). Not what TCP does, but nothing may break.
  uint64_t lose = 0;
  uint64_t duplicate = 0;
  uint64_t reorder = 0;

  // Disk and process.
  uint64_t sync_us = 500;
  uint64_t stall_permille = 0;           // syncs that take up to 2 s
  uint64_t crash_every_us = 0;           // mean, over all nodes
  uint64_t keep_unsynced_permille = 500; // a crash during a sync: was it there or not
  uint64_t restore_permille = 0;         // crashes after which an older copy of the disk is back
  uint64_t lose_tail_permille = 0;       // crashes after which the newest groups are missing
  uint64_t fail_sync_every_us = 0;       // mean, per node
  uint64_t fail_reads_every_us = 0;
  uint64_t full_every_us = 0;
  uint64_t damage_every_us = 0; // mean, over all nodes
  uint64_t churn_every_us = 0;  // a member is removed, and taken back
  bool restore_late = false;    // when all is level, one node is back from half way
  uint64_t join_step = 0;       // the last node is admitted only at this event; 0: from the start

  // Clocks. Offsets stay within ± skew_ms, so that they are inside max_drift.
  uint64_t skew_ms = 0;
  uint64_t step_every_us = 0;
  int64_t drift_ppm = 0;
  // One node's wall is sometimes that far off, beyond max_drift; in the end all walls agree.
  int64_t far_ms = 0;
  size_t far_node = SIZE_MAX;
  uint64_t freeze_permille = 0; // steps of a clock after which it stands still
  // Bit per node: it speaks a later minor version, with keys and kinds of messages of its own …
  uint64_t newer = 0;
  bool later_ops = false; // … and of ops; the others are upgraded by and by, all of them in the end

  // Bounds of the code under test, often at their smallest.
  uint64_t heartbeat_us = 10'000'000;
  uint64_t prune_us = 1'000'000;
  uint64_t batch_window_us = 0;
  size_t ring_bytes = size_t{4} << 20;
  size_t batch_ops = 1000;
  size_t load_bytes = size_t{1} << 20;
  uint64_t window_bytes = uint64_t{4} << 20;
  uint64_t prune_max = 1000;
  uint64_t min_tombstone_ms = 0;
  size_t sums_max = 64;
  uint64_t max_log_entries = 1'000'000; // beyond it, members that are away are passed over
  uint64_t passed_over_after_us = 60'000'000;
  uint64_t release_max = 1000;      // quarantined ops merged in one group
  uint64_t quarantine_max = 10'000; // of one origin

  uint64_t verify_every_us = 0; // mean, over all nodes, of an operator's `shoal verify --repair`

  bool catch_up_phase = true; // after the load: one node is cut off, misses a little, and returns
};

/// Nodes and steps of 0 are drawn as well: 2 to 5, and 500 to 3,000.
plan make_plan(uint64_t seed, size_t nodes = 0, uint64_t steps = 0);
/// One line, for the report of a failure.
std::string to_string(const plan& p);

} // namespace shoal::sim
