// Replays tests/fuzz/corpus/envelope. tests/fuzz/make_corpus.py, which shares no code with ours,
// wrote the files; each is named after the verdict it must get.

#include "bytes.hpp"
#include "messages/message.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

using namespace shoal;
using namespace shoal::tests;

namespace {

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// As the fuzzer: the first byte says what the bytes are.
std::string verdict(const std::string& raw) {
  const auto first = static_cast<uint8_t>(raw.at(0));
  if (first == 't')
    return fault_of(parse_token(raw));
  if (first >> 4 == 9)
    return fault_of(raw, [](reader& in) {
      while (!in.at_end())
        read_op(in, device_id{});
    });
  const auto got = decode_envelope(raw);
  if (!got)
    return fault_of(got);
  const auto* r = std::get_if<range_message>(&got->body);
  return r ? fault_of(decode_ops(r->body)) : "none";
}

} // namespace

BOOST_AUTO_TEST_SUITE(corpus)

BOOST_AUTO_TEST_CASE(every_file_gets_the_verdict_in_its_name) {
  size_t good = 0;
  size_t bad = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(SHOAL_SOURCE_DIR "/tests/fuzz/corpus/envelope")) {
    const auto name = entry.path().filename().string();
    const auto expected = name.substr(0, name.find('-'));
    BOOST_TEST(verdict(contents(entry.path())) == (expected == "ok" ? "none" : expected), name);
    ++(expected == "ok" ? good : bad);
  }
  BOOST_TEST(good > 20U);
  BOOST_TEST(bad > 20U);
}

// The encoder writes what Python wrote: same key order, same shortest forms.
BOOST_AUTO_TEST_CASE(an_envelope_without_later_additions_encodes_to_the_bytes_it_came_in) {
  for (std::string_view name :
       {"hello", "hello-without-models", "goodbye", "error", "heartbeat", "heartbeat-unsettled",
        "statement", "exchange-request", "state-change", "state-batch", "state-request",
        "state-response", "shared-change", "shared-change-batch", "shared-change-response",
        "ack"}) {
    const auto raw =
        contents(SHOAL_SOURCE_DIR "/tests/fuzz/corpus/envelope/ok-" + std::string(name));
    const auto got = decode_envelope(raw);
    BOOST_REQUIRE_MESSAGE(got.ok(), name << ": " << reason(got));
    BOOST_TEST((encode_frame(*got)->substr(4) == raw), name);
  }
}

BOOST_AUTO_TEST_SUITE_END()
