#pragma once
// What status shows an operator of clocks and held ops, in words.

#include <cstdint>
#include <string>
#include <vector>

namespace shoal {

struct clock_facts {
  uint64_t wall_ms = 0;
  uint64_t bounded_wall_ms = 0; // the wall that stamps go by
  uint64_t newest_stamp_ms = 0;
  uint64_t max_drift_ms = 0;
  uint64_t quarantined = 0;
  uint64_t unmergeable = 0;
};
/// One text for each thing that is wrong; none when all is well.
std::vector<std::string> clock_alarms(const clock_facts& f);

} // namespace shoal
