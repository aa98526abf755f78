// Following changes on real nodes: while they write, die and come back, with slow followers, and by
// `shoal watch`.

#include "tests/nodes/feed.hpp"
#include "tests/nodes/writers.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <random>

namespace shoal::nodes {

namespace {

int64_t resident_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:"))
      return std::stoll(line.substr(6));
  return 0;
}

std::string put_tag(node& at, const std::string& name) {
  const auto got = at.client().put(record("tag", "new"), {{"canonical_name", name}});
  BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
  return got.body["token"];
}

/// A follower that never reads.
class stalled {
public:
  explicit stalled(node& at) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int small = 4096;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    const auto url = at.url();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    const auto ask = "GET " + lab_path("/changes?follow=1")
                     + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + at.token()
                     + "\r\n\r\n";
    BOOST_REQUIRE(::send(fd_, ask.data(), ask.size(), MSG_NOSIGNAL)
                  == static_cast<ssize_t>(ask.size()));
  }
  ~stalled() { ::close(fd_); }
  stalled(const stalled&) = delete;
  stalled& operator=(const stalled&) = delete;

private:
  int fd_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(feeds)

BOOST_AUTO_TEST_CASE(a_consumer_that_goes_from_node_to_node_misses_nothing_while_they_die) {
  const auto seed = test_seed();
  std::mt19937_64 random(seed);
  cluster lab(3);
  lab.start();
  BOOST_REQUIRE(lab.converge());
  ledger told;
  feed f;
  size_t at = 0;
  {
    writer one(lab[0], told, 1, 1ms);
    writer two(lab[1], told, 2, 1ms);
    f.follow(lab[at]);
    for (int round = 0; round < 12; ++round) {
      const auto goal = f.lines() + 1 + random() % 100;
      BOOST_REQUIRE(eventually([&] { return f.lines() >= goal || f.ended(); }, 60s));
      switch (random() % 3) {
      case 0: // the node dies under it
        lab[at].kill9();
        f.leave();
        lab[at].start();
        break;
      case 1: // it stops in order
        BOOST_TEST(lab[at].stop(20s).value_or(-1) == 0);
        BOOST_TEST(eventually([&] { return f.ended(); }));
        lab[at].start();
        break;
      default: f.leave(); // it goes by itself
      }
      at = random() % lab.size();
      f.follow(lab[at]);
      // A node that is behind the token for long says so, and is asked again.
      BOOST_REQUIRE(eventually(
          [&] {
            if (f.ended() && f.status() == 503)
              f.follow(lab[at]);
            return f.status() == 200;
          },
          60s));
      BOOST_TEST(f.error() == "");
    }
  }
  BOOST_REQUIRE(lab.converge(120s));
  BOOST_TEST(eventually([&] { return f.exported() == lab.exported(at); }, 60s),
             "SHOAL_SEED=" << seed << ": " << f.exported().size() << " bytes told, "
                           << lab.exported(at).size() << " exported");
  BOOST_TEST(told.all().size() > 10);
}

BOOST_AUTO_TEST_CASE(a_change_is_told_on_another_node_within_half_a_second_of_the_write) {
  cluster lab(2);
  lab.start();
  BOOST_REQUIRE(lab.converge());
  feed f;
  f.follow(lab[1]);
  BOOST_REQUIRE(eventually([&] { return !f.token().empty(); }));
  // The fastest of many: a machine under load may delay any of them.
  auto fastest = monotonic::duration::max();
  for (int n = 0; n < 50; ++n) {
    const auto name = "written " + std::to_string(n);
    put_tag(lab[0], name);
    const auto begin = monotonic::now();
    BOOST_REQUIRE(eventually([&] { return f.exported().find(name) != std::string::npos; }));
    fastest = std::min(fastest, monotonic::now() - begin);
  }
  std::printf("fastest: %lld us\n",
              static_cast<long long>(
                  std::chrono::duration_cast<std::chrono::microseconds>(fastest).count()));
  BOOST_TEST((fastest < 500ms));
}

BOOST_AUTO_TEST_CASE(deletes_cascades_and_a_pruned_log_reach_a_consumer_that_was_away) {
  cluster lab(2);
  lab.start();
  BOOST_REQUIRE(lab.converge());
  const auto tree = lab.scratch() / "tree";
  for (int d = 0; d < 5; ++d) {
    fs::create_directories(tree / std::to_string(d));
    for (int n = 0; n < 20; ++n)
      write_file(tree / std::to_string(d) / std::to_string(n), "x");
  }
  BOOST_REQUIRE(lab[0].cli({"index", "lab", tree}).code == 0);
  put_tag(lab[0], "stays");
  BOOST_REQUIRE(lab.converge());
  feed f;
  f.follow(lab[0]);
  BOOST_REQUIRE(eventually([&] { return f.exported() == lab.exported(0); }));
  f.leave();
  const auto listed = lab[0].client().get(lab_path("/records/location"));
  const auto location = listed.body["items"][0]["id"].get<std::string>();
  BOOST_REQUIRE(lab[0].client().remove(record("location", location)).ok());
  put_tag(lab[1], "new");
  BOOST_REQUIRE(lab.converge());
  // All members hold the shared ops: the log has let go of them.
  BOOST_REQUIRE(eventually([&] { return log_entries(lab[1]) == 0; }));
  f.follow(lab[1]);
  BOOST_TEST(eventually([&] { return f.exported() == lab.exported(1); }));
  BOOST_TEST(f.exported().find("\"entry\"") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_purge_makes_followers_begin_anew) {
  cluster lab(2);
  lab.start();
  BOOST_REQUIRE(lab.converge());
  const auto made = lab[1].client().put(record("volume", "new"), {{"fingerprint", "x"}});
  BOOST_REQUIRE(made.ok());
  BOOST_REQUIRE(lab.converge());
  feed f;
  f.follow(lab[0]);
  BOOST_REQUIRE(eventually([&] { return f.exported() == lab.exported(0); }));
  const auto before = f.token();
  BOOST_REQUIRE(lab[0].cli({"member", "remove", "lab", lab[1].device(), "--purge"}).code == 0);
  BOOST_TEST(eventually([&] { return f.ended(); }));
  BOOST_TEST(f.error() == "token_expired");
  f.forget();
  f.follow(lab[0]);
  BOOST_TEST(eventually([&] { return f.exported() == lab.exported(0); }));
}

BOOST_AUTO_TEST_CASE(a_token_of_a_node_that_had_not_purged_yet_makes_its_owner_begin_anew) {
  cluster lab(3);
  lab.start();
  BOOST_REQUIRE(lab.converge());
  BOOST_REQUIRE(lab[2].client().put(record("volume", "new"), {{"fingerprint", "x"}}).ok());
  BOOST_REQUIRE(lab.converge());
  BOOST_REQUIRE(lab[1].cli({"pause", "lab"}).code == 0);
  BOOST_REQUIRE(lab[0].cli({"member", "remove", "lab", lab[2].device(), "--purge"}).code == 0);
  BOOST_REQUIRE(lab.exported(0) != lab.exported(1));
  feed f; // holds what no delete will take, by a token that names all that there is
  f.follow(lab[1]);
  BOOST_REQUIRE(eventually([&] { return f.exported() == lab.exported(1) && !f.token().empty(); }));
  f.leave();
  f.follow(lab[0]);
  BOOST_TEST(eventually([&] { return f.ended(); }));
  BOOST_TEST(f.status() == 410);
  f.forget();
  f.follow(lab[0]);
  BOOST_TEST(eventually([&] { return f.exported() == lab.exported(0); }));
  f.leave();

  // Once both have purged, tokens of the one lead on at the other.
  BOOST_REQUIRE(lab[1].cli({"resume", "lab"}).code == 0);
  BOOST_REQUIRE(lab.converge(30s, {0, 1}));
  f.forget();
  f.follow(lab[1]);
  BOOST_REQUIRE(eventually([&] { return f.exported() == lab.exported(1) && !f.token().empty(); }));
  f.leave();
  put_tag(lab[0], "after the purge");
  const auto lines = f.lines();
  f.follow(lab[0]);
  BOOST_TEST(eventually([&] { return f.exported() == lab.exported(0); }));
  BOOST_TEST(f.error() == "");
  BOOST_TEST(f.lines() - lines < 3U); // not all anew
}

BOOST_AUTO_TEST_CASE(a_library_that_is_left_ends_its_followers_and_they_do_not_hold_it_back) {
  cluster lab(2);
  lab.start();
  BOOST_REQUIRE(lab.converge());
  feed f;
  f.follow(lab[1]);
  BOOST_REQUIRE(eventually([&] { return !f.token().empty(); }));
  BOOST_TEST(lab[1].cli({"library", "leave", "lab", "--now"}).code == 0);
  BOOST_TEST(eventually([&] { return f.ended(); }));
  BOOST_TEST(f.error() == "unavailable");
}

BOOST_AUTO_TEST_CASE(followers_that_take_nothing_cost_no_memory_and_delay_nobody) {
  cluster lab(1);
  lab.start();
  put_tag(lab[0], "first");
  std::vector<std::unique_ptr<stalled>> many;
  for (int n = 0; n < 100; ++n)
    many.push_back(std::make_unique<stalled>(lab[0]));
  feed f;
  f.follow(lab[0]);
  auto client = lab[0].client();
  const auto before = resident_kib(lab[0].pid());
  // 40 MB: for each of them in memory, it would be four gigabytes.
  for (int batch = 0; batch < 40; ++batch) {
    json ops = json::array();
    for (int n = 0; n < 500; ++n)
      ops.push_back({{"model", "tag"},
                     {"id", "new"},
                     {"fields", {{"canonical_name", std::string(2000, 'x')}}}});
    BOOST_REQUIRE(client.post(lab_path("/batch"), {{"ops", ops}}).ok());
  }
  BOOST_TEST(eventually([&] { return f.lines() >= 20'001; }, 120s));
  const auto after = resident_kib(lab[0].pid());
  std::printf("resident: %lld KiB before, %lld after\n", static_cast<long long>(before),
              static_cast<long long>(after));
  BOOST_TEST(after - before < 300'000);
}

BOOST_AUTO_TEST_CASE(watch_prints_changes_and_goes_on_after_a_restart) {
  cluster lab(1);
  lab.start();
  const auto token = put_tag(lab[0], "before");
  put_tag(lab[0], "first");
  const auto printed = lab.scratch() / "watched";
  process watch(
      {program, "--config", lab[0].config(), "watch", "lab", "--since", token, "--model", "tag"},
      printed);
  const auto has = [&](const std::string& name) {
    return eventually(
        [&] { return read_file(printed).find('"' + name + '"') != std::string::npos; });
  };
  BOOST_REQUIRE(has("first"));
  put_tag(lab[0], "second");
  BOOST_REQUIRE(has("second"));
  BOOST_REQUIRE(lab[0].stop().value_or(-1) == 0);
  lab[0].start();
  put_tag(lab[0], "third");
  BOOST_REQUIRE(has("third"));
  const auto all = read_file(printed);
  BOOST_TEST(all.find("\"before\"") == std::string::npos);
  BOOST_TEST(all.find("\"volume\"") == std::string::npos);
  // What was told before the restart is not told again.
  BOOST_TEST(all.find("\"first\"") == all.rfind("\"first\""));
  watch.signal(SIGTERM);
  BOOST_TEST(watch.ended_within(10s).has_value());
}

BOOST_AUTO_TEST_CASE(watch_says_what_is_wrong_and_ends) {
  cluster lab(1);
  lab.start();
  BOOST_TEST(lab[0].cli({"watch", "other"}).code == 1);
  BOOST_TEST(lab[0].cli({"watch", "lab", "--since", "nonsense"}).code == 1);
  lab[0].kill9();
  BOOST_TEST(lab[0].cli({"watch", "lab"}).code == 69);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
