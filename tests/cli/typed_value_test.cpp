#include "cli/client/typed_value.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::cli {

BOOST_AUTO_TEST_SUITE(typed_values)

BOOST_AUTO_TEST_CASE(true_false_null_and_numbers_are_typed) {
  BOOST_TEST((typed_value("true") == json(true)));
  BOOST_TEST((typed_value("false") == json(false)));
  BOOST_TEST(typed_value("null").is_null());
  BOOST_TEST((typed_value("17") == json(17)));
  BOOST_TEST(typed_value("17").is_number_integer());
  BOOST_TEST((typed_value("-3") == json(-3)));
  BOOST_TEST((typed_value("0.5") == json(0.5)));
  BOOST_TEST((typed_value("1e3") == json(1000.0)));
  BOOST_TEST((typed_value("9223372036854775807") == json(INT64_MAX)));
}

BOOST_AUTO_TEST_CASE(everything_else_is_a_string) {
  for (const char* text : {"", "True", "NULL", "007", "+1", ".5", "1.", "1e", "0x10", "1 2", " 1",
                           "1e999", "-", "a=b", "[1]", "{}", "\"x\"", "nan", "2024-01-01"})
    BOOST_TEST((typed_value(text) == json(text)), "'" << text << "' is " << typed_value(text));
}

BOOST_AUTO_TEST_CASE(assignments_become_fields_in_their_order) {
  const auto fields =
      fields_of({"name=Beach", "color=#ff0000", "weight=3", "icon=null", "note=a=b"}, "");
  BOOST_REQUIRE(fields.ok());
  BOOST_TEST(text_of(*fields)
             == R"({"name":"Beach","color":"#ff0000","weight":3,"icon":null,"note":"a=b"})");
}

BOOST_AUTO_TEST_CASE(a_json_object_and_assignments_add_up) {
  const auto fields = fields_of({"b=2"}, R"({"a":{"$add":[1]}})");
  BOOST_REQUIRE(fields.ok());
  BOOST_TEST(text_of(*fields) == R"({"a":{"$add":[1]},"b":2})");
}

BOOST_AUTO_TEST_CASE(a_word_that_is_no_assignment_is_named) {
  BOOST_TEST(fields_of({"name"}, "").err().message == "'name' is not name=value");
  BOOST_TEST(fields_of({"=x"}, "").err().message == "'=x' is not name=value");
}

BOOST_AUTO_TEST_CASE(a_field_given_twice_is_refused) {
  BOOST_TEST((fields_of({"a=1", "a=2"}, "").err().code == ec::bad_request));
  BOOST_TEST((fields_of({"a=1"}, R"({"a":2})").err().code == ec::bad_request));
}

BOOST_AUTO_TEST_CASE(only_an_object_will_do_for_json) {
  BOOST_TEST(!fields_of({}, "[1]").ok());
  BOOST_TEST(!fields_of({}, "{").ok());
  BOOST_TEST(fields_of({}, "[1]").err().message.find("array") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli
