#pragma once
// What status shows an operator, in words: of clocks and held ops, and of the node.

#include <cstdint>
#include <mutex>
#include <optional>
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
  std::vector<std::string> full = {}; // members of which no more is taken
};
/// One text for each thing that is wrong; none when all is well.
std::vector<std::string> clock_alarms(const clock_facts& f);

/// What somebody should look at, each under the name of its cause, for as long as that lasts.
/// Written by the node, read by the API.
class alarm_list {
public:
  /// With `until_us`, the cause is over at that time unless it was met again. True when it is new.
  bool raise(const std::string& cause, const std::string& text,
             std::optional<uint64_t> until_us = std::nullopt);
  /// What was over with that; empty when there was nothing.
  std::string clear(const std::string& cause);
  /// Those whose time is over go; their texts, for the log.
  std::vector<std::string> expire(uint64_t now_us);
  /// Oldest first.
  std::vector<std::string> all() const;

private:
  struct alarm {
    std::string cause;
    std::string text;
    std::optional<uint64_t> until_us;
  };
  static constexpr size_t kept = 32; // the oldest go
  mutable std::mutex mutex_;
  std::vector<alarm> all_;
};

} // namespace shoal
