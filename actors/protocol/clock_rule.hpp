#pragma once
// A node whose wall clock is further from those of the members it is linked to than everyone merges
// does not stamp by it, but by their median.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace shoal::protocol {

/// What the members' clocks say the wall is, less the monotonic clock: a step of the wall does not
/// move it.
struct wall_bounds {
  int64_t low_ms = 0; // the median, or of an even number both
  int64_t high_ms = 0;
  uint64_t drift_ms = UINT64_MAX / 4; // how far a wall may be outside and still counts

  auto operator<=>(const wall_bounds&) const = default;

  /// The wall that stamps go by.
  uint64_t bound(uint64_t wall_ms, uint64_t mono_ms) const {
    const auto mono = static_cast<int64_t>(mono_ms);
    const auto wall = static_cast<int64_t>(std::min<uint64_t>(wall_ms, INT64_MAX / 2)) - mono;
    const auto drift = static_cast<int64_t>(drift_ms);
    if (wall < low_ms - drift)
      return static_cast<uint64_t>(std::max<int64_t>(low_ms + mono, 0));
    if (wall > high_ms + drift)
      return static_cast<uint64_t>(std::max<int64_t>(high_ms + mono, 0));
    return wall_ms;
  }
};

/// `peers`: the linked members' walls, less this node's monotonic clock. The node's own clock
/// counts as one more: where two halves disagree, it stays with its own. Nothing with fewer than
/// two.
inline std::optional<wall_bounds> bounds_from(std::vector<int64_t> peers, uint64_t max_drift_ms) {
  if (peers.size() < 2)
    return std::nullopt;
  std::sort(peers.begin(), peers.end());
  // With the own clock anywhere, the median lies between these.
  const auto n = peers.size();
  return wall_bounds{peers[n / 2 - 1], peers[n % 2 == 0 ? n / 2 : n / 2 + 1], max_drift_ms};
}

} // namespace shoal::protocol
