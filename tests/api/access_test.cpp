// Who may ask, and what the surface answers to what it does not know.
#include "tests/api/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::test;

BOOST_AUTO_TEST_SUITE(api_access)

static std::string status_line(const served& s, const std::string& request) {
  raw_client c(s.server->port());
  c.say(request);
  auto answer = c.read_answer();
  return answer.substr(0, answer.find("\r\n"));
}

BOOST_AUTO_TEST_CASE(health_needs_no_token_and_everything_else_does) {
  served s;
  httplib::Client c("127.0.0.1", s.server->port());
  BOOST_TEST(c.Get("/healthz")->status == 200);
  for (auto path : {"/readyz", "/metrics", "/v1/status", "/v1/libraries",
                    "/v1/libraries/photos/digest", "/none"}) {
    auto r = c.Get(path);
    BOOST_TEST(r->status == 401, path);
    BOOST_TEST(code_of(r) == "unauthorized");
    BOOST_TEST(r->has_header("WWW-Authenticate"));
  }
  BOOST_TEST(c.Put("/v1/libraries/photos/records/tag/new", "{}", "application/json")->status
             == 401);
  for (auto wrong : {"Bearer 0123456789abcdeX", "Bearer ", "Basic 0123456789abcdef",
                     "0123456789abcdef", "Bearer 0123456789abcdef0"})
    BOOST_TEST(c.Get("/v1/status", {{"Authorization", wrong}})->status == 401, wrong);
  BOOST_TEST(c.Get("/v1/status", {{"Authorization", "bearer 0123456789abcdef"}})->status == 200);
}

BOOST_AUTO_TEST_CASE(the_status_page_needs_no_token_and_is_strict_about_where_things_come_from) {
  served s;
  httplib::Client c("127.0.0.1", s.server->port());
  for (auto path : {"/", "/?from=mail", "/page.js", "/page.css", "/icon.svg"}) {
    auto r = c.Get(path);
    BOOST_REQUIRE(r);
    BOOST_TEST(r->status == 200, path);
    BOOST_TEST(!r->body.empty());
    BOOST_TEST(r->get_header_value("Content-Security-Policy").find("default-src 'none'") == 0U);
    for (auto once : {"X-Content-Type-Options", "Cache-Control", "Content-Security-Policy"})
      BOOST_TEST(r->get_header_value_count(once) == 1U, once);
    BOOST_TEST(r->get_header_value("X-Content-Type-Options") == "nosniff");
    BOOST_TEST(c.Head(path)->status == 200);
  }
  BOOST_TEST(c.Get("/")->get_header_value("Content-Type") == "text/html; charset=utf-8");
  BOOST_TEST(c.Get("/")->body.find("<!doctype html>") == 0U);
  // Nothing else becomes open by looking like one of them.
  for (auto path : {"/index.html", "/page.js/x", "/page.js/", "//", "/./page.js", "/%70age.js",
                    "/v1/events", "/page.js%3f"})
    BOOST_TEST(c.Get(path)->status == 401, path);
  BOOST_TEST(c.Post("/", "{}", "application/json")->status == 405);
  BOOST_TEST(status_line(s, "GET / HTTP/1.1\r\nHost: evil.com\r\n\r\n")
             == "HTTP/1.1 403 Forbidden");
}

BOOST_AUTO_TEST_CASE(the_newest_log_lines_are_listed_whatever_bytes_they_hold) {
  served s;
  auto r = s.get("/v1/events");
  BOOST_REQUIRE(r->status == 200);
  const auto items = json::parse(r->body)["items"];
  BOOST_REQUIRE(items.size() == 1);
  BOOST_TEST(items[0]["time_ms"] == 1000);
  BOOST_TEST(items[0]["level"] == "info");
  BOOST_TEST(items[0]["component"] == "node");
  BOOST_TEST(items[0]["message"] == "linked to \xef\xbf\xbd");
  BOOST_TEST(s.get("/v1/events?limit=1")->status == 400);
}

BOOST_AUTO_TEST_CASE(a_server_without_a_token_admits_nobody) {
  test_node node;
  auto started = api::server::start({}, node);
  BOOST_REQUIRE(started);
  httplib::Client c("127.0.0.1", (*started)->port());
  BOOST_TEST(c.Get("/v1/status", {{"Authorization", "Bearer "}})->status == 401);
}

