// What happens on the wire: order, limits, deadlines, clients that go away, stopping.
#include "tests/api/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>

using namespace shoal;
using namespace shoal::test;
using std::chrono::milliseconds;

BOOST_AUTO_TEST_SUITE(api_connection)

static const std::string tag = "/v1/libraries/photos/records/tag/new";

static int status_of(const std::string& answer) {
  return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3));
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_answered_in_order) {
  served s;
  raw_client c(s.server->port());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += request_text("PUT", tag, R"({"canonical_name":"x"})");
    all += request_text("GET", "/v1/none-" + std::to_string(i));
    all += request_text("GET", "/healthz");
  }
  c.say(all);
  int last = 0;
  for (int i = 0; i < 50; ++i) {
    auto put = c.read_answer();
    BOOST_TEST(status_of(put) == 200);
    int seq = json::parse(put.substr(put.find("\r\n\r\n") + 4))["seq"];
    BOOST_TEST(seq > last);
    last = seq;
    BOOST_TEST(status_of(c.read_answer()) == 404);
    BOOST_TEST(status_of(c.read_answer()) == 200);
  }
}

BOOST_AUTO_TEST_CASE(a_request_may_arrive_byte_by_byte_and_in_chunks) {
  served s;
  raw_client c(s.server->port());
  for (char byte : request_text("PUT", tag, R"({"canonical_name":"x"})"))
    c.say({&byte, 1});
  BOOST_TEST(status_of(c.read_answer()) == 200);
  c.say("PUT " + tag + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token
        + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
          "5\r\n{\"can\r\n11\r\nonical_name\":\"y\"}\r\n0\r\n\r\n");
  BOOST_TEST(status_of(c.read_answer()) == 200);
}

