#include "actors/protocol/backoff.hpp"

#include <boost/test/unit_test.hpp>

using shoal::protocol::backoff;

BOOST_AUTO_TEST_SUITE(backoff_tests)

BOOST_AUTO_TEST_CASE(the_window_doubles_up_to_the_cap) {
  backoff b(1000, 5000);
  // random = window gives the far end of each window
  BOOST_TEST(b.failed(0, 1000) == 1000U);
  BOOST_TEST(b.failed(0, 2000) == 2000U);
  BOOST_TEST(b.failed(0, 4000) == 4000U);
  BOOST_TEST(b.failed(0, 5000) == 5000U);
  for (int i = 0; i < 200; ++i)
    BOOST_TEST(b.failed(0, 5000) == 5000U);
}

BOOST_AUTO_TEST_CASE(the_next_try_is_anywhere_in_the_window) {
  for (uint64_t random = 0; random < 3000; ++random) {
    backoff b(1000, 5000);
    const auto next = b.failed(100, random);
    BOOST_REQUIRE(next >= 100);
    BOOST_REQUIRE(next <= 1100);
  }
}

BOOST_AUTO_TEST_CASE(success_starts_again_and_hurry_tries_at_once) {
  backoff b(1000, 60'000);
  b.failed(0, 1000);
  b.failed(0, 2000);
  BOOST_TEST(!b.due(1999));
  BOOST_TEST(b.due(2000));
  b.hurry();
  BOOST_TEST(b.due(0));
  b.succeeded();
  BOOST_TEST(b.failures() == 0U);
  BOOST_TEST(b.failed(0, 1000) == 1000U);
}

BOOST_AUTO_TEST_SUITE_END()