BOOST_AUTO_TEST_CASE(a_request_for_another_host_or_from_another_page_is_refused) {
  served s;
  const auto bearer = std::string("Authorization: Bearer ") + token + "\r\n\r\n";
  BOOST_TEST(status_line(s, "GET /v1/status HTTP/1.1\r\nHost: 127.evil.com\r\n" + bearer)
             == "HTTP/1.1 403 Forbidden");
  BOOST_TEST(status_line(s, "GET /healthz HTTP/1.1\r\nHost: evil.com\r\n\r\n")
             == "HTTP/1.1 403 Forbidden");
  BOOST_TEST(status_line(s, "GET /v1/status HTTP/1.1\r\n" + bearer) == "HTTP/1.1 400 Bad Request");
  BOOST_TEST(
      status_line(s, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n" + bearer)
      == "HTTP/1.1 400 Bad Request");
  BOOST_TEST(status_line(s, request_text("GET", "/v1/status", "", "Origin: http://evil.com\r\n"))
             == "HTTP/1.1 403 Forbidden");
  BOOST_TEST(status_line(s, request_text("GET", "/v1/status", "", "Origin: null\r\n"))
             == "HTTP/1.1 403 Forbidden");
  BOOST_TEST(status_line(s, request_text("GET", "/v1/status", "", "Origin: http://localhost\r\n"))
             == "HTTP/1.1 200 OK");
}

BOOST_AUTO_TEST_CASE(unknown_paths_are_404_and_unknown_methods_405_with_what_is_allowed) {
  served s;
  for (auto path : {"//", "/v1", "/v1/none", "/v1/libraries/photos/none",
                    "/v1/libraries/photos/records", "/v1//status"})
    BOOST_TEST(s.get(path)->status == 404, path);
  auto r = s.post("/v1/status", {});
  BOOST_TEST(r->status == 405);
  BOOST_TEST(r->get_header_value("Allow") == "GET, HEAD");
  BOOST_TEST(s.del("/v1/libraries/photos/digest")->status == 405);
  auto record = s.client().Patch("/v1/libraries/photos/records/tag/new", "{}", "application/json");
  BOOST_TEST(record->status == 405);
  BOOST_TEST(record->get_header_value("Allow") == "GET, HEAD, PUT, DELETE");
  BOOST_TEST(status_line(s, request_text("BREW", "/v1/status"))
             == "HTTP/1.1 405 Method Not Allowed");
  // Neither of them has changed anything.
  BOOST_TEST(s.get("/v1/libraries/photos/sync")->status == 405);
  BOOST_TEST(s.photos->syncs == 0);
}

BOOST_AUTO_TEST_CASE(head_answers_as_get_without_the_body) {
  served s;
  auto get = s.get("/v1/libraries/photos/members");
  auto head = s.client().Head("/v1/libraries/photos/members");
  BOOST_TEST(head->status == 200);
  BOOST_TEST(head->body.empty());
  BOOST_TEST(head->get_header_value("Content-Length") == get->get_header_value("Content-Length"));
}

BOOST_AUTO_TEST_CASE(a_body_must_say_that_it_is_json) {
  served s;
  auto c = s.client();
  for (auto type : {"text/plain", "application/x-www-form-urlencoded", "application/jsonx"})
    BOOST_TEST(c.Put("/v1/libraries/photos/records/tag/new", "{}", type)->status == 415, type);
  BOOST_TEST(c.Put("/v1/libraries/photos/records/tag/new", R"({"canonical_name":"x"})",
                   "application/json; charset=utf-8")
                 ->status
             == 200);
  // Without a body there is nothing to say it of.
  BOOST_TEST(c.Post("/v1/libraries/photos/sync")->status == 200);
}

BOOST_AUTO_TEST_CASE(a_taken_port_is_a_configuration_error_that_names_the_address) {
  served s;
  api::options o;
  o.token = token;
  o.port = s.server->port();
  auto second = api::server::start(o, s.node);
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.err().code == ec::config));
  BOOST_TEST(second.err().message.find("127.0.0.1:" + std::to_string(o.port)) != std::string::npos);
  o.host = "no such host";
  o.port = 0;
  auto third = api::server::start(o, s.node);
  BOOST_REQUIRE(!third);
  BOOST_TEST((third.err().code == ec::config));
}

BOOST_AUTO_TEST_SUITE_END()
