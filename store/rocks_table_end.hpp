#pragma once
// The end of a RocksDB table file says how its blocks are to be read, and no checksum covers it:
// one flipped bit there, and a block whose checksum is right is unpacked by the wrong rule, up to a
// failed assertion inside RocksDB. What this program writes is known.
//
// The last 53 bytes of a table file (RocksDB 7.8, table/format.h): checksum type (1), handles of
// the metaindex and index blocks (40), format version (4, little-endian), magic number (8,
// likewise).

#include "messages/error.hpp"

#include <cstdint>
#include <string>

namespace shoal {

constexpr uint32_t table_format_version = 5;
constexpr uint8_t table_checksum_type = 4; // kXXH3

/// ec::corrupt names the first file under `path` that ends like a table, and not like one of this
/// program's. A file without the magic number is unfinished, or RocksDB's to report.
status check_table_ends(const std::string& path);

} // namespace shoal
