#pragma once
// The only clocks of the actors: wall for stamps, monotonic for everything that is waited for. The
// latter goes on while the machine sleeps: what was measured before is then as old as it is.
// Libraries, their writers and peer links have theirs from who composes them.

#include "actors/run_delay.hpp"

#include <chrono>
#include <cstdint>
#include <ctime>
#include <functional>

namespace shoal {

inline uint64_t wall_ms() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
}
inline uint64_t mono_us() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

/// The machine's, or others that go together: what is waited for is also given to CAF as a delay.
struct clocks {
  std::function<uint64_t()> wall_ms = shoal::wall_ms;
  std::function<uint64_t()> mono_us = shoal::mono_us;
  std::function<std::optional<uint64_t>()> run_delay_us = shoal::run_delay_us;
};

} // namespace shoal
