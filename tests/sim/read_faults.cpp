// Reads that fail: what they would have shown must not pass for absent.

#include "sim/sim_store.hpp"
#include "tests/sim/replica_node.hpp"

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

// Found by shoal sim, seed 6770: the range of one member failed on a read, what was held of another
// was forgotten in memory, and the next statement claimed all that will ever be written.
BOOST_AUTO_TEST_CASE(a_range_that_fails_on_a_read_leaves_what_waits_for_its_time) {
  for (int fails_from = 1;; ++fails_from)
    BOOST_TEST_CONTEXT("reads from " << fails_from << " on fail") {
      replica_node ahead(0);
      replica_node here(1);
      replica_node other(2);
      ahead.wall += story_hour_ms;
      BOOST_REQUIRE(here.apply({ahead.write(named_tag(1, "early"))}).ok());
      BOOST_TEST(here.now().held_back.quarantined == 1U);
      const auto theirs = other.write(named_tag(2, "other"));

      int reads = 0;
      {
        failing_view failing(here.disk, [&] { return ++reads >= fails_from; });
        kv_transaction txn(failing);
        const auto applied = here.data->apply(txn, std::vector{theirs}, here.wall);
        if (applied) { // all its reads came before
          BOOST_TEST(fails_from > 1);
          break;
        }
        BOOST_TEST((applied.err().code == ec::disk));
        here.data->seal(txn);
      }
      BOOST_TEST(here.now().held_back.quarantined == 1U);
      BOOST_TEST(seq_of(here.data->next_statement()->held.open, ahead.stream) == 0U);
      here.wall += story_hour_ms;
      BOOST_TEST(here.release() == 1U);
      BOOST_TEST((here.data->next_statement()->held.open == here.data->held()));
    }
}

BOOST_AUTO_TEST_SUITE_END()
