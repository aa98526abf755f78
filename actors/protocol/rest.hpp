#pragma once
// How long a member is refused that broke a rule: a second, twice as long each time. What is
// broken and restarts at once costs little, what is hostile gets little done, and what was mended
// is soon linked again.

#include "config/limits.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace shoal::protocol {

class rest {
public:
  void breached(uint64_t now_us, std::string why) {
    if (now_us - last_us_ > limits::rest_forgotten_ms * 1000)
      breaches_ = 0;
    constexpr uint32_t doublings_max = 20; // beyond the longest
    const auto for_ms = std::min(limits::rest_max_ms,
                                 limits::rest_initial_ms << std::min(breaches_, doublings_max));
    ++breaches_;
    last_us_ = now_us;
    until_us_ = now_us + for_ms * 1000;
    reason_ = std::move(why);
  }
  /// An operator would have it linked. The next breach counts like one more all the same.
  void lift() { until_us_ = 0; }
  bool over(uint64_t now_us) const { return now_us >= until_us_; }
  uint64_t until_us() const { return until_us_; }
  const std::string& reason() const { return reason_; }

private:
  uint64_t until_us_ = 0;
  uint64_t last_us_ = 0;
  uint32_t breaches_ = 0;
  std::string reason_;
};

} // namespace shoal::protocol
