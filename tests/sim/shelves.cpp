// Many libraries in one world: each is judged as if it were alone, and none hears of another.

#include "sim/world.hpp"
#include "tests/sim/planted.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal::sim;

BOOST_AUTO_TEST_SUITE(shelves)

BOOST_AUTO_TEST_CASE(libraries_that_share_links_clocks_disks_and_crashes_share_no_data) {
  occurred seen;
  for (uint64_t seed = 1; seed <= 120; ++seed)
    BOOST_TEST_CONTEXT("seed " << seed << " with three libraries") {
      auto p = make_plan(seed);
      p.libraries = 3;
      const auto v = world(p).run();
      BOOST_TEST(!v.found.has_value(), v.found->checker << ": " << v.found->what);
      seen[fault::crash] += v.seen.faults[static_cast<size_t>(fault::crash)];
      seen[fault::disk_full] += v.seen.faults[static_cast<size_t>(fault::disk_full)];
      seen[fault::removed] += v.seen.faults[static_cast<size_t>(fault::removed)];
    }
  BOOST_TEST(seen[fault::crash] > 0U);
  BOOST_TEST(seen[fault::disk_full] > 0U);
  BOOST_TEST(seen[fault::removed] > 0U);
}

// Bugs that show in one library alone are found in whichever it is.
BOOST_AUTO_TEST_CASE(what_goes_wrong_in_the_last_library_is_found_as_well) {
  const sabotage in_the_last = [](sim_node& n, surroundings& s, random_source r) {
    return s.library == 2 ? with(bug::range_emptied)(n, s, r) : nullptr;
  };
  size_t found = 0;
  for (uint64_t seed = 1; seed <= 50 && found == 0; ++seed) {
    auto p = make_plan(seed);
    p.libraries = 3;
    found += world(p, in_the_last).run().found.has_value();
  }
  BOOST_TEST(found == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
