#pragma once
// Bounds that are part of the protocol: both ends of every link hold each other to them, so a
// change here is a change of the wire format.

#include <cstddef>
#include <cstdint>

namespace shoal::wire_limits {

constexpr uint32_t version_major = 1;
constexpr uint32_t version_minor = 0;

constexpr size_t op_bytes = size_t{1} << 20; // one encoded op
constexpr size_t frame_bytes_before_hello =
    size_t{256} << 10; // a member's Hello, which carries its member set and frontier
constexpr size_t frame_bytes = size_t{2} << 20; // after Hello was accepted
// What a frame may take in memory once it is decoded: so many times its size (compressed ops count
// plain) and so much more. Entries that say next to nothing cost most: 1,500 members that have
// neither name nor address fit, and 4,096 that have.
constexpr size_t decoded_factor = 4;
constexpr size_t decoded_floor = size_t{64} << 10;
constexpr size_t range_part_bytes = size_t{256} << 10; // bulk parts, so that live data gets between
constexpr size_t batch_ops = 10'000;                   // one atomic batch
constexpr size_t batch_bytes = size_t{4} << 20;        // one atomic batch, encoded
constexpr size_t range_ops = 65'536;                   // ops in one range, all parts together
constexpr size_t range_bytes = size_t{9} << 20;        // one range, all parts together
constexpr size_t range_unmerged = 1024;                // unmerged ops that a range names
constexpr size_t row_bytes = size_t{8} << 20;          // a merged row
constexpr size_t depth = 16;                           // nesting of a value
constexpr size_t name_bytes = 128;                     // model and field names
constexpr size_t fields = 1024;                        // fields of one op
constexpr size_t elements = 65'536;                    // set elements, map keys of one op
constexpr size_t streams = 65'536;                     // entries of one frontier
constexpr size_t members = 4096;                       // entries of one member set
constexpr size_t compared_intervals = 1024;            // checksums in one answer
constexpr size_t compared_versions = 512;              // about as many stand in one of them
constexpr size_t text_bytes = 1024;                    // addresses, device names, reasons
constexpr size_t window_bytes = size_t{8}
                                << 20; // unacknowledged range bytes per link and direction

} // namespace shoal::wire_limits
