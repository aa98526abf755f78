#pragma once
// The only place that writes a library's RocksDB.

#include "actors/actor_place.hpp"
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
  /// Of a writer that runs with spawn_with_place; null: it stays in its thread.
  std::shared_ptr<actor_place> place = {};
  /// Called after each sync, before anybody is answered: what status and `wait` say must not lag
  /// behind an answer. Like answers and `on_failure` maybe in the thread of the sockets: none may
  /// block.
  std::function<void(const replica_summary&, uint64_t newest_stamp_ms)> publish;
  /// Called once: a commit failed (nothing can be written until the store
  /// is opened anew), or the store turned out to be damaged (ec::corrupt).
  std::function<void(const error&)> on_failure;
};

/// Spawn with a place: it commits small groups in the thread of the sockets, which spares two
/// wake-ups of threads, and does what links cannot wait for, or all while the disk is slow, in a
/// thread of its own. Under the test coordinator it has none. Ends, with what waits committed, on
/// an exit message.
caf::behavior store_writer(caf::event_based_actor* self, std::shared_ptr<writer_setup> setup,
                           caf::actor library);

} // namespace shoal
