#pragma once
// Tells a damaged end of a RocksDB log (write-ahead log or MANIFEST) from one that a power cut left
// half written.
//
// RocksDB takes a last record that is longer than the file for a torn write and drops it. One
// flipped bit in a length looks just so, and in a MANIFEST costs all that came after: table files
// are forgotten and deleted. But a torn record has lost its end, while behind a flipped length the
// whole record is still there, and its checksum finds it.
//
// Log format: blocks of 32 KiB; in each, records of
//   masked CRC-32C of type and payload (4, little-endian)   length (2)   type (1)   payload
// and fewer than 7 zero bytes where no header fits.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shoal {

/// The offset of a record in the log's last block whose length was changed; nothing when the log
/// ends well or torn. Other damage is RocksDB's to report.
std::optional<uint64_t> changed_length(std::string_view log);
/// The same of a file; one that cannot be read says nothing, RocksDB will.
std::optional<uint64_t> changed_length_in(const std::string& file);

} // namespace shoal
