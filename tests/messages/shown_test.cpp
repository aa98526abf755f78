// What peers write, as logs and terminals show it.

#include "messages/shown.hpp"

#include "messages/reader.hpp"

#include <boost/test/unit_test.hpp>

using shoal::shown;

BOOST_AUTO_TEST_SUITE(shown_text)

BOOST_AUTO_TEST_CASE(text_is_shown_as_it_is) {
  BOOST_TEST(shown("") == "");
  BOOST_TEST(shown("Bob\u2019s laptop, 50 %") == "Bob\u2019s laptop, 50 %");
}

BOOST_AUTO_TEST_CASE(what_would_move_a_cursor_or_begin_a_line_is_written_out) {
  BOOST_TEST(shown("a\n2026 info: all is well\x1b[2J") == "a\\x0a2026 info: all is well\\x1b[2J");
  BOOST_TEST(shown(std::string_view("\0\x7f", 2)) == "\\x00\\x7f");
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_text_are_written_out) {
  BOOST_TEST(shown("a\xff\xfe") == "a\\xff\\xfe");
}

BOOST_AUTO_TEST_CASE(long_text_is_cut_between_characters) {
  BOOST_TEST(shown(std::string(128, 'x')) == std::string(128, 'x'));
  BOOST_TEST(shown(std::string(1000, 'x')) == std::string(128, 'x') + "\u2026");
  std::string wide;
  for (int n = 0; n < 100; ++n)
    wide += "\u00fc";
  for (const char* before : {"", "x"}) {
    const auto out = shown(before + wide);
    BOOST_TEST(shoal::is_utf8(out));
    BOOST_TEST(out.find("\\x") == std::string::npos);
    BOOST_TEST(out.size() <= 128U + 3);
  }
}

BOOST_AUTO_TEST_SUITE_END()
