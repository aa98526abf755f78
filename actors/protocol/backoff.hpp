#pragma once
// When to try again: exponential backoff with full jitter (Brooker, "Exponential Backoff And
// Jitter", 2015).

#include <algorithm>
#include <cstdint>

namespace shoal::protocol {

class backoff {
public:
  backoff() = default;
  backoff(uint64_t initial_us, uint64_t cap_us) : initial_us_(initial_us), cap_us_(cap_us) {}

  /// Another failure. `random` is any uniformly distributed number; the next try is a uniform part
  /// of initial × 2^failures, at most the cap, away.
  uint64_t failed(uint64_t now_us, uint64_t random) {
    constexpr uint32_t doublings_max = 30; // beyond any cap
    const uint64_t window = std::min(cap_us_, initial_us_ << std::min(failures_, doublings_max));
    failures_ += 1;
    next_us_ = now_us + (window == 0 ? 0 : random % (window + 1));
    return next_us_;
  }
  void succeeded() { *this = backoff(initial_us_, cap_us_); }
  /// Tries at once, whatever failed before.
  void hurry() { next_us_ = 0; }
  bool due(uint64_t now_us) const { return now_us >= next_us_; }
  uint64_t next_us() const { return next_us_; }
  uint32_t failures() const { return failures_; }

private:
  uint64_t initial_us_ = 1'000'000;
  uint64_t cap_us_ = 60'000'000;
  uint64_t next_us_ = 0;
  uint32_t failures_ = 0;
};

} // namespace shoal::protocol
