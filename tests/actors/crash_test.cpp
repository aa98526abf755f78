// Nodes that end in the middle of anything, and open again what their disk has.

#include "tests/actors/story.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::test {

BOOST_AUTO_TEST_SUITE(crashes)

BOOST_AUTO_TEST_CASE(no_acknowledged_write_is_lost_by_crashes_at_any_moment) {
  const auto [first, count] = seeds(60);
  for (uint64_t seed = first; seed < first + count; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      lab l(seed, 3);
      clients_write(l, 40, 8 * second);
      for (size_t i = 0; i < 4; ++i) {
        const auto n = l.random().below(3);
        const auto when = l.random().below(8 * second);
        l.at(when, [&l, n] { l.crash(n); });
        l.at(when + 1 + l.random().below(2 * second), [&l, n] { l.start(n); });
      }
      l.run_for(11 * second);
      check_the_end(l);
    }
}

// Alternately the group is on the disk though nobody was told, and is not.
BOOST_AUTO_TEST_CASE(a_crash_within_each_of_the_first_commits_loses_nothing_that_was_acknowledged) {
  const auto [first, count] = seeds(1);
  for (uint64_t seed = first; seed < first + count; ++seed)
    for (uint64_t commit = 0; commit < 40; ++commit)
      BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed << ", commit " << commit) {
        lab l(seed, 2);
        l.crash_at_commit(0, commit / 2, commit % 2 == 0, second);
        clients_write(l, 30, 3 * second);
        l.run_for(5 * second);
        check_the_end(l);
      }
}

// The outcome of the commit that failed is not known, and its place in the stream is not used
// again: the other node may have it already.
BOOST_AUTO_TEST_CASE(a_client_whose_commit_failed_is_told_that_the_outcome_is_not_known) {
  for (const bool kept : {false, true})
    BOOST_TEST_CONTEXT("kept " << kept) {
      lab l(7, 2);
      BOOST_REQUIRE(l.run_until([&] { return l.level(); }, 60 * second));
      std::vector<ec> told;
      l.crash_at_commit(0, 0, kept, second);
      l.core(0)->write({tag_edit(200, "unknown", "x")}, std::nullopt,
                       [&](const result<api::write_answer>& r) {
                         BOOST_REQUIRE(!r.ok());
                         told.push_back(r.err().code);
                       });
      l.run_for(3 * second);
      BOOST_TEST((told == std::vector{ec::outcome_unknown}));
      l.write(0, {tag_edit(201, "known", "x")});
      BOOST_TEST(l.run_until([&] { return !l.answers.empty(); }, 10 * second));
      check_the_end(l);
      const bool there = l.records(1).find("unknown") != std::string::npos;
      BOOST_TEST(there == kept);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
