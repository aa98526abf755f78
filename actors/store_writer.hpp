#pragma once
// The only place that writes a library's RocksDB.

#include "actors/clocks.hpp"
#include "actors/disk_space.hpp"
#include "actors/handles.hpp"
#include "actors/high_water.hpp"
#include "actors/metrics.hpp"
#include "actors/transport/identity.hpp"
#include "config/limits.hpp"

#include <future>

namespace shoal {

/// Carries out a commit while the writer makes the next group, and calls `ended` then, or shortly
/// before, from any thread.
using commit_aside =
    std::function<std::future<status>(std::function<status()> commit, std::function<void()> ended)>;

/// A commit_aside: on a thread of its own.
std::future<status> commit_on_a_thread(std::function<status()> commit, std::function<void()> ended);

struct writer_setup {
  std::shared_ptr<kv_store> store;
  std::shared_ptr<replica> data; // touched by nobody else from here on
  transport::identity key;       // signs statements
  library_id library;
  library_metrics counted;
  uint64_t min_tombstone_ms = 0;     // marks of deletes are kept at least that long
  clocks time;                       // of which the wall is not the one that stamps go by:
  std::function<uint64_t()> wall_ms; // that is this one
  high_water mark;
  std::shared_ptr<disk_space> disk; // while it is low, nothing is written
  commit_aside aside = {};          // for large groups; empty: the writer commits all itself
  size_t aside_bytes_min = limits::ingest_bytes_min; // a smaller one is not worth a second thread
  /// Called after each sync, before anybody is answered: what status and `wait` say must not lag
  /// behind an answer.
  std::function<void(const replica_summary&, uint64_t newest_stamp_ms)> publish;
  /// Called once, on the writer's thread: a commit failed (nothing can be written until the store
  /// is opened anew), or the store turned out to be damaged (ec::corrupt).
  std::function<void(const error&)> on_failure;
};

/// Spawn detached, since a sync blocks; in memory, as the test coordinator needs it, not. Ends,
/// with what waits committed, on an exit message.
caf::behavior store_writer(caf::event_based_actor* self, std::shared_ptr<writer_setup> setup,
                           caf::actor library);

} // namespace shoal
