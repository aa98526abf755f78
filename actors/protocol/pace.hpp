#pragma once
// How often something may happen: some at once, and then evenly (the generic cell rate algorithm).

#include <algorithm>
#include <cstdint>

namespace shoal::protocol {

class pace {
public:
  /// True, and counted, unless more than `burst` came since there was one per `every_us`.
  bool permits(uint64_t now_us, uint64_t every_us, uint64_t burst) {
    const auto next = std::max(due_us_, now_us) + every_us;
    if (next - now_us > every_us * burst)
      return false;
    due_us_ = next;
    return true;
  }

private:
  uint64_t due_us_ = 0; // when all that was counted would have come at an even pace
};

} // namespace shoal::protocol
