// Reads that fail: what they would have shown must not pass for absent.

#include "sim/sim_store.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

BOOST_AUTO_TEST_SUITE(read_faults)

// Found by shoal sim, seed 1715: pruning scanned a stream's log beside the group's own writes of
// another stream, took the fault for the end, and left the entries for ever.
BOOST_AUTO_TEST_CASE(a_scan_beside_the_groups_own_writes_reports_a_failing_read) {
  sim_store disk;
  (void)disk.commit({{family::log, "a1", "one"}, {family::log, "a2", "two"}});
  for (const int fails_at : {1, 2, 3})
    BOOST_TEST_CONTEXT("read " << fails_at << " fails") {
      int reads = 0;
      failing_view failing(disk, [&] { return ++reads == fails_at; });
      kv_transaction txn(failing);
      txn.put(family::log, "a0", "own");
      txn.put(family::log, "b", "own, behind");
      const auto scanned = scan_prefix(txn, family::log, "a", "a",
                                       [](std::string_view, std::string_view) { return true; });
      BOOST_TEST(!scanned);
      if (!scanned)
        BOOST_TEST((scanned.err().code == ec::disk));
    }
}

BOOST_AUTO_TEST_SUITE_END()
