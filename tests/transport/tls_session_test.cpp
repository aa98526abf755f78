#include "actors/transport/openssl.hpp"
#include "actors/transport/tls_session.hpp"
#include "tests/transport/temp_dir.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <set>

using namespace shoal;
using namespace shoal::transport;
using test::temp_dir;

namespace {

using state = tls_session::state;
using side = tls_session::side;

struct device {
  temp_dir dir;
  identity self = *make_identity(dir.path(), "a device");
  std::set<device_id> members;
  int asked = 0;
  std::shared_ptr<const tls_context> context =
      *tls_context::make(self, [this](const device_id& peer) {
        ++asked;
        return members.contains(peer);
      });

  void knows(const device& other) { members.insert(other.self.device()); }
};

/// A client and a server, back to back.
struct pair {
  tls_session client;
  tls_session server;
  status client_error = success();
  status server_error = success();
  std::string client_plain;
  std::string server_plain;
  std::vector<char> to_server;
  std::vector<char> to_client;

  pair(const device& from, const device& to, std::optional<device_id> expected = {})
      : client(from.context, side::client, expected), server(to.context, side::server) {}

  /// Passes bytes on, `step` at a time, until there are none.
  void pump(size_t step = 100'000) {
    while (!to_server.empty() || !to_client.empty()) {
      pass(to_server, server, server_error, server_plain, to_client, step);
      pass(to_client, client, client_error, client_plain, to_server, step);
    }
  }
  void shake_hands(size_t step = 100'000) {
    BOOST_REQUIRE(client.start(to_server).ok());
    pump(step);
  }

private:
  static void pass(std::vector<char>& from, tls_session& to, status& error, std::string& plain,
                   std::vector<char>& back, size_t step) {
    auto bytes = std::exchange(from, {});
    for (size_t at = 0; at < bytes.size(); at += step) {
      auto got = to.receive({bytes.data() + at, std::min(step, bytes.size() - at)}, plain, back);
      if (!got && error)
        error = got;
    }
  }
};

struct two_devices {
  device alice;
  device bob;
  two_devices() {
    alice.knows(bob);
    bob.knows(alice);
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(tls_sessions, two_devices)

BOOST_AUTO_TEST_CASE(two_members_shake_hands_and_know_each_other) {
  pair p{alice, bob, bob.self.device()};
  p.shake_hands();
  BOOST_TEST((p.client.current() == state::up));
  BOOST_TEST((p.server.current() == state::up));
  BOOST_TEST((p.client.peer() == bob.self.device()));
  BOOST_TEST((p.server.peer() == alice.self.device()));
  BOOST_TEST(alice.asked == 1);
  BOOST_TEST(bob.asked == 1);
}

BOOST_AUTO_TEST_CASE(a_handshake_survives_any_cut_of_its_bytes) {
  for (size_t step : {1, 2, 5, 7, 100}) {
    pair p{alice, bob};
    p.shake_hands(step);
    BOOST_TEST((p.client.current() == state::up));
    BOOST_TEST((p.server.current() == state::up));
  }
}

BOOST_AUTO_TEST_CASE(bytes_arrive_as_they_were_sent_in_both_directions) {
  pair p{alice, bob};
  p.shake_hands();
  std::string big(3'000'000, '\0');
  std::mt19937 random{7};
  for (auto& c : big)
    c = static_cast<char>(random());
  for (size_t step : {100'000, 313}) {
    p.server_plain.clear();
    p.client_plain.clear();
    BOOST_REQUIRE(p.client.send(big, p.to_server).ok());
    BOOST_REQUIRE(p.server.send("short", p.to_client).ok());
    BOOST_REQUIRE(p.server.send(big, p.to_client).ok());
    p.pump(step);
    BOOST_TEST((p.server_plain == big));
    BOOST_TEST((p.client_plain == "short" + big));
  }
}

BOOST_AUTO_TEST_CASE(what_comes_with_the_end_of_the_handshake_is_not_lost) {
  pair p{alice, bob};
  BOOST_REQUIRE(p.client.start(p.to_server).ok());
  BOOST_REQUIRE(
      p.server.receive({p.to_server.data(), p.to_server.size()}, p.server_plain, p.to_client).ok());
  p.to_server.clear();
  BOOST_REQUIRE(
      p.client.receive({p.to_client.data(), p.to_client.size()}, p.client_plain, p.to_server).ok());
  p.to_client.clear();
  BOOST_REQUIRE((p.client.current() == state::up));
  BOOST_REQUIRE(p.client.send("hello", p.to_server).ok());
  p.pump();
  BOOST_TEST((p.server.current() == state::up));
  BOOST_TEST(p.server_plain == "hello");
}

BOOST_AUTO_TEST_CASE(a_goodbye_closes_the_other_side_without_an_error) {
  pair p{alice, bob};
  p.shake_hands();
  BOOST_REQUIRE(p.client.send("last words", p.to_server).ok());
  p.client.close(p.to_server);
  BOOST_TEST((p.client.current() == state::closed));
  p.pump();
  BOOST_TEST(p.server_plain == "last words");
  BOOST_TEST((p.server.current() == state::closed));
  BOOST_TEST(p.server_error.ok());
  // And what follows a goodbye is not read.
  BOOST_TEST(p.server.receive("anything", p.server_plain, p.to_client).ok());
  BOOST_TEST(p.server_plain == "last words");
}

BOOST_AUTO_TEST_CASE(a_server_refuses_who_is_no_member) {
  device eve;
  eve.knows(bob);
  pair p{eve, bob};
  p.shake_hands();
  BOOST_REQUIRE(!p.server_error.ok());
  BOOST_TEST((p.server_error.err().code == ec::forbidden));
  BOOST_TEST(contains(p.server_error.err().message, to_string(eve.self.device())));
  BOOST_TEST((p.server.current() == state::closed));
  BOOST_TEST(!p.server.peer().has_value());
  BOOST_TEST(p.server_plain.empty());
  // The client was up already, as TLS 1.3 has it, and learns of it now.
  BOOST_TEST((p.client.current() == state::closed));
  BOOST_TEST(!p.client_error.ok());
  BOOST_TEST(p.client_plain.empty());
}

BOOST_AUTO_TEST_CASE(a_client_refuses_who_is_no_member) {
  device eve;
  eve.knows(alice);
  pair p{alice, eve};
  p.shake_hands();
  BOOST_REQUIRE(!p.client_error.ok());
  BOOST_TEST((p.client_error.err().code == ec::forbidden));
  BOOST_TEST((p.client.current() == state::closed));
  BOOST_TEST((p.server.current() == state::closed));
  BOOST_TEST(!p.server.peer().has_value());
}

BOOST_AUTO_TEST_CASE(another_device_than_expected_is_refused_naming_both) {
  device carol;
  carol.knows(alice);
  alice.knows(carol);
  pair p{alice, carol, bob.self.device()};
  p.shake_hands();
  BOOST_REQUIRE(!p.client_error.ok());
  BOOST_TEST(contains(p.client_error.err().message, to_string(bob.self.device())));
  BOOST_TEST(contains(p.client_error.err().message, to_string(carol.self.device())));
}

BOOST_AUTO_TEST_CASE(a_session_with_oneself_is_refused_even_if_one_is_a_member) {
  alice.knows(alice);
  pair p{alice, alice};
  p.shake_hands();
  BOOST_REQUIRE(!p.client_error.ok());
  BOOST_TEST(contains(p.client_error.err().message, "this device itself"));
  BOOST_TEST((p.server.current() == state::closed));
}

BOOST_AUTO_TEST_CASE(a_removed_member_is_refused_at_its_next_connection) {
  {
    pair p{alice, bob};
    p.shake_hands();
    BOOST_REQUIRE((p.server.current() == state::up));
  }
  bob.members.clear();
  pair p{alice, bob};
  p.shake_hands();
  BOOST_TEST((p.server.current() == state::closed));
}

BOOST_AUTO_TEST_CASE(rubbish_is_an_error_and_nothing_comes_out) {
  for (const std::string& rubbish :
       {std::string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"}, std::string(5000, '\xff'),
        std::string(5000, '\0'), std::string("\x16\x03\x01\x00\x05hello", 10)}) {
    tls_session server{bob.context, side::server};
    std::string plain;
    std::vector<char> out;
    BOOST_TEST(!server.receive(rubbish, plain, out).ok());
    BOOST_TEST((server.current() == state::closed));
    BOOST_TEST(plain.empty());
    BOOST_TEST(out.size() < 10); // an alert at most
  }
}

BOOST_AUTO_TEST_CASE(the_failure_of_one_session_does_not_touch_another) {
  pair good{alice, bob};
  good.shake_hands();
  for (int i = 0; i < 20; ++i) {
    tls_session bad{bob.context, side::server};
    std::string plain;
    std::vector<char> out;
    BOOST_TEST(!bad.receive("rubbish rubbish", plain, out).ok());
    // An error put on the thread's queue by anyone must not be taken for one of this session.
    ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
    BOOST_REQUIRE(good.client.send("x", good.to_server).ok());
    good.pump();
    BOOST_REQUIRE(good.server_error.ok());
  }
  BOOST_TEST(good.server_plain == std::string(20, 'x'));
}

BOOST_AUTO_TEST_CASE(a_bent_record_ends_the_session) {
  pair p{alice, bob};
  p.shake_hands();
  BOOST_REQUIRE(p.client.send("some words", p.to_server).ok());
  p.to_server.back() = static_cast<char>(p.to_server.back() ^ 1);
  p.pump();
  BOOST_TEST(!p.server_error.ok());
  BOOST_TEST(p.server_plain.empty());
  BOOST_TEST((p.server.current() == state::closed));
}

BOOST_AUTO_TEST_CASE(a_replayed_record_ends_the_session) {
  pair p{alice, bob};
  p.shake_hands();
  BOOST_REQUIRE(p.client.send("once", p.to_server).ok());
  auto record = p.to_server;
  p.pump();
  p.to_server = record;
  p.pump();
  BOOST_TEST(p.server_plain == "once");
  BOOST_TEST(!p.server_error.ok());
}

BOOST_AUTO_TEST_SUITE_END()
