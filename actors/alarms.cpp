#include "actors/alarms.hpp"

#include <algorithm>

namespace shoal {

static std::string seconds(uint64_t ms) { return std::to_string(ms / 1000) + " s"; }

std::vector<std::string> clock_alarms(const clock_facts& f) {
  std::vector<std::string> out;
  if (f.wall_ms != f.bounded_wall_ms) {
    const bool ahead = f.wall_ms > f.bounded_wall_ms;
    const auto off = ahead ? f.wall_ms - f.bounded_wall_ms : f.bounded_wall_ms - f.wall_ms;
    out.push_back("this node's clock is " + seconds(off) + (ahead ? " ahead of" : " behind")
                  + " the other members' clocks; set it right. Stamps go by theirs meanwhile");
  }
  const auto ahead = f.newest_stamp_ms - std::min(f.newest_stamp_ms, f.bounded_wall_ms);
  if (ahead > f.max_drift_ms)
    out.push_back("this node's stamps are " + seconds(ahead)
                  + " ahead of its clock: writes of shared records are refused (clock) until it "
                    "has caught up; rebuild this node if its clock was wrong");
  if (f.quarantined > 0)
    out.push_back(std::to_string(f.quarantined) + " ops are stamped more than "
                  + seconds(f.max_drift_ms)
                  + " ahead of this node's clock: they are passed on and merged when it has caught "
                    "up; look for a member whose clock is wrong");
  if (f.unmergeable > 0)
    out.push_back(std::to_string(f.unmergeable)
                  + " ops are held that this version cannot merge; upgrade this node");
  return out;
}

} // namespace shoal