BOOST_AUTO_TEST_CASE(a_client_that_asks_whether_to_go_on_is_told_so) {
  served s;
  raw_client c(s.server->port());
  const std::string body = R"({"canonical_name":"x"})";
  auto text = request_text("PUT", tag, body, "Expect: 100-continue\r\n");
  c.say(text.substr(0, text.size() - body.size()));
  BOOST_TEST(c.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  c.say(body);
  BOOST_TEST(status_of(c.read_answer()) == 200);
  // One that may not is told that, before it sends anything.
  raw_client stranger(s.server->port());
  stranger.say(
      "PUT " + tag
      + " HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 99999\r\n\r\n");
  BOOST_TEST(status_of(stranger.read_answer()) == 401);
}

BOOST_AUTO_TEST_CASE(a_body_beyond_the_limit_is_413_however_it_is_sent) {
  served s;
  raw_client c(s.server->port());
  auto head =
      "PUT " + tag
      + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer "
      + token + "\r\n";
  c.say(head + "Content-Length: 16777217\r\n\r\n");
  auto declared = c.read_answer();
  BOOST_TEST(status_of(declared) == 413);
  BOOST_TEST(declared.find("Connection: close") != std::string::npos);
  raw_client chunks(s.server->port());
  chunks.say(head + "Transfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "100000\r\n" + std::string(0x100000, ' ') + "\r\n";
  for (int i = 0; i < 17; ++i)
    chunks.say(chunk);
  BOOST_TEST(status_of(chunks.read_answer()) == 413);
  // A client that sends all of it first reads the answer, not a reset.
  auto r = s.client().Put(tag.c_str(), std::string(17 << 20, ' '), "application/json");
  BOOST_REQUIRE(r);
  BOOST_TEST(r->status == 413);
  BOOST_TEST(s.client()
                 .Put(tag.c_str(), std::string(15 << 20, ' ') + R"({"canonical_name":"x"})",
                      "application/json")
                 ->status
             == 200);
}

BOOST_AUTO_TEST_CASE(headers_beyond_the_limit_and_what_is_not_http_end_the_connection) {
  served s;
  raw_client large(s.server->port());
  large.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Large: " + std::string(40'000, 'x')
            + "\r\n\r\n");
  BOOST_TEST(status_of(large.read_answer()) == 431);
  BOOST_TEST(large.read_all().empty());
  for (auto text :
       {"\x16\x03\x01\x02\x01\x01\xfc\x03\x03 tls", "GET / HTTP/9.9\r\n\r\n", "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nBad Name: x\r\n\r\n"}) {
    raw_client c(s.server->port());
    c.say(std::string(text) + "\r\n\r\n");
    BOOST_TEST(status_of(c.read_answer()) == 400);
    c.read_all(); // returns: the server closes
  }
}

BOOST_AUTO_TEST_CASE(a_request_that_does_not_arrive_in_time_is_408) {
  api::bounds limits;
  limits.header = milliseconds(200);
  limits.body = milliseconds(200);
  limits.idle = milliseconds(200);
  served s(limits);
  raw_client header(s.server->port()), body(s.server->port()), idle(s.server->port()),
      silent(s.server->port());
  header.say("GET /healthz HTTP/1.1\r\nHo");
  auto text = request_text("PUT", tag, R"({"canonical_name":"x"})");
  body.say(text.substr(0, text.size() - 3));
  idle.say(request_text("GET", "/healthz"));
  BOOST_TEST(status_of(header.read_answer()) == 408);
  BOOST_TEST(status_of(body.read_answer()) == 408);
  BOOST_TEST(status_of(idle.read_answer()) == 200);
  // What never began a request is closed without a word.
  BOOST_TEST(idle.read_all().empty());
  BOOST_TEST(silent.read_all().empty());
  body.stop_sending();
  BOOST_TEST(body.read_all().empty());
}

BOOST_AUTO_TEST_CASE(connections_beyond_the_limit_are_told_so_and_room_is_used_again) {
  api::bounds limits;
  limits.connections = 4;
  served s(limits);
  std::vector<std::unique_ptr<raw_client>> taken;
  for (int i = 0; i < 4; ++i) {
    taken.push_back(std::make_unique<raw_client>(s.server->port()));
    taken.back()->say(request_text("GET", "/healthz"));
    BOOST_TEST(status_of(taken.back()->read_answer()) == 200);
  }
  raw_client fifth(s.server->port());
  fifth.say(request_text("GET", "/healthz"));
  BOOST_TEST(status_of(fifth.read_answer()) == 503);
  taken.pop_back();
  fifth.stop_sending();
  fifth.read_all();
  // The server notices the two that went as soon as it runs; each try is a connection of its own.
  int status = 503;
  for (int i = 0; i < 1000 && status == 503; ++i)
    status = s.get("/healthz")->status;
  BOOST_TEST(status == 200);
}

BOOST_AUTO_TEST_CASE(bodies_beyond_the_memory_of_the_server_are_503) {
  api::bounds limits;
  limits.pending_bytes = 100'000;
  served s(limits);
  raw_client first(s.server->port());
  auto text = request_text("PUT", tag, R"({"canonical_name":"x"})" + std::string(80'000, ' '));
  first.say(text.substr(0, text.size() - 1));
  // The first body is counted as soon as its header is read; the second request comes after it.
  int status = 200;
  for (int i = 0; i < 1000 && status == 200; ++i)
    status = s.client()
                 .Put(tag.c_str(), R"({"canonical_name":"y"})" + std::string(50'000, ' '),
                      "application/json")
                 ->status;
  BOOST_TEST(status == 503);
  first.say(text.substr(text.size() - 1));
  BOOST_TEST(status_of(first.read_answer()) == 200);
  // What was counted is free again.
  BOOST_TEST(s.client()
                 .Put(tag.c_str(), R"({"canonical_name":"y"})" + std::string(50'000, ' '),
                      "application/json")
                 ->status
             == 200);
}

BOOST_AUTO_TEST_CASE(a_write_whose_client_went_away_is_committed_and_harms_nobody) {
  served s;
  s.photos->hold = true;
  {
    raw_client gone(s.server->port());
    gone.say(request_text("PUT", tag, R"({"canonical_name":"x"})"));
    s.photos->await_held(1);
  }
  s.photos->let_go();
  BOOST_TEST(s.put(tag, {{"canonical_name", "y"}})->status == 200);
  BOOST_TEST(body_of(s.get("/v1/libraries/photos/records/tag"))["items"].size() == 2);
}

BOOST_AUTO_TEST_CASE(a_request_that_the_node_drops_is_answered_503) {
  served s;
  s.photos->swallow = true;
  auto r = s.put(tag, {{"canonical_name", "x"}});
  BOOST_REQUIRE(r);
  BOOST_TEST(r->status == 503);
  BOOST_TEST(code_of(r) == "unavailable");
}

BOOST_AUTO_TEST_CASE(stopping_lets_requests_in_progress_end) {
  api::bounds limits;
  limits.last_answers = milliseconds(20'000);
  served s(limits);
  s.photos->hold = true;
  raw_client c(s.server->port()), idle(s.server->port());
  idle.say(request_text("GET", "/healthz"));
  BOOST_TEST(status_of(idle.read_answer()) == 200);
  c.say(request_text("PUT", tag, R"({"canonical_name":"x"})"));
  s.photos->await_held(1);
  std::thread stopping([&] { s.server->stop(); });
  // The idle connection ends: the server is stopping now, and waits for the one write.
  BOOST_TEST(idle.read_all().empty());
  s.photos->let_go();
  auto answer = c.read_answer();
  BOOST_TEST(status_of(answer) == 200);
  BOOST_TEST(answer.find("Connection: close") != std::string::npos);
  c.stop_sending();
  c.read_all();
  stopping.join();
}

BOOST_AUTO_TEST_CASE(a_callback_after_the_end_of_the_server_is_harmless) {
  api::bounds limits;
  limits.last_answers = milliseconds(10);
  auto s = std::make_unique<served>(limits);
  s->photos->hold = true;
  raw_client c(s->server->port());
  c.say(request_text("PUT", tag, R"({"canonical_name":"x"})"));
  s->photos->await_held(1);
  s->server.reset();
  BOOST_TEST(c.read_all().empty());
  auto photos = s->photos;
  photos->let_go();
  // Jobs run in order: when this one has run, the write has called back.
  std::promise<void> ran;
  photos->prune([&](result<api::prune_answer>) { ran.set_value(); });
  ran.get_future().wait();
  s->server = std::move(*api::server::start({}, s->node));
}

BOOST_AUTO_TEST_CASE(many_clients_write_at_once_and_each_gets_its_own_answer) {
  served s;
  constexpr int clients = 64, each = 25;
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int n = 0; n < clients; ++n)
    threads.emplace_back([&, n] {
      auto c = s.client();
      c.set_keep_alive(true);
      for (int i = 0; i < each; ++i) {
        auto name = std::to_string(n) + "-" + std::to_string(i);
        auto put = c.Put(tag.c_str(), json{{"canonical_name", name}}.dump(), "application/json");
        if (!put || put->status != 200)
          continue;
        auto got = c.Get(
            ("/v1/libraries/photos/records/tag/" + body_of(put)["id"].get<std::string>()).c_str());
        if (got && got->status == 200 && body_of(got)["fields"]["canonical_name"] == name)
          ++good;
      }
    });
  for (auto& t : threads)
    t.join();
  BOOST_TEST(good == clients * each);
}

BOOST_AUTO_TEST_SUITE_END()
