#include "bytes.hpp"
#include "messages/ids.hpp"
#include "messages/writer.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>

using namespace shoal;
using namespace shoal::tests;

namespace {

const auto read_value = [](reader& in) { in.value("x"); };
const auto skip_one = [](reader& in) { in.skip("x"); };
const auto read_uint = [](reader& in) { in.uint("x"); };
const auto read_array = [](reader& in) { in.array(1000, "x"); };
const auto read_map = [](reader& in) { in.map(1000, "x"); };
const auto read_str = [](reader& in) { in.str(1000, "x"); };
const auto read_bin = [](reader& in) { in.bin(1000, "x"); };

std::string nested(size_t containers, std::string_view opening, std::string_view innermost) {
  std::string out;
  for (size_t i = 0; i < containers; ++i)
    out += opening;
  return out += innermost;
}

} // namespace

BOOST_AUTO_TEST_SUITE(bounded_reading)

// By the table of formats in the MessagePack specification.
BOOST_AUTO_TEST_CASE(a_frame_reaches_as_far_as_its_first_byte_says) {
  const auto filler = [](size_t n) { return std::string(n, '\x01'); };
  for (unsigned b = 0; b < 256; ++b) {
    const std::string first(1, static_cast<char>(b));
    std::vector<std::string> wholes; // with lengths of 0, 1 and 3 where one follows
    const auto counted = [&](size_t length_bytes, size_t more, size_t each) {
      for (const size_t n : {size_t{0}, size_t{1}, size_t{3}})
        wholes.push_back(first + std::string(length_bytes - 1, '\0') + static_cast<char>(n)
                         + filler(more + n * each));
    };
    if (b <= 0x7f || b >= 0xe0 || b == 0xc0 || b == 0xc2 || b == 0xc3)
      wholes.push_back(first);
    else if (b <= 0x8f)
      wholes.push_back(first + filler(2 * (b & 15)));
    else if (b <= 0x9f)
      wholes.push_back(first + filler(b & 15));
    else if (b <= 0xbf)
      wholes.push_back(first + filler(b & 31));
    else if (b >= 0xc4 && b <= 0xc6) // bin
      counted(size_t{1} << (b - 0xc4), 0, 1);
    else if (b >= 0xc7 && b <= 0xc9) // ext
      counted(size_t{1} << (b - 0xc7), 1, 1);
    else if (b == 0xca || b == 0xcb) // float
      wholes.push_back(first + filler(b == 0xca ? 4 : 8));
    else if (b >= 0xcc && b <= 0xd3) // uint, int
      wholes.push_back(first + filler(size_t{1} << (b & 3)));
    else if (b >= 0xd4 && b <= 0xd8) // fixext
      wholes.push_back(first + filler(1 + (size_t{1} << (b - 0xd4))));
    else if (b >= 0xd9 && b <= 0xdb) // str
      counted(size_t{1} << (b - 0xd9), 0, 1);
    else if (b == 0xdc || b == 0xdd) // array
      counted(b == 0xdc ? 2 : 4, 0, 1);
    else if (b == 0xde || b == 0xdf) // map
      counted(b == 0xde ? 2 : 4, 0, 2);
    if (wholes.empty()) {
      BOOST_TEST(b == 0xc1u); // the one that is never used
      BOOST_TEST(fault_of(first, [](reader& in) { in.frame("x"); }) == "wrong_type");
    }
    for (const auto& whole : wholes) {
      const auto more = whole + "\x01";
      reader in(more);
      in.frame("x");
      BOOST_TEST(!in.failed(), "first byte " << b);
      BOOST_TEST(in.offset() == whole.size(), "first byte " << b);
      for (size_t n = 0; n < whole.size(); ++n)
        BOOST_TEST(fault_of(whole.substr(0, n), [](reader& r) { r.frame("x"); }) == "truncated",
                   "first byte " << b << ", " << n << " bytes of it");
    }
  }
}

BOOST_AUTO_TEST_CASE(text_of_any_length_and_place_is_seen_not_to_be_utf_8) {
  for (size_t bytes = 1; bytes <= 40; ++bytes)
    for (size_t at = 0; at < bytes; ++at) {
      std::string text(bytes, 'x');
      BOOST_TEST(is_utf8(text));
      text[at] = '\x80';
      BOOST_TEST(!is_utf8(text));
      std::string raw;
      writer(raw).str(text);
      BOOST_TEST(fault_of(raw, read_str) == "bad_utf8");
    }
}

