#include "bytes.hpp"
#include "generator.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::tests;

namespace {

const hlc sample{0x0000018bcfe56800, 0x2a, id_of<device_id>(0xc3)};
constexpr auto sample_text =
    "0000018bcfe56800-000000000000002a-c3c3c3c3-c3c3-c3c3-c3c3-c3c3c3c3c3c3";

} // namespace

BOOST_AUTO_TEST_SUITE(stamps)

BOOST_AUTO_TEST_CASE(the_text_form_is_golden) {
  BOOST_TEST(to_string(sample) == sample_text);
  const auto parsed = parse_hlc(sample_text);
  BOOST_REQUIRE(parsed.ok());
  BOOST_TEST((*parsed == sample));
}

BOOST_AUTO_TEST_CASE(the_key_form_is_golden) {
  std::string raw;
  append_hlc(raw, sample);
  BOOST_TEST(to_hex(raw) == "0000018bcfe568000000002ac3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3");
  const auto decoded = decode_hlc(raw);
  BOOST_REQUIRE(decoded.ok());
  BOOST_TEST((*decoded == sample));
}

BOOST_AUTO_TEST_CASE(text_and_key_order_are_stamp_order) {
  generator g(test_seed());
  for (int i = 0; i < 2000; ++i) {
    auto a = g.stamp();
    auto b = g.stamp();
    if (g.coin())
      b.wall_ms = a.wall_ms;
    if (g.coin())
      b.counter = a.counter;
    std::string raw_a;
    std::string raw_b;
    append_hlc(raw_a, a);
    append_hlc(raw_b, b);
    BOOST_REQUIRE((a < b) == (to_string(a) < to_string(b)));
    BOOST_REQUIRE((a < b) == (raw_a < raw_b));
    BOOST_REQUIRE(*parse_hlc(to_string(a)) == a);
    BOOST_REQUIRE(*decode_hlc(raw_a) == a);
  }
}

BOOST_AUTO_TEST_CASE(a_counter_beyond_32_bits_is_too_large) {
  std::string text = sample_text;
  text[17 + 7] = '1';
  BOOST_TEST(fault_of(parse_hlc(text)) == "too_large");
  text = sample_text;
  text.replace(17, 16, "00000000ffffffff");
  BOOST_TEST(fault_of(parse_hlc(text)) == "none");
}

BOOST_AUTO_TEST_CASE(any_other_text_is_a_bad_value) {
  const std::string good = sample_text;
  BOOST_TEST(fault_of(parse_hlc("")) == "bad_value");
  BOOST_TEST(fault_of(parse_hlc(good + "0")) == "bad_value");
  for (size_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] = 'x';
    BOOST_TEST(fault_of(parse_hlc(bad)) == "bad_value", at);
    BOOST_TEST(fault_of(parse_hlc(good.substr(0, at))) == "bad_value", at);
  }
}

BOOST_AUTO_TEST_CASE(a_key_of_another_size_is_truncated) {
  for (size_t size : {0U, 27U, 29U})
    BOOST_TEST(fault_of(decode_hlc(std::string(size, 'x'))) == "truncated");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(clock_of_stamps)

BOOST_AUTO_TEST_CASE(stamps_strictly_increase_over_any_steps_of_the_wall) {
  generator g(test_seed());
  const auto self = g.id<device_id>();
  hlc_clock clock(self);
  constexpr uint64_t hour = 3'600'000;
  constexpr uint64_t years = 10 * 365 * 24 * hour;
  uint64_t wall = 100 * years;
  hlc last;
  for (int i = 0; i < 200'000; ++i) {
    switch (g.upto(7)) {
    case 0: wall += 1; break;
    case 1: wall -= 1; break;
    case 2: wall += g.upto(hour); break;
    case 3: wall -= g.upto(hour); break;
    case 4: wall = 100 * years + g.upto(years); break;
    default: break; // many writes in one millisecond
    }
    if (g.upto(9) == 0) {
      const hlc remote{wall + g.upto(240'000) - 120'000, g.number32(), g.id<device_id>()};
      const auto seen = clock.observe(remote, wall, 120'000);
      BOOST_REQUIRE(seen);
      BOOST_REQUIRE(clock.last() >= remote);
      last = std::max(last, remote);
    }
    if (g.upto(999) == 0)
      clock = hlc_clock(self, clock.last()); // a restart goes on from what was reserved
    const auto next = clock.tick(wall);
    BOOST_REQUIRE(next > last);
    BOOST_REQUIRE(next.device == self);
    BOOST_REQUIRE(next == clock.last());
    BOOST_REQUIRE(next.wall_ms >= wall);
    last = next;
  }
}

BOOST_AUTO_TEST_CASE(a_stamp_follows_the_wall_when_it_moves_on) {
  hlc_clock clock(id_of<device_id>(1));
  BOOST_TEST(clock.tick(1000).wall_ms == 1000U);
  BOOST_TEST(clock.tick(1000).counter == 1U);
  const auto later = clock.tick(1001);
  BOOST_TEST(later.wall_ms == 1001U);
  BOOST_TEST(later.counter == 0U);
  const auto back = clock.tick(5);
  BOOST_TEST(back.wall_ms == 1001U);
  BOOST_TEST(back.counter == 1U);
}

BOOST_AUTO_TEST_CASE(a_full_counter_borrows_the_next_millisecond) {
  const auto self = id_of<device_id>(1);
  hlc_clock clock(self, {1000, UINT32_MAX - 1, self});
  BOOST_TEST((clock.tick(1000) == hlc{1000, UINT32_MAX, self}));
  BOOST_TEST((clock.tick(1000) == hlc{1001, 0, self}));
  BOOST_TEST((clock.tick(1000) == hlc{1001, 1, self}));
}

BOOST_AUTO_TEST_CASE(a_peer_with_a_full_counter_and_a_higher_id_is_still_passed) {
  const auto self = id_of<device_id>(1);
  hlc_clock clock(self);
  const hlc remote{1000, UINT32_MAX, id_of<device_id>(0xff)};
  BOOST_TEST(clock.observe(remote, 1000, 0));
  BOOST_TEST((clock.tick(1000) > remote));
}

BOOST_AUTO_TEST_CASE(drift_up_to_the_bound_is_folded_in_and_beyond_it_is_refused) {
  hlc_clock clock(id_of<device_id>(1));
  const auto before = clock.tick(1'000'000);
  BOOST_TEST(!clock.observe({1'120'001, 0, id_of<device_id>(2)}, 1'000'000, 120'000));
  BOOST_TEST((clock.last() == before));
  BOOST_TEST(!clock.observe({UINT64_MAX, UINT32_MAX, id_of<device_id>(2)}, 1'000'000, 120'000));
  BOOST_TEST((clock.last() == before));
  BOOST_TEST(clock.observe({1'120'000, 7, id_of<device_id>(2)}, 1'000'000, 120'000));
  const auto after = clock.tick(1'000'000);
  BOOST_TEST(after.wall_ms == 1'120'000U);
  BOOST_TEST(after.counter == 8U);
}

BOOST_AUTO_TEST_CASE(an_older_stamp_leaves_the_clock_where_it_is) {
  hlc_clock clock(id_of<device_id>(1));
  const auto before = clock.tick(5000);
  BOOST_TEST(clock.observe({4999, UINT32_MAX, id_of<device_id>(2)}, 1, 120'000));
  BOOST_TEST((clock.last() == before));
}

BOOST_AUTO_TEST_SUITE_END()
