// What a request says, taken apart without a server.
#include "actors/api/access.hpp"
#include "actors/api/gzip.hpp"
#include "actors/api/json_text.hpp"
#include "actors/api/record_filter.hpp"
#include "actors/api/target.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::api;

BOOST_AUTO_TEST_SUITE(api_text)

static std::string fault(std::string_view text) {
  auto parsed = parse_json(text);
  BOOST_REQUIRE_MESSAGE(!parsed, text);
  BOOST_TEST((parsed.err().code == ec::bad_request));
  return parsed.err().message;
}

static bool says(const std::string& message, std::string_view part) {
  if (message.find(part) != std::string::npos)
    return true;
  BOOST_TEST_MESSAGE("message: " << message);
  return false;
}

BOOST_AUTO_TEST_CASE(json_of_every_kind_is_read_as_it_stands) {
  const std::string text =
      R"({"a":[1,-2,3.5,true,null,"x\u00e9",{"b":{}}],"c":18446744073709551615,"d":[]})";
  auto parsed = parse_json(text);
  BOOST_REQUIRE(parsed);
  BOOST_TEST((*parsed == nlohmann::json::parse(text)));
  for (auto plain : {"1", "\"x\"", "null", " [ ] ", "-0.5"})
    BOOST_TEST(parse_json(plain).ok());
}

BOOST_AUTO_TEST_CASE(a_key_that_stands_twice_is_refused_at_any_depth) {
  BOOST_TEST(says(fault(R"({"a":1,"a":2})"), "\"a\" stands twice"));
  BOOST_TEST(says(fault(R"([{"x":{"b":1,"c":2,"b":1}}])"), "\"b\" stands twice"));
  BOOST_TEST(parse_json(R"([{"a":1},{"a":{"a":1}}])").ok());
}

BOOST_AUTO_TEST_CASE(a_fault_is_placed_by_line_column_and_byte) {
  BOOST_TEST(says(fault("{\"a\":1,}"), "line 1, column 8 (byte 8)"));
  BOOST_TEST(says(fault("{\n  \"a\": tru\n}"), "line 2, column 11"));
  BOOST_TEST(says(fault("{\"a\":1} x"), "byte 9"));
  BOOST_TEST(says(fault("{\"a\":\n1,\"a\":2}"), "line 2"));
  BOOST_TEST(says(fault(""), "empty"));
  fault("{");
  fault("[1,2");
  fault("{\"a\"}");
  fault("'x'");
}

BOOST_AUTO_TEST_CASE(what_json_cannot_carry_unchanged_is_refused) {
  BOOST_TEST(says(fault("[18446744073709551616]"), "64 bits"));
  fault("1e999");
  fault("NaN");
  fault("\"\xff\"");
  fault("\"\\ud800\"");
}

BOOST_AUTO_TEST_CASE(nesting_is_bounded) {
  BOOST_TEST(parse_json(std::string(json_depth, '[') + std::string(json_depth, ']')).ok());
  BOOST_TEST(
      says(fault(std::string(json_depth + 1, '[') + std::string(json_depth + 1, ']')), "deeper"));
  fault(std::string(1'000'000, '['));
}

BOOST_AUTO_TEST_CASE(a_target_is_decoded_segment_by_segment) {
  auto t = parse_target("/v1/my%20photos/a%2Fb?x=1%262&y=a+b&z&empty=");
  BOOST_REQUIRE(t);
  BOOST_TEST(t->path.size() == 3);
  BOOST_TEST(t->path[1] == "my photos");
  BOOST_TEST(t->path[2] == "a/b");
  BOOST_TEST(t->get("x").value() == "1&2");
  BOOST_TEST(t->get("y").value() == "a b");
  BOOST_TEST(!t->get("z").has_value());
  BOOST_TEST(!t->get("empty").has_value());
  BOOST_TEST(parse_target("/")->path.empty());
}

BOOST_AUTO_TEST_CASE(malformed_targets_are_refused) {
  for (auto bad :
       {"", "x", "http://localhost/", "*", "/%", "/%2", "/%zz", "/%00", "/%ff", "/?a=%f"})
    BOOST_TEST(!parse_target(bad).ok(), bad);
}

BOOST_AUTO_TEST_CASE(a_parameter_that_is_unknown_or_given_twice_is_refused_by_name) {
  auto t = parse_target("/?limit=3&afer=x");
  auto known = t->expect({"limit", "after"});
  BOOST_REQUIRE(!known);
  BOOST_TEST(says(known.err().message, "afer"));
  BOOST_TEST(says(known.err().message, "limit, after"));
  BOOST_TEST(!parse_target("/?limit=3&limit=4")->expect({"limit"}).ok());
  BOOST_TEST(parse_target("/?where=a%3D1&where=b%3D2")->expect({"where"}, "where").ok());
}

BOOST_AUTO_TEST_CASE(numbers_and_flags_are_read_whole_or_not_at_all) {
  auto t = parse_target("/?n=12&bad=12x&neg=-1&big=99&t=true&f=0&odd=maybe");
  BOOST_TEST(*t->number("n", 5, 50) == 12);
  BOOST_TEST(*t->number("none", 5, 50) == 5);
  for (auto name : {"bad", "neg", "big"})
    BOOST_TEST(!t->number(name, 5, 50).ok(), name);
  BOOST_TEST(*t->flag("t"));
  BOOST_TEST(!*t->flag("f"));
  BOOST_TEST(!*t->flag("none"));
  BOOST_TEST(!t->flag("odd").ok());
}