BOOST_AUTO_TEST_CASE(integers_of_every_form_are_read) {
  const std::pair<std::string_view, uint64_t> unsigned_forms[] = {
      {"00", 0},
      {"7f", 127},
      {"cc80", 128},
      {"cdffff", 65535},
      {"ceffffffff", UINT32_MAX},
      {"cfffffffffffffffff", UINT64_MAX},
      {"cf0000000000000001", 1},
      {"d07f", 127},
      {"d17fff", 32767},
      {"d27fffffff", INT32_MAX},
      {"d37fffffffffffffff", INT64_MAX}};
  for (const auto& [digits, number] : unsigned_forms) {
    const auto raw = hex(digits);
    reader in(raw);
    BOOST_TEST(in.uint("x") == number, digits);
    BOOST_TEST(!in.failed());
    BOOST_TEST(in.at_end());
  }
  const std::pair<std::string_view, int64_t> signed_forms[] = {{"ff", -1},
                                                               {"e0", -32},
                                                               {"d080", -128},
                                                               {"d18000", -32768},
                                                               {"d280000000", INT32_MIN},
                                                               {"d38000000000000000", INT64_MIN},
                                                               {"d3ffffffffffffffff", -1},
                                                               {"05", 5},
                                                               {"cc80", 128}};
  for (const auto& [digits, number] : signed_forms) {
    const auto raw = hex(digits);
    reader in(raw);
    BOOST_TEST(in.integer("x") == number, digits);
    BOOST_TEST(!in.failed());
  }
}

BOOST_AUTO_TEST_CASE(an_integer_of_the_wrong_sign_or_size_is_refused) {
  BOOST_TEST(fault_of(hex("ff"), read_uint) == "wrong_type");
  BOOST_TEST(fault_of(hex("d0ff"), read_uint) == "wrong_type");
  BOOST_TEST(fault_of(hex("cf8000000000000000"), [](reader& in) { in.integer("x"); })
             == "too_large");
  BOOST_TEST(fault_of(hex("05"), [](reader& in) { in.uint_max(5, "x"); }) == "none");
  BOOST_TEST(fault_of(hex("06"), [](reader& in) { in.uint_max(5, "x"); }) == "too_large");
}

BOOST_AUTO_TEST_CASE(another_type_than_asked_for_is_a_wrong_type) {
  // One item of each type, and which of the calls takes it.
  struct {
    std::string_view digits;
    char takes;
  } const items[] = {{"01", 'u'},         {"ff", 'i'},     {"c3", 'b'},
                     {"a161", 's'},       {"c40161", 'n'}, {"9101", 'a'},
                     {"8100c0", 'm'},     {"c0", 'z'},     {"cb0000000000000000", 'f'},
                     {"ca00000000", 'f'}, {"d40000", 'e'}, {"c1", 'x'}};
  for (const auto& item : items) {
    const auto raw = hex(item.digits);
    const auto fault = [&](auto read) {
      reader in(raw);
      read(in);
      return in.failed() ? to_string(in.err().code) : "none";
    };
    const auto want = [&](std::string_view takers) {
      return takers.find(item.takes) == std::string_view::npos ? "wrong_type" : "none";
    };
    BOOST_TEST(fault(read_uint) == want("u"), item.digits);
    BOOST_TEST(fault([](reader& in) { in.integer("x"); }) == want("ui"), item.digits);
    BOOST_TEST(fault([](reader& in) { in.boolean("x"); }) == want("b"), item.digits);
    BOOST_TEST(fault(read_str) == want("s"), item.digits);
    BOOST_TEST(fault(read_bin) == want("n"), item.digits);
    BOOST_TEST(fault(read_array) == want("a"), item.digits);
    BOOST_TEST(fault(read_map) == want("m"), item.digits);
    BOOST_TEST(reader(raw).take_nil() == (item.takes == 'z'), item.digits);
  }
}

