#include "actors/alarms.hpp"

#include "config/limits.hpp"

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
  for (const auto& name : f.full)
    out.push_back("no more of " + name + " is taken: as many of its ops are held here as may be ("
                  + std::to_string(limits::quarantined_ops_max)
                  + "), stamped too far ahead. What it wrote since stays with other members until "
                    "those are merged; set its clock right, or remove it");
  if (f.unmergeable > 0)
    out.push_back(std::to_string(f.unmergeable)
                  + " ops are held that this version cannot merge; upgrade this node");
  return out;
}

bool alarm_list::raise(const std::string& cause, const std::string& text,
                       std::optional<uint64_t> until_us) {
  const std::lock_guard guard(mutex_);
  const auto known =
      std::find_if(all_.begin(), all_.end(), [&](const alarm& a) { return a.cause == cause; });
  if (known != all_.end()) {
    known->until_us = until_us;
    return false;
  }
  all_.push_back({cause, text, until_us});
  if (all_.size() > kept)
    all_.erase(all_.begin());
  return true;
}

std::string alarm_list::clear(const std::string& cause) {
  const std::lock_guard guard(mutex_);
  std::string over;
  std::erase_if(all_, [&](alarm& a) {
    if (a.cause != cause)
      return false;
    over = std::move(a.text);
    return true;
  });
  return over;
}

std::vector<std::string> alarm_list::expire(uint64_t now_us) {
  const std::lock_guard guard(mutex_);
  std::vector<std::string> over;
  std::erase_if(all_, [&](alarm& a) {
    if (!a.until_us || *a.until_us > now_us)
      return false;
    over.push_back(std::move(a.text));
    return true;
  });
  return over;
}

std::vector<std::string> alarm_list::all() const {
  const std::lock_guard guard(mutex_);
  std::vector<std::string> out;
  for (const auto& a : all_)
    out.push_back(a.text);
  return out;
}

} // namespace shoal
