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
  case situation::joined: return "joined";
  }
  return "?";
}

bool must_occur(situation s) { return s != situation::given_up; }

} // namespace shoal::sim
