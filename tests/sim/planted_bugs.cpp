// That each planted bug is found. Its own ctest, sim_long: it needs as long as all stories
// together.

#include "sim/campaign.hpp"
#include "tests/sim/planted.hpp"

#include <boost/test/unit_test.hpp>

#include <iostream>
#include <map>

using namespace shoal::sim;

BOOST_AUTO_TEST_SUITE(planted)

// Each planted bug changes what happens between the code under test and its world (planted.cpp).
// One that no checker finds shows a checker that has gone blind.
BOOST_AUTO_TEST_CASE(every_planted_bug_is_found_within_1000_seeds) {
  std::map<std::string, int> checkers;
  for (const auto b : all_bugs()) {
    campaign c;
    c.planted = with(b);
    c.stop_at_first = true;
    const auto sum = run(c);
    std::string report = "NOT FOUND";
    if (!sum.failures.empty()) {
      const auto& [seed, why] = *sum.failures.begin();
      report = "seed " + std::to_string(seed) + ", " + why.found.checker + ", "
               + std::to_string(static_cast<uint64_t>(sum.seconds * 1000))
               + " ms: " + why.found.what;
      ++checkers[why.found.checker];
    }
    std::cout << to_string(b) << ": " << report.substr(0, 160) << "\n";
    BOOST_TEST(!sum.failures.empty(), to_string(b) << " was not found");
  }
  // Others are beaten to it: what they alone would find is found by one that looks more often.
  for (const char* checker : {"convergence", "lost_write", "hlc", "seq", "early_prune", "atomic",
                              "in_flight", "owner", "log_drains", "catch_up"})
    BOOST_TEST(checkers[checker] > 0, checker << " was the first to find none of the bugs");
}

BOOST_AUTO_TEST_SUITE_END()
