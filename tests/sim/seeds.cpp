// The seeds. A failure prints the seed; SHOAL_SEED=N runs that one alone, SHOAL_SEEDS=FROM..TO a
// range of them (the whole last included). One that fails alone is shrunk and told.

#include "sim/campaign.hpp"
#include "sim/shrink.hpp"
#include "tests/sim/planted.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
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
  if (c.from == c.to && !sum.failures.empty())
    if (const auto s = shrink(make_plan(c.from), {}, 3000))
      std::cout << "in short: " << s->found.checker << ": " << s->found.what << "\n"
                << to_string(s->planned) << "\n"
                << text_of(s->lines, false);
  BOOST_TEST(sum.failures.empty(), sum.failures.size()
                                       << " seeds failed; replay one with SHOAL_SEED=N");
  for (const auto& what : sum.unseen)
    BOOST_ERROR(what << " never occurred: nothing of it was tested");
  if (c.from != c.to) {
    BOOST_TEST(sum.acknowledged_ops > 20 * (c.to - c.from));
    BOOST_TEST(faults > c.to - c.from);
  }
}

// From 20 members on much is said less often, and by one node after another (replicator::crowd).
BOOST_AUTO_TEST_CASE(large_meshes_converge_and_lose_nothing) {
  auto c = wanted(1, 10);
  c.to = std::min(c.to, c.from + 9); // each takes as long as twenty small ones
  c.nodes = 24;
  c.steps = 4000;
  const auto sum = run(c);
  for (const auto& [seed, why] : sum.failures)
    std::cout << "SHOAL_SEED=" << seed << " " << why.found.checker << ": " << why.found.what
              << "\n  " << why.plan << "\n";
  BOOST_TEST(sum.failures.empty());
  BOOST_TEST(sum.acknowledged_ops > 20 * (c.to - c.from));
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

// Nothing that matters is left out, and what is left is short.
BOOST_AUTO_TEST_CASE(a_failing_seed_shrinks_to_few_events_and_still_fails) {
  for (const auto b : {bug::range_over_gap, bug::cascade_index_lost, bug::delete_mark_lost}) {
    BOOST_TEST_CONTEXT(to_string(b)) {
      campaign c;
      c.planted = with(b);
      c.stop_at_first = true;
      const auto sum = run(c);
      BOOST_REQUIRE(!sum.failures.empty());
      const auto seed = sum.failures.begin()->first;
      const auto p = make_plan(seed);
      const auto whole = world(p, c.planted).run();
      const auto short_one = shrink(p, c.planted, 2000);
      BOOST_REQUIRE(short_one.has_value());
      BOOST_TEST_MESSAGE("SHOAL_SEED=" << seed << ": " << whole.script.size() << " events, then "
                                       << short_one->part.only.size());
      BOOST_TEST(short_one->found.checker == whole.found->checker);
      BOOST_TEST(short_one->part.only.size() <= 25);
      BOOST_TEST(short_one->part.only.size() < whole.script.size());
      // The script is a run of its own, and the trace tells each of its events.
      const auto again = world(short_one->planned, c.planted, &short_one->part).run();
      BOOST_REQUIRE(again.found.has_value());
      BOOST_TEST(again.found->what == short_one->found.what);
      const auto told = text_of(short_one->lines, true);
      BOOST_TEST(static_cast<size_t>(std::count(told.begin(), told.end(), '\n'))
                 == short_one->part.only.size());
      BOOST_TEST(text_of(short_one->lines, false).size() > told.size());
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_left_out_of_a_run_moves_nothing_else) {
  for (uint64_t seed = 1; seed <= 20; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      const auto p = make_plan(seed);
      const auto whole = world(p).run();
      excerpt part{{whole.script.begin(), whole.script.end()}, whole.times, {}};
      const auto same = world(p, {}, &part).run();
      BOOST_TEST(same.script.size() == whole.script.size());
      BOOST_TEST(same.acknowledged_ops == whole.acknowledged_ops);
    }
}

BOOST_AUTO_TEST_SUITE_END()
