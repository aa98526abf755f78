#pragma once
// How the databases are set up: what is the same for all, and for each column family. Only
// rocks_store.cpp includes this.

#include "store/rocks_store.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/options.h>
#include <rocksdb/write_buffer_manager.h>

namespace shoal {

class rocks_memory {
public:
  rocks_memory(size_t cache_bytes, size_t write_buffers_bytes)
      : cache(rocksdb::NewLRUCache(cache_bytes, shard_bits)),
        write_buffers(std::make_shared<rocksdb::WriteBufferManager>(write_buffers_bytes)) {}
  /// By default a shard has half a MiB, of which a few filters push one another out.
  static constexpr int shard_bits = 2;
  std::shared_ptr<rocksdb::Cache> cache;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers;
};

rocksdb::DBOptions database_options(const rocks_options& options, const rocks_memory& memory);
rocksdb::ColumnFamilyOptions family_options(family f, const rocks_memory& memory);
/// Scans go through all keys, whatever the families' prefixes are.
rocksdb::ReadOptions scanning();

} // namespace shoal