BOOST_AUTO_TEST_CASE(only_the_listeners_own_names_pass_as_host) {
  access_rules rules{"t", {"nas.local", "10.0.0.5"}};
  auto local = boost::asio::ip::make_address("127.0.0.1");
  for (auto good : {"127.0.0.1", "127.0.0.1:7421", "localhost", "LOCALHOST:1", "nas.local",
                    "NAS.local:80", "10.0.0.5"})
    BOOST_TEST(host_allowed(rules, good, local), good);
  for (auto bad :
       {"", "127.evil.com", "127.0.0.1.evil.com", "localhost.evil.com", "evil.com", "127.0.0.2",
        "127.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:0", "127.0.0.1:99999", "localhost:1:2",
        "[::1]", "[::1", "local host", "a@localhost", "0x7f.1", "2130706433", "nas.local."})
    BOOST_TEST(!host_allowed(rules, bad, local), bad);
  auto v6 = boost::asio::ip::make_address("::1");
  BOOST_TEST(host_allowed(rules, "[::1]:7421", v6));
  BOOST_TEST(host_allowed(rules, "[0:0::1]", v6));
  BOOST_TEST(!host_allowed(rules, "127.0.0.1", v6));
  auto mapped = boost::asio::ip::make_address("::ffff:10.0.0.7");
  BOOST_TEST(host_allowed(rules, "10.0.0.7", mapped));
  BOOST_TEST(!host_allowed(rules, "10.0.0.8", mapped));
}

BOOST_AUTO_TEST_CASE(only_pages_of_this_very_listener_pass_as_origin) {
  BOOST_TEST(origin_allowed("http://localhost:7421", "localhost:7421"));
  BOOST_TEST(origin_allowed("HTTP://LOCALHOST:7421", "localhost:7421"));
  for (auto bad : {"null", "", "http://evil.com", "https://localhost:7421", "http://localhost:7422",
                   "http://localhost", "http://localhost:7421.evil.com", "localhost:7421"})
    BOOST_TEST(!origin_allowed(bad, "localhost:7421"), bad);
}

BOOST_AUTO_TEST_CASE(secrets_are_equal_only_as_a_whole) {
  BOOST_TEST(same_secret("abc", "abc"));
  BOOST_TEST(!same_secret("abc", "abd"));
  BOOST_TEST(!same_secret("abc", "ab"));
  BOOST_TEST(!same_secret("", "a"));
}

BOOST_AUTO_TEST_CASE(gzip_is_used_only_where_it_is_taken) {
  for (auto yes : {"gzip", "deflate, gzip", "br;q=1.0, gzip;q=0.5", "*", "gzip ; q=0.1"})
    BOOST_TEST(accepts_gzip(yes), yes);
  for (auto no : {"", "identity", "gzip;q=0", "gzip;q=0.000", "xgzip", "gzipped"})
    BOOST_TEST(!accepts_gzip(no), no);
}

BOOST_AUTO_TEST_CASE(a_field_filter_matches_every_type_that_its_text_can_be) {
  record_view record;
  record.fields = {{"text", "\xa2"
                            "12"},
                   {"whole", "\x0c"},
                   {"yes", "\xc3"},
                   {"real", std::string("\xcb\x40\x28\0\0\0\0\0\0", 9)},
                   {"name", "\xa3"
                            "a=b"}};
  auto matches = [&](const char* text) { return field_filter::parse(text)->matches(record); };
  for (auto good : {"text=12", "whole=12", "real=12", "yes=true", "name=a=b", "gone=null"})
    BOOST_TEST(matches(good), good);
  for (auto bad : {"text=13", "whole=1", "yes=false", "name=a", "text=null", "gone=", "gone=x"})
    BOOST_TEST(!matches(bad), bad);
  BOOST_TEST(!field_filter::parse("novalue").ok());
  BOOST_TEST(!field_filter::parse("=x").ok());
}

BOOST_AUTO_TEST_CASE(every_error_code_has_a_status_of_the_contract) {
  for (int i = 0; i <= static_cast<int>(ec::config); ++i) {
    auto status = http_status(static_cast<ec>(i));
    BOOST_TEST((status >= 400 && status <= 599));
    BOOST_TEST(reason_phrase(status) != "Status");
  }
  BOOST_TEST(http_status(ec::not_owner) == 403);
  BOOST_TEST(http_status(ec::managed) == 403);
  BOOST_TEST(http_status(ec::unknown_model) == 404);
  BOOST_TEST(http_status(ec::conflict) == 409);
  BOOST_TEST(http_status(ec::gone) == 410);
  BOOST_TEST(http_status(ec::too_big) == 413);
  BOOST_TEST(http_status(ec::id_mismatch) == 422);
  BOOST_TEST(http_status(ec::missing_parent) == 422);
  BOOST_TEST(http_status(ec::clock) == 503);
  BOOST_TEST(http_status(ec::disk) == 507);
  BOOST_TEST(http_status(ec::outcome_unknown) == 507);
  BOOST_TEST(http_status(ec::timed_out) == 408);
}

BOOST_AUTO_TEST_SUITE_END()
