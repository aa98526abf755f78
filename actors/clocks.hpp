#pragma once
// The only clocks of the actors: wall for stamps, monotonic for everything that is waited for.

#include <chrono>
#include <cstdint>

namespace shoal {

inline uint64_t wall_ms() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count());
}
inline uint64_t mono_us() {
  using namespace std::chrono;
  return static_cast<uint64_t>(
      duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count());
}

} // namespace shoal
