// Strangers in numbers: thousands of sockets that say nothing, little, or slowly, from many
// addresses. What they cost is bounded, and members do not notice. No certificate is at work here:
// strangers_test has the visits of those that have one.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <csignal>
#include <fcntl.h>
#include <netinet/in.h>
#include <sstream>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shoal::nodes {

namespace {

constexpr size_t accepted_at_once = 128; // unauthenticated connections that a node keeps

/// Non-blocking sockets, each from an address of its own choice in 127/8.
class crowd {
public:
  explicit crowd(size_t most) {
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &before_);
    auto limit = before_;
    limit.rlim_cur = std::max(before_.rlim_cur, std::min<rlim_t>(before_.rlim_max, most + 500));
    BOOST_REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    BOOST_REQUIRE_MESSAGE(limit.rlim_cur >= most + 200, "the test may open too few sockets");
  }
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;
  ~crowd() {
    leave();
    setrlimit(RLIMIT_NOFILE, &before_); // nodes that are started later inherit it
  }

  void come(uint16_t port, const std::string& saying) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    BOOST_REQUIRE(fd >= 0);
    fds_.push_back(fd);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    const auto n = static_cast<uint32_t>(came_++);
    from.sin_addr.s_addr = htonl((127U << 24) + ((n / 200 % 250 + 1) << 8) + n % 200 + 1);
    BOOST_REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    say(fds_.size() - 1, saying);
  }
  void say(size_t which, const std::string& bytes) {
    if (!bytes.empty())
      (void)send(fds_[which], bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  /// How many the other end has closed.
  size_t cut_off() {
    size_t n = 0;
    for (const int fd : fds_) {
      char piece[256];
      ssize_t got = 0;
      while ((got = recv(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0) {
      }
      n += got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK) ? 1 : 0;
    }
    return n;
  }
  size_t size() const { return fds_.size(); }
  void leave() {
    for (const int fd : fds_)
      close(fd);
    fds_.clear();
  }

private:
  rlimit before_{};
  std::vector<int> fds_;
  size_t came_ = 0;
};

size_t descriptors(node& n) {
  const auto folder = "/proc/" + std::to_string(n.pid()) + "/fd";
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator{}));
}
size_t rss_mib(node& n) {
  std::istringstream in(read_file("/proc/" + std::to_string(n.pid()) + "/statm"));
  size_t all = 0;
  size_t resident = 0;
  in >> all >> resident;
  return resident * 4096 >> 20;
}
double refused(node& n) {
  return metric(n.client().get("/metrics").text, "shoal_connections_refused_total").value_or(-1);
}
size_t lines_with(const std::string& log, const std::string& words) {
  size_t n = 0;
  for (size_t at = 0; (at = log.find(words, at)) != std::string::npos; ++at)
    ++n;
  return n;
}

struct three_members : cluster {
  three_members() : cluster(3) {
    start();
    BOOST_REQUIRE(converge());
    for (size_t n = 0; n < size(); ++n) {
      fds.push_back(descriptors((*this)[n]));
      rss.push_back(rss_mib((*this)[n]));
    }
  }
  /// All write and hear each other.
  void work(const std::string& when) {
    for (size_t n = 0; n < size(); ++n) {
      const auto wrote = (*this)[n].client().put(record("tag", "new"), {{"canonical_name", when}});
      BOOST_TEST(wrote.ok(), wrote.text);
    }
    BOOST_TEST(converge(60s), "not level " << when);
  }
  void check_bounds(const std::string& when) {
    for (size_t n = 0; n < size(); ++n) {
      // Beside the strangers: what the store and the test's own client opened meanwhile.
      BOOST_TEST(descriptors((*this)[n]) <= fds[n] + accepted_at_once + 60, when);
      BOOST_TEST(rss_mib((*this)[n]) <= rss[n] + 64, when);
    }
  }
  std::vector<size_t> fds;
  std::vector<size_t> rss;
};

const std::string a_client_hello_begins("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);

} // namespace

BOOST_AUTO_TEST_SUITE(crowds)

BOOST_FIXTURE_TEST_CASE(five_thousand_idle_sockets_cost_bounded_memory_and_keep_nobody_from_work,
                        three_members) {
  crowd strangers(5000);
  const auto begun = monotonic::now();
  for (size_t n = 0; n < 5000; ++n) {
    strangers.come((*this)[n % 3].port(), n % 2 == 0 ? "" : a_client_hello_begins);
    if (n % 1000 == 999) {
      work("while the crowd comes");
      check_bounds("while the crowd comes");
    }
  }
  for (int n = 0; n < 10; ++n)
    work("while the crowd is there");
  check_bounds("while the crowd is there");
  // All of them are cut off in the end, and counted.
  BOOST_TEST(eventually([&] { return strangers.cut_off() == strangers.size(); }, 120s));
  double counted = 0;
  BOOST_TEST(eventually([&] {
    counted = 0;
    for (size_t n = 0; n < 3; ++n)
      counted += refused((*this)[n]);
    return counted >= 5000;
  }));
  const auto seconds = static_cast<size_t>(
      std::chrono::ceil<std::chrono::seconds>(monotonic::now() - begun).count());
  for (size_t n = 0; n < 3; ++n) {
    BOOST_TEST(lines_with((*this)[n].log(), "refused a connection") <= seconds + 1);
    BOOST_TEST(lines_with((*this)[n].log(), "refused a connection") > 0U);
    BOOST_TEST(lines_with((*this)[n].log(), "linked to") <= 4U);
  }
  work("after the crowd");
}

BOOST_FIXTURE_TEST_CASE(a_member_that_returns_finds_its_way_through_a_crowd, three_members) {
  crowd strangers(4000);
  const auto crowding = [&] {
    for (int n = 0; n < 400; ++n)
      strangers.come((*this)[0].port(), "");
  };
  crowding();
  (*this)[2].kill9();
  crowding();
  (*this)[2].start();
  // The crowd goes on coming for as long as it is looked at.
  const auto linked = [&] {
    if (strangers.size() < 3600 && strangers.cut_off() + 100 > strangers.size())
      crowding();
    return peer_state((*this)[0], (*this)[2]) == "synced";
  };
  BOOST_TEST(eventually(linked, 60s),
             "the member was kept out: " << peer_state((*this)[0], (*this)[2]));
  work("in a crowd");
}

BOOST_FIXTURE_TEST_CASE(bytes_that_come_one_by_one_end_with_the_handshakes_time, three_members) {
  crowd slow(60);
  const auto begun = monotonic::now();
  for (int n = 0; n < 50; ++n)
    slow.come((*this)[0].port(), "\x16");
  size_t at = 1;
  const auto all_cut = [&] {
    // As slow as polling is: a byte of a ClientHello for each.
    for (size_t n = 0; n < slow.size() && at < a_client_hello_begins.size(); ++n)
      slow.say(n, a_client_hello_begins.substr(at, 1));
    at = std::min(at + 1, a_client_hello_begins.size() - 1);
    return slow.cut_off() == slow.size();
  };
  BOOST_TEST(eventually(all_cut, 60s));
  BOOST_TEST((monotonic::now() - begun > 4s)); // it was the time that ended them
  work("after the slow ones");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
