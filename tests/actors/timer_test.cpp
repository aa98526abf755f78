// What actors do when time passes.

#include "tests/actors/story.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::test {

BOOST_AUTO_TEST_SUITE(timers)

BOOST_AUTO_TEST_CASE(waits_end_at_their_deadlines_and_in_the_order_of_these) {
  const auto [first, count] = seeds(20);
  for (uint64_t seed = first; seed < first + count; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      lab l(seed, 2);
      BOOST_REQUIRE(l.run_until([&] { return l.level(); }, 60 * second));
      l.cut(0, 1, 0);
      l.write(0, {tag_edit(400, "n", "c")});
      l.run_for(second);
      std::vector<uint64_t> order;
      const auto began = l.now();
      for (const uint64_t ms : {3000, 500, 12000, 1500, 501})
        l.core(0)->wait(l.core(0)->now(), {l.device(1)}, 1, ms,
                        [&, ms](const result<api::wait_answer>& r) {
                          BOOST_TEST((r.ok() && r->held.empty() && r->missing.size() == 1));
                          order.push_back(ms);
                          BOOST_TEST(l.now() >= began + ms * 1000);
                          BOOST_TEST(l.now() <= began + ms * 1000 + second / 10);
                        });
      l.run_for(15 * second);
      BOOST_TEST((order == std::vector<uint64_t>{500, 501, 1500, 3000, 12000}));
    }
}

BOOST_AUTO_TEST_CASE(a_wait_ends_as_soon_as_the_peer_holds_what_was_asked_for) {
  lab l(5, 2);
  BOOST_REQUIRE(l.run_until([&] { return l.level(); }, 60 * second));
  l.write(0, {tag_edit(401, "n", "c")});
  BOOST_REQUIRE(l.run_until([&] { return l.answers.size() == 1; }, second));
  bool held = false;
  const auto began = l.now();
  l.core(0)->wait(l.core(0)->now(), {l.device(1)}, 1, 30'000,
                  [&](const result<api::wait_answer>& r) { held = r.ok() && r->held.size() == 1; });
  BOOST_REQUIRE(l.run_until([&] { return held; }, 30 * second));
  BOOST_TEST(l.now() - began < second);
}

// Heartbeats come every 10 s. One and a half without a word make a peer stale, three end the link.
BOOST_AUTO_TEST_CASE(a_peer_that_falls_silent_is_stale_first_and_then_dropped) {
  const auto [first, count] = seeds(10);
  for (uint64_t seed = first; seed < first + count; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      lab l(seed, 2);
      BOOST_REQUIRE(l.run_until([&] { return l.level(); }, 60 * second));
      l.run_for(25 * second);
      BOOST_TEST(l.drops.empty());
      const auto state = [&] { return l.core(0)->status().members.front().state; };
      BOOST_TEST(state() == "synced");
      l.hold(0, 1, true);
      const auto began = l.now();
      BOOST_REQUIRE(l.run_until([&] { return state() == "stale"; }, 60 * second));
      const auto stale_after = l.now() - began;
      BOOST_TEST(stale_after >= 5 * second - second / 10); // the last word may be 10 s old by then
      BOOST_TEST(stale_after <= 16 * second);
      BOOST_TEST(l.drops.empty());
      BOOST_REQUIRE(l.run_until([&] { return !l.drops.empty(); }, 60 * second));
      BOOST_TEST(l.now() - began >= stale_after + 10 * second);
      BOOST_TEST(l.now() - began <= 32 * second);
      l.write(0, {tag_edit(402, "n", "c")});
      check_the_end(l); // they find each other again
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
