#pragma once
// A progress bar on a terminal's stderr; silent anywhere else.

#include "cli/client/context.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace shoal::cli {

class progress_bar {
public:
  /// `what` stands before the bar. `total` 0: not known yet, a count is shown.
  progress_bar(context& ctx, std::string what, uint64_t total = 0);
  /// Wipes the bar, so that what follows begins on an empty line.
  ~progress_bar();
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  /// `done` of the total, and `count` as the number beside the bar. Cheap: redraws at most ten
  /// times a second.
  void at(uint64_t done, uint64_t count);
  void at(uint64_t done) { at(done, done); }
  /// Call before anything else is written to stderr.
  void wipe();

private:
  void draw(uint64_t done, uint64_t count);

  context& ctx_;
  std::string what_;
  uint64_t total_ = 0;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point next_;
};

} // namespace shoal::cli
