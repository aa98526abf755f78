// Connections that end anywhere, also in the middle of a frame.

#include "tests/actors/story.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::test {

BOOST_AUTO_TEST_SUITE(cuts)

static void tell(lab& l) {
  clients_write(l, 12, second);
  l.run_for(second);
  check_the_end(l);
}

BOOST_AUTO_TEST_CASE(a_link_may_be_cut_behind_any_byte_of_a_conversation) {
  const auto [first, count] = seeds(1);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    uint64_t whole = 0;
    {
      lab l(seed, 2);
      tell(l);
      whole = l.bytes_arrived;
    }
    BOOST_REQUIRE(whole > 1000U);
    constexpr uint64_t cuts = 150;
    for (uint64_t i = 0; i < cuts; ++i)
      BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed << ", cut behind byte " << 1 + whole * i / cuts) {
        lab l(seed, 2);
        l.cut_after(0, 1, 1 + whole * i / cuts, second / 2);
        tell(l);
      }
  }
}

BOOST_AUTO_TEST_CASE(three_libraries_converge_over_links_that_are_cut_again_and_again) {
  const auto [first, count] = seeds(40);
  for (uint64_t seed = first; seed < first + count; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      lab l(seed, 3);
      clients_write(l, 40, 8 * second);
      for (size_t i = 0; i < 20; ++i) {
        const auto a = l.random().below(3);
        const auto b = (a + 1 + l.random().below(2)) % 3;
        l.at(l.random().below(8 * second),
             [&l, a, b] { l.cut(a, b, 1 + l.random().below(second)); });
      }
      l.run_for(10 * second);
      check_the_end(l);
    }
}

// A — B — C: what A writes comes to C through B.
BOOST_AUTO_TEST_CASE(a_pair_that_is_never_linked_converges_through_the_third) {
  const auto [first, count] = seeds(20);
  for (uint64_t seed = first; seed < first + count; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      lab l(seed, 3);
      l.cut(0, 2, 0);
      clients_write(l, 30, 5 * second);
      l.run_for(5 * second);
      const bool same = l.run_until(
          [&] {
            const auto one = l.core(0)->status();
            const auto other = l.core(2)->status();
            return one.held == other.held && one.digest == other.digest && other.settled;
          },
          60 * second);
      BOOST_TEST(same);
      BOOST_TEST(!l.linked(0, 2));
      l.relink(0, 2);
      check_the_end(l);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
