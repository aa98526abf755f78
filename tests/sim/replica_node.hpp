#pragma once
// A replica on a map, driven by hand: for stories about ranges, clocks and conflicts.

#include "sim/sim_store.hpp"
#include "sim/workload.hpp"
#include "store/sync/replica.hpp"

namespace shoal::sim {

constexpr uint64_t story_wall_ms = 1'700'000'000'000;
constexpr uint64_t story_drift_ms = 120'000;
constexpr uint64_t story_hour_ms = 3'600'000;

class replica_node {
public:
  explicit replica_node(size_t which, uint64_t epoch = 7) : index(which) { reopen(epoch); }

  void reopen(uint64_t epoch, const std::string& program = "1") {
    replica_options options;
    options.fresh_epoch = epoch;
    options.max_drift_ms = story_drift_ms;
    options.max_quarantined = max_quarantined;
    options.program = program;
    data = std::move(*replica::open(disk, device_of(index), options));
    stream = {device_of(index), epoch};
  }
  template <class Call>
  auto in_group(Call call) {
    kv_transaction txn(disk);
    auto out = call(txn);
    data->seal(txn);
    (void)disk.commit(txn.take());
    return out;
  }
  result<committed> try_write(std::vector<edit> edits) {
    return in_group([&](kv_transaction& txn) { return data->commit(txn, edits, wall); });
  }
  range write(edit e) { return try_write({std::move(e)})->covered; }
  result<applied_as> apply(const std::vector<range>& parts) {
    return in_group([&](kv_transaction& txn) { return data->apply(txn, parts, wall); });
  }
  /// All that `from` has of a stream and this node lacks.
  void fetch(const replica_node& from, const stream_id& what) {
    while (seq_of(data->held(), what) < seq_of(from.data->held(), what))
      (void)apply(*read_range(from.disk, what, seq_of(data->held(), what), 1000, 1000));
  }
  uint64_t release(uint64_t max = 1000) {
    return *in_group([&](kv_transaction& txn) { return data->release(txn, wall, max); });
  }
  uint64_t prune(const frontier& stable) {
    return *in_group([&](kv_transaction& txn) { return data->prune(txn, stable, 1000); });
  }
  replica_summary now() const { return data->summary(); }

  size_t index;
  uint64_t max_quarantined = 10'000; // from the next time it is opened on
  uint64_t wall = story_wall_ms;
  stream_id stream;
  sim_store disk;
  std::unique_ptr<replica> data;
};

/// Makes tag number `n`, or renames it.
inline edit named_tag(uint64_t n, const std::string& name) {
  edit e;
  e.model = "tag";
  e.id = tag_id(n);
  e.fields = {lww("name", encoded(name))};
  return e;
}

} // namespace shoal::sim