// A header of 5 bytes may ask for 4 GiB: nothing may be allocated on its word.
BOOST_AUTO_TEST_CASE(length_bombs_are_refused_on_their_header) {
  const auto unbounded = [](auto read) {
    return [read](reader& in) { read(in, std::numeric_limits<size_t>::max()); };
  };
  for (std::string_view tail : {"", "00", "0000000000"}) {
    const auto with = [&](std::string_view head) { return hex(head) + hex(tail); };
    BOOST_TEST(fault_of(with("ddffffffff"), read_array) == "too_large");
    BOOST_TEST(fault_of(with("dfffffffff"), read_map) == "too_large");
    BOOST_TEST(fault_of(with("dbffffffff"), read_str) == "too_large");
    BOOST_TEST(fault_of(with("c6ffffffff"), read_bin) == "too_large");
    BOOST_TEST(
        fault_of(with("ddffffffff"), unbounded([](reader& in, size_t n) { in.array(n, "x"); }))
        == "truncated");
    BOOST_TEST(fault_of(with("dfffffffff"), unbounded([](reader& in, size_t n) { in.map(n, "x"); }))
               == "truncated");
    BOOST_TEST(fault_of(with("dbffffffff"), unbounded([](reader& in, size_t n) { in.str(n, "x"); }))
               == "truncated");
    BOOST_TEST(fault_of(with("c6ffffffff"), unbounded([](reader& in, size_t n) { in.bin(n, "x"); }))
               == "truncated");
    for (std::string_view head :
         {"ddffffffff", "dfffffffff", "dbffffffff", "dcffff", "deffff", "daffff", "d9ff"}) {
      BOOST_TEST(fault_of(with(head), read_value) == "truncated", head);
      BOOST_TEST(fault_of(with(head), skip_one) == "truncated", head);
    }
    for (std::string_view head :
         {"c6ffffffff", "c5ffff", "c4ff", "c9ffffffff", "c8ffff", "c7ff", "d8"})
      BOOST_TEST(fault_of(with(head), skip_one) == "truncated", head);
  }
}

BOOST_AUTO_TEST_CASE(a_count_at_its_bound_is_taken_and_one_more_refused) {
  const auto items = std::string(1001, '\x01');
  const auto head = [](std::string_view digits) { return hex(digits); };
  BOOST_TEST(
      fault_of(head("dc03e8") + items, [](reader& in) { BOOST_TEST(in.array(1000, "x") == 1000U); })
      == "trailing_bytes");
  BOOST_TEST(fault_of(head("dc03e9") + items, read_array) == "too_large");
  BOOST_TEST(fault_of(head("da03e8") + items.substr(0, 1000), read_str) == "none");
  BOOST_TEST(fault_of(head("da03e9") + items, read_str) == "too_large");
  BOOST_TEST(fault_of(head("c503e8") + items.substr(0, 1000), read_bin) == "none");
  BOOST_TEST(fault_of(head("c503e9") + items, read_bin) == "too_large");
  // An item takes at least one byte and a pair two: a count beyond that is cut off.
  BOOST_TEST(fault_of(hex("9301"), read_array) == "truncated");
  BOOST_TEST(fault_of(hex("820101"), read_map) == "truncated");
}

BOOST_AUTO_TEST_CASE(a_value_nests_to_the_depth_limit_and_no_further) {
  for (std::string_view opening : {std::string_view("\x91"), std::string_view("\x81\xa1k")}) {
    BOOST_TEST(fault_of(nested(wire_limits::depth, opening, "\x01"), read_value) == "none");
    BOOST_TEST(fault_of(nested(wire_limits::depth + 1, opening, "\x01"), read_value) == "too_deep");
    BOOST_TEST(fault_of(nested(wire_limits::depth, opening, "\x01"), skip_one) == "none");
    BOOST_TEST(fault_of(nested(wire_limits::depth + 1, opening, "\x01"), skip_one) == "too_deep");
    BOOST_TEST(fault_of(nested(2'000'000, opening, "\x01"), read_value) == "too_deep");
    BOOST_TEST(fault_of(nested(2'000'000, opening, "\x01"), skip_one) == "too_deep");
  }
}

