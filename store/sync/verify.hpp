#pragma once
// Does a library's store make sense in itself: rows, indexes, log and sums.

#include "store/sync/kv.hpp"
#include "store/sync/row.hpp"

namespace shoal {

struct verify_report {
  uint64_t records = 0;  // live ones
  uint64_t versions = 0; // that stand
  uint64_t log_entries = 0;
  digest_value digest;                // of the rows as they are
  uint64_t problems = 0;              // all of them
  std::vector<std::string> described; // the first hundred
};

/// Reads everything once. A fault of the disk is a problem like others, where the scan can go on.
verify_report verify_store(const kv_view& view);

} // namespace shoal
