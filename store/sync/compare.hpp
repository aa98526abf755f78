#pragma once
// Finding where two nodes differ that hold the same: checksums over intervals of a stream, of what
// stands in them. Marks do not count, since nodes drop them at different times.

#include "messages/message.hpp"
#include "store/sync/kv.hpp"

namespace shoal {

/// Checksums of (from, to], in at most `max_intervals` intervals of about
/// wire_limits::compared_versions versions each; covers less than asked for when that is too few.
result<std::vector<interval_sum>> sums_of(const kv_view& view, const stream_id& stream,
                                          uint64_t from, uint64_t to, size_t max_intervals);
/// Checksums of the very intervals that another node named.
result<std::vector<interval_sum>> sums_of(const kv_view& view, const stream_id& stream,
                                          uint64_t from, const std::vector<interval_sum>& like);

/// All that stands in (from, to], as one range with `repair`, in parts; covers less than asked for
/// when it is more than about `max_bytes`.
result<std::vector<range>> read_standing(const kv_view& view, const stream_id& stream,
                                         uint64_t from, uint64_t to, size_t max_bytes);

} // namespace shoal
