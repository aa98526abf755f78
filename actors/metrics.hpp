#pragma once
// The metrics of INTERFACE.md that exist so far. Counters and histograms are written by the actors
// as things happen; gauges are filled in when somebody asks.

#include "actors/api/backend.hpp"
#include "actors/disk_space.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

namespace shoal {

/// One library's series. The pointers live as long as the node's `metrics`.
struct library_metrics {
  prometheus::Counter* writes = nullptr;
  prometheus::Counter* ops_sent = nullptr; // per op and peer
  prometheus::Counter* ops_received = nullptr;
  prometheus::Counter* ops_applied = nullptr;
  prometheus::Counter* ops_rejected = nullptr; // reason="refused"
  prometheus::Counter* ops_forged = nullptr;   // reason="forged": once each time it was found
  prometheus::Counter* bytes_sent = nullptr;   // frames, before TLS
  prometheus::Counter* bytes_received = nullptr;
  prometheus::Counter* digest_mismatch = nullptr;
  prometheus::Counter* conflicts = nullptr;
  prometheus::Histogram* commit_seconds = nullptr;    // asked → synced
  prometheus::Histogram* apply_seconds = nullptr;     // received → synced
  prometheus::Histogram* broadcast_seconds = nullptr; // synced → acknowledged by all connected
};

/// Thread-safe.
class metrics {
public:
  metrics();
  ~metrics();
  library_metrics add_library(const std::string& name);
  /// A member did what no honest one does, and its link was closed.
  void count_breach(const std::string& peer);
  /// Prometheus text, gauges taken from the statuses.
  std::string render(const std::vector<api::library_status>& libraries,
                     const std::vector<double>& hlc_drift_seconds, disk_space& disk,
                     uint64_t connections_refused);

private:
  struct families;
  prometheus::Registry registry_;
  std::unique_ptr<families> families_;
};

} // namespace shoal
