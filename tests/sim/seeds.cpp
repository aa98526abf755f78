// The seeds. A failure prints the seed; SHOAL_SEED=N runs that one alone, SHOAL_SEEDS=FROM..TO a
// range of them (the whole last included).

#include "sim/campaign.hpp"
#include "tests/sim/planted.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <iostream>

using namespace shoal::sim;

BOOST_AUTO_TEST_SUITE(seeds)

namespace {

campaign wanted(uint64_t from, uint64_t to) {
  campaign c;
  c.from = from;
  c.to = to;
  if (const char* one = std::getenv("SHOAL_SEED")) {
    c.from = c.to = std::strtoull(one, nullptr, 10);
  } else if (const char* range = std::getenv("SHOAL_SEEDS")) {
    char* end = nullptr;
    c.from = std::strtoull(range, &end, 10);
    c.to = end[0] == '.' && end[1] == '.' ? std::strtoull(end + 2, nullptr, 10) : c.from;
  }
  return c;
}

} // namespace

BOOST_AUTO_TEST_CASE(every_seed_converges_and_loses_nothing) {
  const auto c = wanted(1, 1000);
  const auto sum = run(c);
  std::cout << sum.seeds << " seeds, " << sum.acknowledged_ops << " acknowledged ops, "
            << sum.events << " events, " << sum.virtual_us / 1'000'000 << " virtual s, "
            << static_cast<uint64_t>(static_cast<double>(sum.seeds) * 60 / sum.seconds)
            << " seeds/min\n";
  uint64_t faults = 0;
  for (size_t i = 0; i < fault_count; ++i) {
    faults += sum.seen.faults[i];
    std::cout << to_string(static_cast<fault>(i)) << " " << sum.seen.faults[i] << ", ";
  }
  std::cout << "\nin so many seeds: ";
  for (size_t i = 0; i < situation_count; ++i)
    std::cout << to_string(static_cast<situation>(i)) << " " << sum.seen.situations[i] << ", ";
  std::cout << "\n";
  for (const auto& [seed, why] : sum.failures)
    std::cout << "SHOAL_SEED=" << seed << " " << why.found.checker << ": " << why.found.what
              << "\n  " << why.plan << "\n";
  BOOST_TEST(sum.failures.empty(), sum.failures.size()
                                       << " seeds failed; replay one with SHOAL_SEED=N");
  for (const auto& what : sum.unseen)
    BOOST_ERROR(what << " never occurred: nothing of it was tested");
  if (c.from != c.to) {
    BOOST_TEST(sum.acknowledged_ops > 20 * (c.to - c.from));
    BOOST_TEST(faults > c.to - c.from);
  }
}

BOOST_AUTO_TEST_CASE(one_seed_is_one_run) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const auto first = world(make_plan(seed)).run();
    const auto second = world(make_plan(seed)).run();
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      BOOST_TEST(first.trace == second.trace);
      BOOST_TEST(first.events == second.events);
    }
  }
}

// Each planted bug changes what happens between the code under test and its world (planted.cpp).
// One that no checker finds shows a checker that has gone blind.
BOOST_AUTO_TEST_CASE(every_planted_bug_is_found_within_200_seeds) {
  std::map<std::string, int> checkers;
  for (const auto b : all_bugs()) {
    std::string report;
    for (uint64_t seed = 1; seed <= 200 && report.empty(); ++seed)
      if (const auto v = world(make_plan(seed), with(b)).run(); v.found) {
        report = "seed " + std::to_string(seed) + ", " + v.found->checker + ": " + v.found->what;
        ++checkers[v.found->checker];
      }
    std::cout << to_string(b) << ": " << (report.empty() ? "NOT FOUND" : report.substr(0, 160))
              << "\n";
    BOOST_TEST(!report.empty(), to_string(b) << " was not found");
  }
  for (const char* checker : {"convergence", "lost_write", "hlc", "seq", "early_prune", "fold",
                              "digest", "atomic", "in_flight", "log_drains", "catch_up"})
    BOOST_TEST(checkers[checker] > 0, checker << " was the first to find none of the bugs");
}

BOOST_AUTO_TEST_SUITE_END()
