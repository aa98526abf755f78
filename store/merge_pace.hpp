#pragma once
// When RocksDB merges the young tables of `owned`. Merging makes looking for names cheaper, and
// costs more than anything else that is done with many new records; while they come and the writer
// knows by itself which names are not here (kv_store::names_are_known), it can wait.

#include <chrono>
#include <cstddef>

namespace shoal {

/// So many young tables of a family are merged, as a rule.
constexpr int tables_merged_at = 8;
/// Of `owned`, while batches follow one another: tables of 4 MiB, whose filters stay in memory.
constexpr int tables_merged_at_batches = 48;
/// And while commits are table files themselves: most have less than a MiB.
constexpr int tables_merged_at_ingests = 192;

/// One store's; the committing thread's. To change what it says costs a file of options, so it says
/// the same for seconds.
class merge_pace {
public:
  using time_point = std::chrono::steady_clock::time_point;
  /// After a commit of so many writes to `owned`, or 0 when there was none for a while: how many
  /// tables are merged from here on. `ingested`: it went to disk as table files.
  int after(time_point now, size_t names, bool ingested, bool names_known);
  /// When commits have ended for so long, what was left undone is to be done.
  static constexpr std::chrono::seconds rest{3};

private:
  // A leaky bucket (Turner 1986) of names.
  static constexpr double names_of_many = 32'768;
  static constexpr double names_per_second = 8'192; // fewer are merged on the way
  double level_ = 0;
  bool many_ = false;
  time_point last_{};
  time_point last_ingest_{};
};

} // namespace shoal
