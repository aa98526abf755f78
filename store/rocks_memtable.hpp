#pragma once
// What RocksDB keeps a family's newest rows in, until they are table files. Its own skip list is
// the dearest part of a commit in Debian's build, whose assertions are on: they triple its
// comparisons.

#include <memory>

namespace rocksdb {
class MemTableRepFactory;
}

namespace shoal {

/// Memtables for families whose keys are ordered by their bytes. One thread at a time writes
/// (allow_concurrent_memtable_write is off); others read meanwhile, without a lock.
std::shared_ptr<rocksdb::MemTableRepFactory> byte_ordered_memtables();

} // namespace shoal
