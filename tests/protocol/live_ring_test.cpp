#include "actors/protocol/live_ring.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using protocol::live_ring;

BOOST_AUTO_TEST_SUITE(live_ring_tests)

static range make(const stream_id& s, uint64_t from, uint64_t to, size_t bytes = 10) {
  range r;
  r.stream = s;
  r.from = from;
  r.to = to;
  r.count = static_cast<uint32_t>(to - from);
  r.ops = std::string(bytes, 'x');
  return r;
}
static const stream_id one{device_id{{1}}, 7};
static const stream_id two{device_id{{2}}, 7};

BOOST_AUTO_TEST_CASE(ranges_that_follow_on_each_other_are_joined) {
  live_ring ring(1000);
  ring.add(make(one, 0, 2));
  ring.add(make(two, 0, 9));
  ring.add(make(one, 2, 5));
  const auto got = ring.collect(one, 0, 1000, 100);
  BOOST_REQUIRE(got);
  BOOST_TEST(got->from == 0U);
  BOOST_TEST(got->to == 5U);
  BOOST_TEST(got->count == 5U);
  BOOST_TEST(got->ops.size() == 20U);
}

BOOST_AUTO_TEST_CASE(a_join_ends_at_the_size_asked_for_but_gives_one_range_at_least) {
  live_ring ring(1000);
  ring.add(make(one, 0, 2, 50));
  ring.add(make(one, 2, 5, 50));
  const auto got = ring.collect(one, 0, 60, 100);
  BOOST_REQUIRE(got);
  BOOST_TEST(got->to == 2U);
  BOOST_TEST(ring.collect(one, 0, 1, 100)->to == 2U);
}

BOOST_AUTO_TEST_CASE(a_cursor_inside_a_range_gets_the_whole_range) {
  live_ring ring(1000);
  ring.add(make(one, 0, 4));
  const auto got = ring.collect(one, 2, 1000, 100);
  BOOST_REQUIRE(got);
  BOOST_TEST(got->from == 0U);
  BOOST_TEST(got->to == 4U);
}

BOOST_AUTO_TEST_CASE(what_fell_out_or_never_was_there_is_not_served) {
  live_ring ring(100);
  for (uint64_t i = 0; i < 20; ++i)
    ring.add(make(one, i, i + 1, 10));
  BOOST_TEST(!ring.collect(one, 0, 1000, 100));
  BOOST_TEST(!ring.collect(one, 20, 1000, 100));
  BOOST_TEST(!ring.collect(two, 0, 1000, 100));
  BOOST_REQUIRE(ring.collect(one, 15, 1000, 100));
  BOOST_TEST(ring.collect(one, 15, 1000, 100)->to == 20U);
}

BOOST_AUTO_TEST_CASE(a_hole_starts_the_stream_anew) {
  live_ring ring(1000);
  ring.add(make(one, 0, 2));
  ring.add(make(one, 5, 6));
  BOOST_TEST(!ring.collect(one, 0, 1000, 100));
  BOOST_TEST(!ring.collect(one, 2, 1000, 100));
  BOOST_REQUIRE(ring.collect(one, 5, 1000, 100));
}

BOOST_AUTO_TEST_SUITE_END()