BOOST_AUTO_TEST_CASE(a_value_is_cut_off_at_every_byte_but_the_last) {
  const auto whole =
      hex("84a161cb3ff8000000000000a16293c0c2d2ffff0000a163c41000112233445566778899aabbccddeeff"
          "a16481a178da0003e282ac");
  BOOST_TEST(fault_of(whole, read_value) == "none");
  for (size_t size = 0; size < whole.size(); ++size) {
    BOOST_TEST(fault_of(std::string_view(whole).substr(0, size), read_value) == "truncated", size);
    BOOST_TEST(fault_of(std::string_view(whole).substr(0, size), skip_one) == "truncated", size);
  }
  BOOST_TEST(fault_of(whole + '\xc0', read_value) == "trailing_bytes");
}

BOOST_AUTO_TEST_CASE(the_keys_of_a_value_strictly_ascend) {
  BOOST_TEST(fault_of(hex("82a16101a16202"), read_value) == "none");
  BOOST_TEST(fault_of(hex("82a16101a16102"), read_value) == "duplicate_key");
  BOOST_TEST(fault_of(hex("82a16201a16102"), read_value) == "duplicate_key");
  BOOST_TEST(fault_of(hex("82a001a001"), read_value) == "duplicate_key");
  BOOST_TEST(fault_of(hex("9182a1620182a16101a16101"), read_value) != "none");
  BOOST_TEST(fault_of(hex("8101c0"), read_value) == "wrong_type");
  // A key of several forms is still the same key.
  BOOST_TEST(fault_of(hex("82a16101d9016101"), read_value) == "duplicate_key");
}

BOOST_AUTO_TEST_CASE(nan_and_the_infinities_are_not_numbers) {
  for (std::string_view digits :
       {"cb7ff8000000000000", "cbfff8000000000001", "cb7ff0000000000001", "cb7ff0000000000000",
        "cbfff0000000000000", "ca7fc00000", "ca7f800000", "caff800000"}) {
    BOOST_TEST(fault_of(hex(digits), read_value) == "not_a_number", digits);
    BOOST_TEST(fault_of("\x91" + hex(digits), read_value) == "not_a_number", digits);
    BOOST_TEST(fault_of(hex(digits), skip_one) == "not_a_number", digits);
  }
  for (std::string_view digits :
       {"cb7fefffffffffffff", "cb8000000000000000", "cb0000000000000001", "ca7f7fffff"})
    BOOST_TEST(fault_of(hex(digits), read_value) == "none", digits);
}

BOOST_AUTO_TEST_CASE(a_field_has_no_ext_no_odd_bin_and_no_integer_beyond_63_bits) {
  for (std::string_view digits : {"d40000", "d5000000", "c7000a", "c1"})
    BOOST_TEST(fault_of(hex(digits), read_value) == "wrong_type", digits);
  BOOST_TEST(fault_of(hex("c400"), read_value) == "bad_value");
  BOOST_TEST(fault_of(hex("c411") + std::string(17, 'x'), read_value) == "bad_value");
  BOOST_TEST(fault_of(hex("c410") + std::string(16, 'x'), read_value) == "none");
  BOOST_TEST(fault_of(hex("cf7fffffffffffffff"), read_value) == "none");
  BOOST_TEST(fault_of(hex("cf8000000000000000"), read_value) == "too_large");
}

BOOST_AUTO_TEST_CASE(behind_an_unknown_key_any_well_formed_item_is_skipped) {
  for (std::string_view digits :
       {"d4007f", "d5000102", "d60001020304", "c70300010203", "c80001ff00", "c900000001ff00",
        "cf8000000000000000", "c400", "c403616263", "82c001c002", "8101c0", "8290c080c0"})
    BOOST_TEST(fault_of(hex(digits), skip_one) == "none", digits);
  BOOST_TEST(fault_of(hex("c1"), skip_one) == "wrong_type");
  BOOST_TEST(fault_of(hex("a1ff"), skip_one) == "bad_utf8");
}

BOOST_AUTO_TEST_CASE(a_value_keeps_the_bytes_it_came_in) {
  // Not the shortest forms: a node passes on what it was given.
  const auto raw = hex("cd0001 d90161 dc000101 ca3f800000");
  reader in(raw);
  BOOST_TEST(to_hex(in.value("x")) == "cd0001");
  BOOST_TEST(to_hex(in.value("x")) == "d90161");
  BOOST_TEST(to_hex(in.value("x")) == "dc000101");
  BOOST_TEST(to_hex(in.value("x")) == "ca3f800000");
  BOOST_TEST(in.at_end());
  BOOST_TEST(!in.failed());
}

