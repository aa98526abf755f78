#pragma once
// How long a thread was ready to run and had no processor: what a wait for the disk is not.

#include <cstdint>
#include <optional>

namespace shoal {

/// Of the calling thread, since it began, in microseconds: the second number of
/// /proc/thread-self/schedstat (Documentation/scheduler/sched-stats of Linux). Nothing where the
/// kernel does not tell. About a microsecond.
std::optional<uint64_t> run_delay_us();

} // namespace shoal
