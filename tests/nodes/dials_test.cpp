// Whom a node dials when many do not answer: so many at once, and each in turn.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace shoal::nodes {

namespace {

/// The kernel accepts for it; it never says a word.
class mute {
public:
  mute() : door_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    BOOST_REQUIRE(bind(door_, reinterpret_cast<const sockaddr*>(&at), size) == 0);
    BOOST_REQUIRE(listen(door_, 16) == 0);
    BOOST_REQUIRE(getsockname(door_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    port = ntohs(at.sin_port);
  }
  mute(const mute&) = delete;
  mute& operator=(const mute&) = delete;
  ~mute() {
    for (const int fd : open_)
      close(fd);
    close(door_);
  }

  void accept_all() {
    for (int fd; (fd = accept4(door_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ++dialled)
      open_.push_back(fd);
  }
  /// Connections that the other end has not closed.
  size_t open() {
    std::erase_if(open_, [](int fd) {
      char piece[4096];
      ssize_t got = 0;
      while ((got = recv(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0) {
      }
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
      close(fd);
      return true;
    });
    return open_.size();
  }

  uint16_t port = 0;
  size_t dialled = 0;

private:
  int door_;
  std::vector<int> open_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(dials)

// Were all begun at once, a hundred nodes that start at one moment would end none in time.
BOOST_AUTO_TEST_CASE(sixteen_are_dialled_at_once_and_who_does_not_answer_keeps_nobody_waiting) {
  cluster c(1);
  std::vector<mute> members(40);
  std::string toml = "[sync]\nretry_initial_ms = 100\n[[library]]\nid = "
                     "\"8bdc59b5-7ba1-4950-91a9-b709bbe9545b\"\nname = \"silent\"\n";
  for (size_t i = 0; i < members.size(); ++i)
    toml += "[[library.member]]\ndevice = \"" + std::to_string(10'000'000 + i * 2'000'000)
            + "-1d3a-8000-8000-000000000001\"\naddress = \"127.0.0.1:"
            + std::to_string(members[i].port) + "\"\n";
  auto& dialler = c.add("dialler");
  dialler.configure(toml);
  dialler.start();

  size_t most_at_once = 0;
  const bool all = eventually(
      [&] {
        size_t now = 0;
        for (auto& m : members)
          m.accept_all();
        for (auto& m : members)
          now += m.open();
        most_at_once = std::max(most_at_once, now);
        return std::all_of(members.begin(), members.end(),
                           [](const mute& m) { return m.dialled > 0; });
      },
      60s);
  BOOST_TEST(all);
  BOOST_TEST(most_at_once == 16U);
  for (const auto& m : members)
    BOOST_TEST(m.dialled <= 2U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
