// What is remembered of ops for traces, and for how long.

#include "actors/op_times.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::test {

namespace {

stream_id stream_of(uint8_t n) {
  stream_id s;
  s.origin.bytes.fill(n);
  s.epoch = 7;
  return s;
}

} // namespace

BOOST_AUTO_TEST_SUITE(op_moments)

BOOST_AUTO_TEST_CASE(an_op_had_happened_when_the_first_entry_that_covers_it_says_so) {
  timeline t;
  t.note(stream_of(1), 1, 5, 1000);
  t.note(stream_of(2), 0, 9, 1000);
  t.note(stream_of(1), 5, 8, 1000); // the same moment
  t.note(stream_of(1), 8, 12, 1003);
  t.note(stream_of(1), 8, 12, 1010); // told again
  BOOST_TEST(t.when(stream_of(1), 3).value_or(0) == 1000U);
  BOOST_TEST(!t.when(stream_of(1), 1).has_value()); // before all that was noted
  BOOST_TEST(t.when(stream_of(1), 8).value_or(0) == 1000U);
  BOOST_TEST(t.when(stream_of(1), 9).value_or(0) == 1003U);
  BOOST_TEST(t.when(stream_of(1), 12).value_or(0) == 1003U);
  BOOST_TEST(!t.when(stream_of(1), 13).has_value());
  BOOST_TEST(t.when(stream_of(2), 9).value_or(0) == 1000U);
  BOOST_TEST(!t.when(stream_of(3), 1).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_too_long_ago_is_not_known_instead_of_being_told_wrong) {
  timeline t;
  for (uint64_t n = 1; n <= timeline::kept + 100; ++n)
    t.note(stream_of(1), n - 1, n, 1000 + n);
  BOOST_TEST(!t.when(stream_of(1), 1).has_value());
  BOOST_TEST(!t.when(stream_of(1), 100).has_value());
  BOOST_TEST(t.when(stream_of(1), 101).value_or(0) == 1101U);
  for (uint64_t n = 1; n <= timeline::kept; ++n)
    t.note(stream_of(2), n - 1, n, 10'000 + n);
  t.note(stream_of(1), 3000, 5000, 90'000);
  BOOST_TEST(!t.when(stream_of(1), 2000).has_value());
  BOOST_TEST(t.when(stream_of(1), 4000).value_or(0) == 90'000U);
}

BOOST_AUTO_TEST_CASE(streams_that_a_peer_makes_up_take_no_more_memory_than_others) {
  timeline t;
  auto made_up = stream_of(1);
  for (uint64_t n = 0; n < 10 * timeline::kept; ++n) {
    made_up.epoch = n;
    t.note(made_up, 0, 1, 1000 + n);
  }
  BOOST_TEST(t.when(made_up, 1).value_or(0) == 1000 + 10 * timeline::kept - 1);
  t.note(stream_of(2), 4, 5, 90'000);
  BOOST_TEST(t.when(stream_of(2), 5).value_or(0) == 90'000U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
