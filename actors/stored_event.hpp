#pragma once
// What a replica says of itself, as the protocol hears it: after each group, and after opening.
// Shared by production and the simulator.

#include "actors/protocol/replicator.hpp"
#include "store/sync/replica.hpp"

#include <algorithm>

namespace shoal {

/// `summary` is of the moment that became durable; `with_state` when that may have changed.
inline void fill_in(protocol::stored& out, const replica& data, const replica_summary& summary,
                    bool with_state) {
  out.held = summary.held;
  out.settled = summary.settled;
  out.log_entries = summary.log_entries;
  out.oldest_log_ms = summary.oldest_log_ms;
  out.digest = digest_bytes(summary.digest);
  out.quarantine = summary.held_back.hash;
  out.quarantined = summary.held_back.quarantined;
  for (const auto& [model, n] : summary.records)
    out.records += static_cast<uint64_t>(std::max<int64_t>(n, 0));
  if (!summary.settled)
    out.until = data.until();
  if (with_state)
    out.state = protocol::durable_state{data.deletes_from(), data.filling(), data.resync(),
                                        data.passed_over(),  data.ended(),   data.fell_back()};
}

} // namespace shoal