BOOST_AUTO_TEST_CASE(an_id_is_a_bin_of_16_bytes) {
  const auto read = [](reader& in) { in.id<device_id>("x"); };
  BOOST_TEST(fault_of(hex("c410") + std::string(16, 'x'), read) == "none");
  BOOST_TEST(fault_of(hex("c40f") + std::string(15, 'x'), read) == "bad_value");
  BOOST_TEST(fault_of(hex("c411") + std::string(17, 'x'), read) == "too_large");
  BOOST_TEST(fault_of(hex("b0") + std::string(16, 'x'), read) == "wrong_type");
  BOOST_TEST(fault_of(hex("c410") + std::string(15, 'x'), read) == "truncated");
}

BOOST_AUTO_TEST_CASE(the_first_fault_sticks_and_every_call_after_it_gives_zero) {
  const auto raw = hex("c1 05 a161 c403616263 9101 8100c0 c3 c0");
  reader in(raw);
  in.uint("first");
  BOOST_REQUIRE(in.failed());
  in.fail(ec::bad_utf8, "second");
  BOOST_TEST(to_string(in.err().code) == "wrong_type");
  BOOST_TEST(in.err().message.find("first") != std::string::npos);
  BOOST_TEST(in.uint("x") == 0U);
  BOOST_TEST(in.integer("x") == 0);
  BOOST_TEST(in.uint_max(9, "x") == 0U);
  BOOST_TEST(!in.boolean("x"));
  BOOST_TEST(!in.take_nil());
  BOOST_TEST(in.str(99, "x").empty());
  BOOST_TEST(in.bin(99, "x").empty());
  BOOST_TEST(in.array(99, "x") == 0U);
  BOOST_TEST(in.map(99, "x") == 0U);
  BOOST_TEST(in.value("x").empty());
  BOOST_TEST(in.id<device_id>("x").is_nil());
  in.skip("x");
  in.finish("x");
  BOOST_TEST(to_string(in.err().code) == "wrong_type");
}

BOOST_AUTO_TEST_CASE(utf8_is_that_of_rfc_3629) {
  for (std::string_view digits : {"", "00", "7f", "c280", "dfbf", "e0a080", "ed9fbf", "ee8080",
                                  "efbfbf", "f0908080", "f48fbfbf", "61c3a9e282acf0908d88"})
    BOOST_TEST(is_utf8(hex(digits)), digits);
  for (std::string_view digits :
       {"80",       "bf",     "c0",   "c080",     "c1bf",     "c2",       "c241",
        "c2c2",     "e0",     "e080", "e08080",   "e09fbf",   "eda080",   "edbfbf",
        "e282",     "e28241", "f0",   "f0808080", "f08fbfbf", "f4908080", "f5808080",
        "f8888080", "fe",     "ff",   "f09080",   "61ff"})
    BOOST_TEST(!is_utf8(hex(digits)), digits);
  BOOST_TEST(fault_of(hex("a2c080"), read_str) == "bad_utf8");
  BOOST_TEST(fault_of(hex("a3eda080"), read_value) == "bad_utf8");
  BOOST_TEST(fault_of(hex("81a1ff01"), read_value) == "bad_utf8");
}

BOOST_AUTO_TEST_CASE(what_the_writer_writes_is_the_shortest_form_and_reads_back) {
  std::string raw;
  writer w(raw);
  w.uint(127), w.uint(128), w.uint(65536), w.integer(-1), w.integer(-33), w.real(1.0),
      w.boolean(false);
  BOOST_TEST(to_hex(raw) == "7fcc80ce00010000ffd0dfcb3ff0000000000000c2");
  reader in(raw);
  BOOST_TEST(in.uint("x") == 127U);
  BOOST_TEST(in.uint("x") == 128U);
  BOOST_TEST(in.uint("x") == 65536U);
  BOOST_TEST(in.integer("x") == -1);
  BOOST_TEST(in.integer("x") == -33);
  BOOST_TEST(to_hex(in.value("x")) == "cb3ff0000000000000");
  BOOST_TEST(!in.boolean("x"));
  in.finish("x");
  BOOST_TEST(!in.failed());
}

BOOST_AUTO_TEST_SUITE_END()
