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
};
constexpr size_t fault_count = 9;

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
  joined,         // a node was admitted while the others wrote
};
constexpr size_t situation_count = 11;

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
