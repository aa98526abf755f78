// The HTTP API under clients that do not behave: foreign names and pages, slow and endless
// requests, all against the real process. tests/api holds each rule to the letter.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shoal::nodes {

namespace {

/// One connection to a node's API; says what it likes.
class raw_http {
public:
  explicit raw_http(const node& n) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    signal(SIGPIPE, SIG_IGN);
    const auto url = n.url();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE(connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  raw_http(const raw_http&) = delete;
  raw_http& operator=(const raw_http&) = delete;
  ~raw_http() { close(fd_); }

  bool say(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0)
        return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  /// The status of the next answer; 0: none came before the end of the connection or the limit.
  int status(std::chrono::milliseconds limit = 20s) const {
    const auto until = monotonic::now() + limit;
    std::string got;
    while (got.find("\r\n") == std::string::npos) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(until - monotonic::now()).count();
      pollfd waiting{fd_, POLLIN, 0};
      char piece[4096];
      ssize_t n = 0;
      if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) <= 0
          || (n = recv(fd_, piece, sizeof piece, 0)) <= 0)
        return 0;
      got.append(piece, static_cast<size_t>(n));
    }
    return got.starts_with("HTTP/1.1 ") ? std::stoi(got.substr(9, 3)) : 0;
  }

private:
  int fd_;
};

struct attacked_api : cluster {
  attacked_api() : cluster(1) {
    start();
    const auto token = (*this)[0].token();
    bearer = "Authorization: Bearer " + token.substr(0, token.find('\n')) + "\r\n";
  }
  node& target() { return (*this)[0]; }
  int asked(const std::string& request) {
    const raw_http c(target());
    (void)c.say(request);
    return c.status();
  }
  std::string bearer;
};

} // namespace

BOOST_AUTO_TEST_SUITE(http_attack)

BOOST_FIXTURE_TEST_CASE(names_that_only_look_local_and_foreign_pages_are_refused, attacked_api) {
  const auto get = [&](const std::string& host, const std::string& more = {}) {
    return asked("GET /v1/status HTTP/1.1\r\nHost: " + host + "\r\n" + bearer + more + "\r\n");
  };
  BOOST_TEST(get("127.0.0.1") == 200);
  BOOST_TEST(get("localhost:80") == 200);
  for (const char* host : {"127.evil.com", "127.0.0.1.evil.com", "localhost.evil.com", "evil.com",
                           "127.0.0.1@evil.com", "2130706433", "0x7f000001", "127.1", "", "[::1",
                           "127.0.0.1, evil.com"})
    BOOST_TEST(get(host) == 403, "Host: " << host);
  BOOST_TEST(get("127.0.0.1", "Host: evil.com\r\n") == 400);
  BOOST_TEST(get("127.0.0.1", "Origin: http://evil.com\r\n") == 403);
  BOOST_TEST(get("127.0.0.1", "Origin: null\r\n") == 403);
  BOOST_TEST(get("127.0.0.1", "Origin: http://127.0.0.1\r\n") == 200);
}

