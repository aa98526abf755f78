#pragma once
// Finds damage in a RocksDB log (write-ahead log or MANIFEST) that RocksDB itself passes over, and
// tells a damaged end from one that a kill or a power cut left half written.
//
// Behind a header of zeros RocksDB skips the rest of the block, and a type of a recycled log (one
// flipped bit) is the end to it: both without a word. Shoal recycles no logs, so each header must
// have one of four types.
//
// RocksDB takes a last record that is longer than the file for a torn write and drops it. One
// flipped bit in a length looks just so, and in a MANIFEST costs all that came after: table files
// are forgotten and deleted. But a torn record has lost its end, while behind a flipped length the
// whole record is still there, and its checksum finds it.
//
// A write-ahead log may go on with zeros (rocks_log_file.hpp). Of a record that was written over
// them and is torn, at least one sector is still zeros, or its end is; no whole record of which one
// bit was flipped looks so. And there is no record behind it, for each is synced before the next.
// Of one that was appended and is torn the file lacks the end. A file that grew by all of it, but
// without its bytes, is refused: that is damage, too.
//
// A MANIFEST may end in zeros: its file grew, and the power went before the bytes came. Of the
// MANIFESTs only the one that CURRENT names counts.
//
// Log format: blocks of 32 KiB; in each, records of
//   masked CRC-32C of type and payload (4, little-endian)   length (2)   type (1)   payload
// and fewer than 7 zero bytes where no header fits.

#include "messages/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace shoal {

/// Where a write-ahead log ends that may go on with zeros, and what was found there.
struct log_end {
  enum class kind { whole, torn, damaged };
  kind what = kind::whole;
  uint64_t at = 0; ///< of the last whole record's end, or of the damaged record
};
/// `tail` is the log from `offset` on, a multiple of 32 KiB and at least 4 KiB before the last byte
/// that is not zero, or 0. A record that was to be longer than the log is RocksDB's to drop: the
/// log counts as whole.
log_end end_before_zeros(std::string_view tail, uint64_t offset);

/// Before RocksDB opens the database in `directory`: cuts zeros, and what was torn in the midst of
/// them, from its write-ahead logs; says which log or MANIFEST has a damaged end or header. Other
/// damage is RocksDB's to report. Whoever calls holds the database's lock.
/// ec::corrupt, which says the file's name and the place; ec::disk.
status settle_log_ends(const std::string& directory);

} // namespace shoal
