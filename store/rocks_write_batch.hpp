#pragma once
// A commit in RocksDB's own form. WriteBatch::Put does the same in a thousand instructions.

#include "store/sync/kv.hpp"

#include <rocksdb/write_batch.h>

#include <vector>

namespace rocksdb {
class ColumnFamilyHandle;
}

namespace shoal {

/// What Put and Delete for each of `batch`, in its order, and PutLogData at the end make of a
/// WriteBatch. `handles` by `family`. `bytes` is room to begin with.
rocksdb::WriteBatch write_batch_of(const kv_batch& batch,
                                   const std::vector<rocksdb::ColumnFamilyHandle*>& handles,
                                   std::string_view log_data, size_t bytes);

} // namespace shoal
