#include "actors/transport/frame_splitter.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <random>

using namespace shoal;
using namespace shoal::transport;

namespace {

std::string header(size_t length) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8)
    bytes += static_cast<char>(length >> shift & 0xff);
  return bytes;
}
std::string frame(const std::string& payload) { return header(payload.size()) + payload; }

uint64_t test_seed() {
  const char* given = std::getenv("SHOAL_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

constexpr size_t small = wire_limits::frame_bytes_before_hello;
constexpr size_t large = wire_limits::frame_bytes;

} // namespace

BOOST_AUTO_TEST_SUITE(splitting_frames)

BOOST_AUTO_TEST_CASE(frames_come_out_whole_however_the_bytes_are_cut) {
  auto seed = test_seed();
  BOOST_TEST_MESSAGE("SHOAL_SEED=" << seed);
  std::mt19937_64 random{seed};
  for (int round = 0; round < 50; ++round)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed << " round " << round) {
      std::vector<std::string> sent;
      std::string stream;
      for (size_t n = random() % 20; n > 0; --n) {
        sent.push_back(std::string(1 + random() % (random() % 4 == 0 ? 100'000 : 20),
                                   static_cast<char>(random())));
        stream += frame(sent.back());
      }
      frame_splitter splitter;
      std::vector<std::string> got;
      for (size_t at = 0; at < stream.size();) {
        size_t step = std::min(stream.size() - at, 1 + random() % (random() % 2 == 0 ? 5 : 30'000));
        BOOST_REQUIRE(splitter.push(std::string_view{stream}.substr(at, step), got).ok());
        at += step;
      }
      BOOST_TEST((got == sent));
      BOOST_TEST(!splitter.mid_frame());
    }
}

BOOST_AUTO_TEST_CASE(part_of_a_frame_is_seen_as_such) {
  frame_splitter splitter;
  std::vector<std::string> got;
  BOOST_TEST(!splitter.mid_frame());
  BOOST_REQUIRE(splitter.push(header(3).substr(0, 1), got).ok());
  BOOST_TEST(splitter.mid_frame());
  BOOST_REQUIRE(splitter.push(header(3).substr(1) + "ab", got).ok());
  BOOST_TEST(splitter.mid_frame());
  BOOST_TEST(got.empty());
  BOOST_REQUIRE(splitter.push("c", got).ok());
  BOOST_TEST(!splitter.mid_frame());
  BOOST_TEST((got == std::vector<std::string>{"abc"}));
}

BOOST_AUTO_TEST_CASE(a_frame_of_length_0_is_an_error) {
  frame_splitter splitter;
  std::vector<std::string> got;
  auto pushed = splitter.push(frame("good") + header(0), got);
  BOOST_REQUIRE(!pushed.ok());
  BOOST_TEST((pushed.err().code == ec::bad_value));
  BOOST_TEST((got == std::vector<std::string>{"good"}));
}

BOOST_AUTO_TEST_CASE(a_length_is_judged_before_the_payload_comes) {
  for (size_t length : {small + 1, large, large + 1, size_t{0xffffffff}}) {
    frame_splitter splitter;
    std::vector<std::string> got;
    auto pushed = splitter.push(header(length), got);
    BOOST_REQUIRE(!pushed.ok());
    BOOST_TEST((pushed.err().code == ec::too_large));
    BOOST_TEST(pushed.err().message.find(std::to_string(length)) != std::string::npos);
    BOOST_TEST(pushed.err().message.find(std::to_string(small)) != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_first_frame_may_have_all_of_the_limit) {
  frame_splitter splitter;
  std::vector<std::string> got;
  BOOST_REQUIRE(splitter.push(frame(std::string(small, 'h')), got).ok());
  BOOST_REQUIRE(got.size() == 1);
  BOOST_TEST(got[0].size() == small);
}

BOOST_AUTO_TEST_CASE(a_raised_limit_admits_larger_frames_up_to_it) {
  frame_splitter splitter;
  std::vector<std::string> got;
  BOOST_REQUIRE(splitter.raise_limit(got).ok());
  BOOST_REQUIRE(splitter.push(frame(std::string(large, 'x')), got).ok());
  BOOST_REQUIRE(got.size() == 1);
  BOOST_TEST(!splitter.push(header(large + 1), got).ok());
}

BOOST_AUTO_TEST_CASE(a_large_frame_behind_the_first_waits_for_the_limit_to_be_raised) {
  frame_splitter splitter;
  std::vector<std::string> got;
  auto stream = frame("hello") + frame(std::string(small + 1, 'x')) + frame("tail");
  BOOST_REQUIRE(splitter.push(std::string_view{stream}.substr(0, 1000), got).ok());
  BOOST_REQUIRE(splitter.push(std::string_view{stream}.substr(1000), got).ok());
  BOOST_REQUIRE(got.size() == 1);
  BOOST_TEST(splitter.mid_frame());
  BOOST_REQUIRE(splitter.raise_limit(got).ok());
  BOOST_REQUIRE(got.size() == 3);
  BOOST_TEST(got[1].size() == small + 1);
  BOOST_TEST(got[2] == "tail");
  BOOST_TEST(!splitter.mid_frame());
}

BOOST_AUTO_TEST_CASE(what_is_held_back_is_bounded) {
  frame_splitter splitter;
  std::vector<std::string> got;
  BOOST_REQUIRE(splitter.push(frame("hello") + header(large), got).ok());
  std::string piece(size_t{1} << 20, 'x');
  size_t held = 0;
  auto pushed = splitter.push(piece, got);
  for (; pushed.ok(); pushed = splitter.push(piece, got))
    BOOST_REQUIRE((held += piece.size()) <= frame_splitter::held_bytes);
  BOOST_TEST((pushed.err().code == ec::too_large));
  BOOST_TEST(held == frame_splitter::held_bytes);
}

BOOST_AUTO_TEST_CASE(a_fault_in_what_was_held_back_shows_when_the_limit_is_raised) {
  frame_splitter splitter;
  std::vector<std::string> got;
  BOOST_REQUIRE(
      splitter.push(frame("hello") + frame(std::string(large, 'x')) + header(large + 1), got).ok());
  BOOST_TEST(!splitter.raise_limit(got).ok());
  BOOST_TEST(got.size() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
