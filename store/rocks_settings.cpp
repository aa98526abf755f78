#include "store/rocks_settings.hpp"

#include "messages/ids.hpp"
#include "store/merge_pace.hpp"
#include "store/rocks_memtable.hpp"
#include "store/rocks_table_file.hpp"

#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_partitioner.h>
#include <rocksdb/table.h>

#include <algorithm>

namespace shoal {

std::shared_ptr<rocks_memory> make_rocks_memory(size_t block_cache_bytes,
                                                size_t write_buffers_bytes) {
  return std::make_shared<rocks_memory>(block_cache_bytes, write_buffers_bytes);
}

namespace {

rocksdb::CompressionType pick(std::initializer_list<rocksdb::CompressionType> wanted) {
  const auto built_in = rocksdb::GetSupportedCompressions();
  for (const auto c : wanted)
    if (std::find(built_in.begin(), built_in.end(), c) != built_in.end())
      return c;
  return rocksdb::kNoCompression;
}

/// RocksDB's own log file is a hazard: once a write to it failed on a full disk, the next one
/// aborts the process (an assertion of Debian's build). What matters is in the status of each call.
class no_log final : public rocksdb::Logger {
public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

/// Of the key of a device-owned row all but the owner (store/sync/keys.hpp): whether anyone has a
/// record of that name is then a question to filters, not a search in every file.
class record_name final : public rocksdb::SliceTransform {
public:
  const char* Name() const override { return "shoal.record_name"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), length(key)};
  }
  bool InDomain(const rocksdb::Slice& key) const override {
    return !key.empty() && key.size() >= length(key);
  }

private:
  static size_t length(const rocksdb::Slice& key) { // a byte of length, the model, the id
    return 1 + static_cast<uint8_t>(key[0]) + sizeof(record_id::bytes);
  }
};

} // namespace

rocksdb::DBOptions database_options(const rocks_options& options, const rocks_memory& memory) {
  rocksdb::DBOptions o;
  o.create_if_missing = true;
  o.create_missing_column_families = true;
  // The default, kPointInTimeRecovery, drops everything behind a damaged record and says OK.
  o.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  o.recycle_log_file_num = 0; // a recycled file's old records hide where the new ones end
  o.track_and_verify_wals_in_manifest = true;
  o.paranoid_checks = true;
  o.max_open_files = options.open_files_max;
  o.write_buffer_manager = memory.write_buffers;
  o.max_total_wal_size = limits::write_buffers_bytes; // bounds what an open replays
  o.allow_concurrent_memtable_write = false;          // only one thread writes
  o.max_background_jobs = 2;
  o.bytes_per_sync = size_t{1} << 20;
  o.avoid_unnecessary_blocking_io = true; // no file is deleted on the thread that ends a scan
  // An idle library does nothing.
  o.stats_dump_period_sec = 0;
  o.stats_persist_period_sec = 0;
  o.info_log = std::make_shared<no_log>();
  return o;
}

rocksdb::ReadOptions scanning() {
  rocksdb::ReadOptions how;
  how.total_order_seek = true;
  return how;
}

rocksdb::ColumnFamilyOptions family_options(family f, const rocks_memory& memory) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = memory.cache;
  // Index and filter blocks count against the cache, so that memory is bounded whatever the data.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // What is looked up by seq or stamp is there; of other keys the filter says so, for 10 bits each,
  // with 1 % of false positives; 14, and 0.1 %, where a false one would cost each new record a
  // read.
  const bool by_seq = f == family::owned_by_seq || f == family::shared_by_seq;
  if (!by_seq && f != family::log_by_seq && f != family::log)
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(f == family::owned ? 14 : 10));
  if (f != family::owned) {
    // In parts of 4 KiB: a read of one row of a million loads some of them, not the whole of a
    // file's.
    table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
    table.partition_filters = table.filter_policy != nullptr;
    table.metadata_block_size = 4096;
  }
  // Read one behind the other by who is served: larger blocks compress better.
  if (by_seq)
    table.block_size = size_t{8} << 10;
  table.checksum = rocksdb::kXXH3;
  table.format_version = table_format_version;
  static_assert(rocksdb::kXXH3 == table_checksum_type);
  rocksdb::ColumnFamilyOptions o;
  o.memtable_factory = byte_ordered_memtables();
  o.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  o.write_buffer_size = size_t{16} << 20;
  if (f == family::owned) {
    o.prefix_extractor = std::make_shared<record_name>();
    // Its keys come in no order and its values are small, and each write asks first whether the
    // record is there: small memtables and files make both cheap, with filters in one piece.
    o.write_buffer_size = size_t{4} << 20;
    o.target_file_size_base = size_t{4} << 20;
    // In no order, so every file of one level would be written again with each of the one above.
    o.compaction_style = rocksdb::kCompactionStyleUniversal;
    // Now and then all of it is merged, in about 1.4 us a record: writes do not wait for that.
    o.level0_slowdown_writes_trigger = tables_merged_at_ingests + 64;
    o.level0_stop_writes_trigger = tables_merged_at_ingests + 128;
  }
  // What one device writes ascends, and what several write lies far apart: a file that spans two
  // devices' would be written again for each that is added between. Split by the first byte of a
  // device's id, files of one writer mostly just move down.
  if (by_seq)
    o.sst_partitioner_factory = rocksdb::NewSstPartitionerFixedPrefixFactory(1);
  // Filters of 0.3 MiB where most of what is looked for in memory is new, and not there.
  if (f == family::owned || f == family::shared || f == family::index) {
    o.memtable_prefix_bloom_size_ratio = 0.02;
    o.memtable_whole_key_filtering = true;
  }
  o.compression = pick({rocksdb::kLZ4Compression, rocksdb::kZSTD});
  o.level0_file_num_compaction_trigger = tables_merged_at; // fewer would rewrite more below
  o.level_compaction_dynamic_level_bytes = true;
  o.force_consistency_checks = true;
  return o;
}

} // namespace shoal