BOOST_FIXTURE_TEST_CASE(no_path_but_health_answers_without_the_token, attacked_api) {
  for (const char* path :
       {"/metrics", "/v1/status", "/readyz?library=lab", "/v1/libraries",
        "/v1/libraries/lab/digest", "/v1/libraries/lab/records/tag", "/v1/libraries/lab/export",
        "//metrics", "/healthz/../metrics", "/HEALTHZ", "/healthz%2f..%2fmetrics", "/nothing"})
    BOOST_TEST(asked(std::string("GET ") + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n") == 401,
               path);
  BOOST_TEST(asked("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") == 200);
  const auto almost = bearer.substr(0, bearer.size() - 3) + "x\r\n";
  BOOST_TEST(asked("GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + almost + "\r\n") == 401);
  BOOST_TEST(asked("GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + bearer + almost + "\r\n")
             == 401);
}

BOOST_FIXTURE_TEST_CASE(reading_changes_nothing_and_a_form_is_no_write, attacked_api) {
  const auto before = exported(0);
  for (const char* path : {"/pause", "/resume", "/sync", "/prune", "/verify?repair=1", "/rebuild",
                           "/deadletter/retry", "/batch", "/members"})
    for (const char* method : {"GET", "HEAD"}) {
      const auto code = asked(std::string(method) + " /v1/libraries/lab" + path
                              + " HTTP/1.1\r\nHost: localhost\r\n" + bearer + "\r\n");
      BOOST_TEST((code == 405 || code == 400 || std::string(path) == "/members"),
                 method << " " << path << ": " << code);
    }
  const std::string body =
      R"({"ops":[{"model":"tag","id":"new","fields":{"canonical_name":"x"}}]})";
  for (const char* type :
       {"", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: multipart/form-data; boundary=application/json\r\n"})
    BOOST_TEST(asked("POST /v1/libraries/lab/batch HTTP/1.1\r\nHost: localhost\r\n" + bearer + type
                     + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body)
                   == 415,
               type);
  BOOST_TEST(exported(0) == before);
  BOOST_TEST(target().client().get("/v1/status").body["libraries"][0]["state"] == "ready");
}

BOOST_FIXTURE_TEST_CASE(headers_and_bodies_without_end_are_refused, attacked_api) {
  std::string many;
  for (int n = 0; n < 10'000; ++n)
    many += "X-" + std::to_string(n) + ": y\r\n";
  BOOST_TEST(asked("GET /v1/status HTTP/1.1\r\nHost: localhost\r\n" + bearer + many + "\r\n")
             == 431);
  BOOST_TEST(asked("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n") >= 400);
  const auto post = "POST /v1/libraries/lab/batch HTTP/1.1\r\nHost: localhost\r\n" + bearer
                    + "Content-Type: application/json\r\n";
  BOOST_TEST(asked(post + "Content-Length: 999999999999\r\n\r\n") == 413);
  BOOST_TEST(asked(post + "Content-Length: -1\r\n\r\n") == 400);
  BOOST_TEST(asked(post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
             == 400);
  BOOST_TEST(asked(post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n") == 400);
  // Chunks without end: cut off at the bound, whatever the client goes on to say.
  const raw_http c(target());
  BOOST_TEST(c.say(post + "Transfer-Encoding: chunked\r\n\r\n"));
  const auto chunk = "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
  for (int n = 0; n < 300 && c.say(chunk); ++n) {
  }
  BOOST_TEST(c.status() == 413);
}

BOOST_FIXTURE_TEST_CASE(slow_requests_keep_nobody_waiting_and_end_with_their_time, attacked_api) {
  std::vector<std::unique_ptr<raw_http>> slow;
  const auto head = "PUT /v1/libraries/lab/records/tag/new HTTP/1.1\r\nHost: localhost\r\n" + bearer
                    + "Content-Type: application/json\r\nContent-Length: 1000\r\n";
  for (int n = 0; n < 100; ++n) {
    slow.push_back(std::make_unique<raw_http>(target()));
    (void)slow.back()->say(n % 2 == 0 ? head : head + "\r\n{");
  }
  const auto begun = monotonic::now();
  auto honest = target().client();
  bool ended = false;
  while (!ended && monotonic::now() - begun < 90s) {
    BOOST_REQUIRE(honest.put(record("tag", "new"), {{"canonical_name", "meanwhile"}}).ok());
    for (const auto& c : slow) // a space at a time: nothing is ever whole
      (void)c->say(" ");
    ended = slow.front()->status(1s) == 408;
  }
  BOOST_TEST(ended);
  BOOST_TEST((monotonic::now() - begun > 10s)); // it was the time that ended it
  size_t told = 1;
  for (size_t n = 1; n < slow.size(); ++n)
    told += slow[n]->status(10s) == 408 ? 1U : 0U;
  BOOST_TEST(told == slow.size());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
