#pragma once
// One function per bench. Each answers {"runs","floor","results","ratio","ratios"}, medians over
// its runs; README.md says from where to where each figure is taken.

#include "cli/client/json.hpp"
#include "messages/error.hpp"

#include <filesystem>
#include <functional>
#include <string>

namespace shoal::cli::bench {

struct bench_request {
  size_t nodes = 0;
  uint64_t records = 0; // 0: as many as fit into `seconds`
  double seconds = 0;   // of a run, or until no further run begins
  size_t runs = 0;
  size_t clients = 0;
  uint64_t batch = 0; // records in one request
  std::string model;
  std::filesystem::path scratch;
  /// Told what is going on, for people.
  std::function<void(const std::string&)> note;
};

using bench = result<json> (*)(const bench_request&);

result<json> bench_broadcast(const bench_request& asked);
result<json> bench_throughput(const bench_request& asked);
result<json> bench_writes(const bench_request& asked);
result<json> bench_catchup(const bench_request& asked);
result<json> bench_backfill(const bench_request& asked);

} // namespace shoal::cli::bench
