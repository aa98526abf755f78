#pragma once
// RocksDB's table files on disk: parts of one are used as they are read, whatever their checksum
// says, and one flipped bit there is a failed assertion inside RocksDB, which ends the process. So
// they are looked at first, each time RocksDB opens a table.
//
// The last 53 bytes (RocksDB 7.8, table/format.h), which no checksum covers: checksum type (1),
// handles of the metaindex and index blocks, padding (40 together), format version (4,
// little-endian), magic number (8, likewise). A handle is offset and size, varints. The properties
// block, whose handle is in the metaindex, has a checksum, but is unpacked before that is compared
// (table/meta_blocks.cc, ReadTablePropertiesHelper).

#include <rocksdb/file_system.h>

#include <cstdint>
#include <memory>

namespace shoal {

constexpr uint32_t table_format_version = 5;
constexpr uint8_t table_checksum_type = 4; // kXXH3

/// A file system whose tables (`.sst`) are Corruption at their opening when RocksDB could not read
/// them safely: the end names another format than this program's, or a place that is not in the
/// file, or the metaindex or properties block is not what was written. A file without the magic
/// number is RocksDB's to report. `base` does the work.
std::shared_ptr<rocksdb::FileSystem> checked_tables(std::shared_ptr<rocksdb::FileSystem> base);

} // namespace shoal
