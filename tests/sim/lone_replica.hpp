#pragma once
// One replica on a disk of its own, for stories told step by step.

#include "sim/sim_store.hpp"
#include "sim/workload.hpp"
#include "store/sync/replica.hpp"

namespace shoal::sim {

struct lone_replica {
  sim_store disk;
  std::unique_ptr<replica> data;
  explicit lone_replica(size_t index, const replica_options& options = {.fresh_epoch = 7})
      : data(std::move(*replica::open(disk, device_of(index), options))) {}

  /// Runs `call` with a transaction, and makes what it wrote durable.
  template <class Call>
  auto in_group(Call call) {
    kv_transaction txn(disk);
    auto out = call(txn);
    data->seal(txn);
    (void)disk.commit(txn.take());
    return out;
  }
};

} // namespace shoal::sim
