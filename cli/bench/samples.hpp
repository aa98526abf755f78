#pragma once
// Durations of one run, and what is said of several runs.

#include "cli/client/json.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

namespace shoal::cli::bench {

using clock = std::chrono::steady_clock;

inline double us_between(clock::time_point from, clock::time_point to) {
  return std::chrono::duration<double, std::micro>(to - from).count();
}
inline double us_since(clock::time_point from) { return us_between(from, clock::now()); }

/// Microseconds.
class samples {
public:
  void add(double us) { all_.push_back(us); }
  void add(const samples& more) { all_.insert(all_.end(), more.all_.begin(), more.all_.end()); }
  size_t count() const { return all_.size(); }
  /// The value that `share` (0 to 1) of them do not exceed; 0 when there is none.
  double quantile(double share) const;
  /// {"p50","p99","max"}, in µs.
  json summary() const;
  /// [[share, µs]…] from the fastest to the slowest, for a drawing.
  json distribution() const;

private:
  const std::vector<double>& sorted() const;
  mutable std::vector<double> all_;
  mutable size_t sorted_ = 0; // as many were there when they were sorted last
};

/// The middle one; of an even number the lower of the two in the middle.
double median(std::vector<double> values);

/// An object whose numbers are the medians of those that every run has; other members come from the
/// first run.
json medians(const std::vector<json>& runs);

/// To a tenth: what more digits say is not so.
double rounded(double value);

} // namespace shoal::cli::bench
