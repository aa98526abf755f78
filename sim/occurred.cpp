#include "sim/occurred.hpp"

namespace shoal::sim {

const char* to_string(fault f) {
  switch (f) {
  case fault::cut: return "cut";
  case fault::partition: return "partition";
  case fault::crash: return "crash";
  case fault::old_copy: return "old_copy";
  case fault::clock_step: return "clock_step";
  case fault::frame_lost: return "frame_lost";
  case fault::frame_repeated: return "frame_repeated";
  case fault::frame_reordered: return "frame_reordered";
  case fault::sync_stalled: return "sync_stalled";
  case fault::sync_failed: return "sync_failed";
  case fault::read_failed: return "read_failed";
  case fault::disk_full: return "disk_full";
  case fault::tail_lost: return "tail_lost";
  case fault::damage: return "damage";
  case fault::flapping: return "flapping";
  case fault::slow_link: return "slow_link";
  case fault::clock_frozen: return "clock_frozen";
  case fault::removed: return "removed";
  }
  return "?";
}

const char* to_string(situation s) {
  switch (s) {
  case situation::marks_dropped: return "marks_dropped";
  case situation::compared: return "compared";
  case situation::adopted: return "adopted";
  case situation::given_up: return "given_up";
  case situation::folded: return "folded";
  case situation::passed_over: return "passed_over";
  case situation::crash_mid_sync: return "crash_mid_sync";
  case situation::group_lost: return "group_lost";
  case situation::quarantined: return "quarantined";
  case situation::clock_refused: return "clock_refused";
  case situation::readmitted: return "readmitted";
  case situation::refused_full: return "refused_full";
  case situation::unknown_kind: return "unknown_kind";
  case situation::unreadable: return "unreadable";
  case situation::undone: return "undone";
  case situation::put_off: return "put_off";
  case situation::joined: return "joined";
  case situation::many_libraries: return "many_libraries";
  case situation::no_room: return "no_room";
  }
  return "?";
}

bool must_occur(situation s) { return s != situation::given_up && s != situation::undone; }

} // namespace shoal::sim
