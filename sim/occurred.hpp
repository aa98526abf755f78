#pragma once
// What happened in a run, counted: the faults that were made, and the situations that a campaign
// must have met to have tested them.

#include <array>
#include <cstddef>
#include <cstdint>

namespace shoal::sim {

enum class fault : uint8_t {
  cut,        // a connection ended
  partition,  // frames between some nodes were held back
  crash,      // a node lost its memory
  old_copy,   // … and came back with an older disk
  clock_step, // a wall clock jumped
  frame_lost,
  frame_repeated,
  frame_reordered,
  sync_stalled, // a sync took up to 2 s
  sync_failed,  // the store was thrown away and opened again
  read_failed,
  disk_full,
  tail_lost, // the newest groups were missing after a crash
  damage,    // a store could not be opened and was rebuilt from peers
  flapping,
  slow_link,
  clock_frozen,
  removed, // a member, taken back later
};
constexpr size_t fault_count = 18;

/// SOMETIMES: each that must_occur does in some seed of a thousand, or the campaign fails.
enum class situation : uint8_t {
  marks_dropped,  // delete marks were stable and went
  compared,       // two nodes compared what they hold and were level afterwards
  adopted,        // a node took over a peer's state below its horizon
  given_up,       // ops that went with a restored disk were no longer waited for
  folded,         // ended epochs were folded
  passed_over,    // retention went past a member that was away
  crash_mid_sync, // … and the group was there afterwards
  group_lost,     // … and it was not
  quarantined,    // an op was stamped too far ahead and held back
  clock_refused,  // a node's own stamps would have been too far ahead
  readmitted,     // a node was taken back and began empty
  refused_full,   // a client's write was refused because the disk was full
  unknown_kind,   // a message of a later version was passed over
  unreadable,     // an op of a later version was kept for an upgrade
  undone,         // a write that met a failing read was undone and the group went on
  put_off, // a write or a range would have read more than it might, was undone and done later
  joined,  // a node was admitted while the others wrote
  many_libraries, // nodes had more than one
  no_room,        // a range was left with its sender: too many ops of its origin were quarantined
};
constexpr size_t situation_count = 19;

const char* to_string(fault f);
const char* to_string(situation s);
/// All but what takes an accident that few seeds have.
bool must_occur(situation s);

/// How often each happened; in a campaign's sum, in how many seeds for situations.
struct occurred {
  std::array<uint64_t, fault_count> faults{};
  std::array<uint64_t, situation_count> situations{};

  uint64_t& operator[](fault f) { return faults[static_cast<size_t>(f)]; }
  uint64_t& operator[](situation s) { return situations[static_cast<size_t>(s)]; }
  uint64_t operator[](situation s) const { return situations[static_cast<size_t>(s)]; }
};

} // namespace shoal::sim
