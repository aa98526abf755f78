#include "actors/protocol/rest.hpp"

#include <boost/test/unit_test.hpp>

using shoal::protocol::rest;

namespace {
constexpr uint64_t second_us = 1'000'000;
}

BOOST_AUTO_TEST_SUITE(rest_after_a_breach)

BOOST_AUTO_TEST_CASE(each_breach_is_followed_by_a_rest_twice_as_long_up_to_five_minutes) {
  rest r;
  uint64_t now = 50 * second_us;
  BOOST_TEST(r.over(now));
  for (const uint64_t seconds :
       std::initializer_list<uint64_t>{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}) {
    r.breached(now, "a second Hello");
    BOOST_TEST(r.reason() == "a second Hello");
    BOOST_TEST(!r.over(now + seconds * second_us - 1));
    now += seconds * second_us;
    BOOST_TEST(r.over(now));
  }
}

BOOST_AUTO_TEST_CASE(an_hour_without_a_breach_is_forgiven) {
  rest r;
  r.breached(second_us, "x");
  r.breached(second_us, "x");
  r.breached(3'600 * second_us, "x"); // less than an hour later
  BOOST_TEST(r.until_us() == 3'604 * second_us);
  r.breached(7'201 * second_us, "x");
  BOOST_TEST(r.until_us() == 7'202 * second_us);
}

BOOST_AUTO_TEST_CASE(an_operator_ends_a_rest_but_the_next_one_is_longer) {
  rest r;
  r.breached(second_us, "x");
  r.lift();
  BOOST_TEST(r.over(second_us));
  r.breached(second_us, "x");
  BOOST_TEST(r.until_us() == 3 * second_us);
}

BOOST_AUTO_TEST_SUITE_END()
