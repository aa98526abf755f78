#include "bytes.hpp"
#include "generator.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::tests;

BOOST_AUTO_TEST_SUITE(ids)

BOOST_AUTO_TEST_CASE(an_id_is_printed_as_a_lower_case_uuid) {
  const auto id = parse_id<device_id>("6BA7B810-9dad-11d1-80b4-00C04FD430c8");
  BOOST_REQUIRE(id);
  BOOST_TEST(to_string(*id) == "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  BOOST_TEST(to_hex(id->view()) == "6ba7b8109dad11d180b400c04fd430c8");
}

BOOST_AUTO_TEST_CASE(only_the_36_character_form_is_parsed) {
  for (std::string_view text :
       {"", "6ba7b8109dad11d180b400c04fd430c8", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c", "6ba7b810-9dad-11d1-80b4-00c04fd430c88",
        "6ba7b810-9dad-11d1-80b4-00c04fd430cg", "6ba7b810+9dad-11d1-80b4-00c04fd430c8",
        "6ba7b81-09dad-11d1-80b4-00c04fd430c8", " ba7b810-9dad-11d1-80b4-00c04fd430c8"})
    BOOST_TEST(!parse_uuid(text), text);
}

BOOST_AUTO_TEST_CASE(every_id_survives_text_and_bytes) {
  generator g(test_seed());
  for (int i = 0; i < 1000; ++i) {
    const auto id = g.id<record_id>();
    BOOST_REQUIRE(parse_id<record_id>(to_string(id)) == id);
    BOOST_REQUIRE(record_id::from_bytes(id.view()) == id);
  }
}

BOOST_AUTO_TEST_CASE(an_id_has_exactly_16_bytes) {
  BOOST_TEST(!device_id::from_bytes(""));
  BOOST_TEST(!device_id::from_bytes(std::string(15, 'x')));
  BOOST_TEST(!device_id::from_bytes(std::string(17, 'x')));
  BOOST_TEST(device_id::from_bytes(std::string(16, 'x')).has_value());
}

BOOST_AUTO_TEST_CASE(the_nil_id_names_nothing) {
  BOOST_TEST(device_id{}.is_nil());
  BOOST_TEST(!id_of<device_id>(1).is_nil());
}

BOOST_AUTO_TEST_CASE(ids_are_ordered_by_their_unsigned_bytes) {
  generator g(test_seed());
  for (int i = 0; i < 1000; ++i) {
    const auto a = g.id<record_id>();
    const auto b = g.id<record_id>();
    BOOST_REQUIRE((a < b) == (a.view() < b.view()));
    BOOST_REQUIRE((a < b) == (to_string(a) < to_string(b)));
  }
}

BOOST_AUTO_TEST_CASE(ids_that_differ_in_one_byte_are_told_apart) {
  generator g(test_seed());
  for (size_t at = 0; at < 16; ++at) {
    auto low = g.id<record_id>();
    auto high = low;
    BOOST_TEST((low == high && !(low < high) && (low <=> high) == 0));
    low.bytes[at] = 0x7f;
    high.bytes[at] = 0x80; // above it only as an unsigned byte
    BOOST_TEST((low != high && low < high && !(high < low) && (low <=> high) < 0), "byte " << at);
  }
}

BOOST_AUTO_TEST_CASE(streams_are_ordered_by_origin_then_epoch) {
  const stream_id a{id_of<device_id>(1), 5};
  const stream_id b{id_of<device_id>(1), 6};
  const stream_id c{id_of<device_id>(2), 1};
  BOOST_TEST((a < b && b < c && a < c && !(b < a) && !(c < b) && !(a < a)));
  BOOST_TEST(((a <=> b) < 0 && (c <=> b) > 0 && (a <=> a) == 0));
  BOOST_TEST((a == stream_id{id_of<device_id>(1), 5} && a != b));
}

// Computed with Python's uuid module; the first two stand in many documentations of UUIDv5.
BOOST_AUTO_TEST_CASE(uuid_v5_gives_the_known_vectors) {
  BOOST_TEST(to_string(uuid_v5(dns_namespace(), "python.org"))
             == "886313e1-3b8a-5372-9b90-0c9aee199e5d");
  BOOST_TEST(to_string(uuid_v5(dns_namespace(), "www.example.com"))
             == "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  BOOST_TEST(to_string(uuid_v5(dns_namespace(), "")) == "4ebd0208-8328-5d69-8c44-ec50939c0967");
  BOOST_TEST(to_string(uuid_v5(dns_namespace(), "shoal.tag"))
             == "aa059713-074d-5597-96c8-b28691339cc3");
  const auto space = uuid_v5(dns_namespace(), "shoal.user_metadata");
  BOOST_TEST(to_string(space) == "bd24fdbc-4013-5b6f-b23e-6847625ba96e");
  BOOST_TEST(to_string(uuid_v5(space, "content/abc")) == "7a2bca73-ebfa-5e76-b07c-dc57486d2443");
}

BOOST_AUTO_TEST_CASE(a_stream_is_printed_as_origin_and_epoch) {
  BOOST_TEST(to_string(stream_id{id_of<device_id>(0xab), 0x1f})
             == "abababab-abab-abab-abab-abababababab/000000000000001f");
}

BOOST_AUTO_TEST_CASE(dots_are_ordered_by_origin_then_epoch_then_seq) {
  const auto low = id_of<device_id>(1);
  const auto high = id_of<device_id>(2);
  BOOST_TEST((dot{low, 9, 9} < dot{high, 1, 1}));
  BOOST_TEST((dot{low, 1, 9} < dot{low, 2, 1}));
  BOOST_TEST((dot{low, 1, 1} < dot{low, 1, 2}));
  BOOST_TEST((dot{low, 7, 8}.stream() == stream_id{low, 7}));
}

BOOST_AUTO_TEST_SUITE_END()
