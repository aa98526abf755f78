#include "config/address.hpp"
#include "config/plain_text.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::config {

BOOST_AUTO_TEST_SUITE(addresses)

BOOST_AUTO_TEST_CASE(names_and_literals_are_read_and_printed_the_same) {
  for (const char* text :
       {"127.0.0.1:7420", "localhost:1", "nas.lan:65535", "[::1]:7420", "[fe80::1]:80", "my_nas:9"})
    BOOST_TEST_CONTEXT(text) {
      const auto got = parse_address(text, port_zero::refused);
      BOOST_REQUIRE(got.ok());
      BOOST_TEST(to_string(*got) == text);
    }
  const auto v6 = parse_address("[::1]:7420", port_zero::refused);
  BOOST_TEST(v6->host == "::1");
  BOOST_TEST(v6->port == 7420);
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_refused_with_the_reason) {
  const std::pair<const char*, const char*> wrong[] = {
      {"localhost", "no port"},
      {"", "no port"},
      {":7420", "no host"},
      {"::1:7420", "more than one colon"},
      {"[::1]7420", "no ]:PORT"},
      {"[::1:7420", "no ]:PORT"},
      {"[]:1", "no IPv6 address"},
      {"[1.2.3.4]:1", "no IPv6 address"},
      {"300.1.1.1:1", "neither a name"},
      {"10.1:1", "neither a name"},
      {"a b:1", "neither a name"},
      {"a..b:1", "neither a name"},
      {"http://a:1", "more than one"},
      {"a:", "port that is not"},
      {"a:-1", "port that is not"},
      {"a:+1", "port that is not"},
      {"a:65536", "port that is not"},
      {"a:99999999999999999999", "port that is not"},
      {"a:1x", "port that is not"},
      {"a: 1", "port that is not"},
      {"a:0", "port 0"},
  };
  for (const auto& [text, reason] : wrong)
    BOOST_TEST_CONTEXT(text) {
      const auto got = parse_address(text, port_zero::refused);
      BOOST_REQUIRE(!got.ok());
      BOOST_TEST(got.err().message.find(reason) != std::string::npos, got.err().message);
    }
  BOOST_TEST(!parse_address(std::string(64, 'a') + ":1", port_zero::refused).ok());
  BOOST_TEST(parse_address(std::string(63, 'a') + ":1", port_zero::refused).ok());
}

BOOST_AUTO_TEST_CASE(port_zero_is_for_listeners_only) {
  BOOST_TEST(parse_address("127.0.0.1:0", port_zero::allowed).ok());
  BOOST_TEST(!parse_address("127.0.0.1:0", port_zero::refused).ok());
}

BOOST_AUTO_TEST_CASE(only_this_machines_addresses_are_loopback) {
  BOOST_TEST(is_loopback({"127.0.0.1", 1}));
  BOOST_TEST(is_loopback({"127.9.9.9", 1}));
  BOOST_TEST(is_loopback({"::1", 1}));
  BOOST_TEST(is_loopback({"localhost", 1}));
  BOOST_TEST(!is_loopback({"0.0.0.0", 1}));
  BOOST_TEST(!is_loopback({"127.evil.com", 1}));
  BOOST_TEST(!is_loopback({"::", 1}));
}

BOOST_AUTO_TEST_CASE(only_well_formed_utf8_is_utf8) {
  for (const char* text :
       {"", "plain", "\u00e9", "\u20ac", "\U0001f41f", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"})
    BOOST_TEST(is_utf8(text), text);
  // A lone continuation, cut short, overlong, a surrogate, beyond the last code point, never a lead
  // byte.
  for (const char* text :
       {"\x80", "\xc3", "\xe2\x82", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80",
        "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"})
    BOOST_TEST(!is_utf8(text));
}

BOOST_AUTO_TEST_CASE(a_name_is_bounded_text_for_one_line) {
  BOOST_TEST(is_name("caf\u00e9 2"));
  BOOST_TEST(is_name(std::string(name_bytes_max, 'x')));
  for (const std::string& text :
       {std::string(), std::string(name_bytes_max + 1, 'x'), std::string("a\nb"),
        std::string("a\x7f"), std::string("a\0b", 3), std::string("\xff")})
    BOOST_TEST(!is_name(text));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::config
