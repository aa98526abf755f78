#include "actors/transport/admission.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <vector>

using namespace shoal::transport;

namespace {

remote_address v4(const char* text, uint16_t port = 1234) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  BOOST_REQUIRE(inet_pton(AF_INET, text, &address.sin_addr) == 1);
  return describe(reinterpret_cast<sockaddr&>(address));
}
remote_address v6(const char* text, uint16_t port = 1234) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  BOOST_REQUIRE(inet_pton(AF_INET6, text, &address.sin6_addr) == 1);
  return describe(reinterpret_cast<sockaddr&>(address));
}

struct gate {
  accept_limits limits{.unauthenticated = 5,
                       .unauthenticated_per_address = 2,
                       .unauthenticated_loopback = 4,
                       .links = 6};
  std::shared_ptr<admission> in = std::make_shared<admission>(limits);
  std::vector<std::shared_ptr<admission::slot>> held;
  std::string reason;

  bool admits(const remote_address& remote) {
    auto slot = in->admit(remote, reason);
    if (slot)
      held.push_back(slot);
    return slot != nullptr;
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(admitting_connections)

BOOST_AUTO_TEST_CASE(addresses_are_described_as_users_write_them) {
  BOOST_TEST(v4("10.0.0.2", 7420).text == "10.0.0.2:7420");
  BOOST_TEST(v6("2001:db8::1", 7420).text == "[2001:db8::1]:7420");
  BOOST_TEST(v4("127.3.2.1").loopback);
  BOOST_TEST(v6("::1").loopback);
  BOOST_TEST(!v4("128.0.0.1").loopback);
  BOOST_TEST(!v6("fe80::1").loopback);
}

BOOST_AUTO_TEST_CASE(a_network_of_ipv6_counts_as_one_and_mapped_ipv4_as_ipv4) {
  BOOST_TEST(v6("2001:db8:1:2:3::4").group == v6("2001:db8:1:2:ffff::9").group);
  BOOST_TEST(v6("2001:db8:1:2::1").group != v6("2001:db8:1:3::1").group);
  BOOST_TEST(v6("::ffff:10.0.0.2").group == v4("10.0.0.2").group);
  BOOST_TEST(v6("::ffff:127.0.0.1").loopback);
}

BOOST_AUTO_TEST_CASE(one_address_has_its_share_of_unauthenticated_connections_only) {
  gate g;
  BOOST_TEST(g.admits(v4("10.0.0.1")));
  BOOST_TEST(g.admits(v4("10.0.0.1", 5)));
  BOOST_TEST(!g.admits(v4("10.0.0.1")));
  BOOST_TEST(g.reason.find("10.0.0.1") != std::string::npos);
  BOOST_TEST(g.admits(v4("10.0.0.2")));
}

BOOST_AUTO_TEST_CASE(loopback_has_a_larger_share) {
  gate g;
  for (int i = 0; i < 4; ++i)
    BOOST_TEST(g.admits(v4("127.0.0.1")));
  BOOST_TEST(!g.admits(v4("127.0.0.1")));
}

BOOST_AUTO_TEST_CASE(all_strangers_together_have_their_bound) {
  gate g;
  for (const char* from : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"})
    BOOST_TEST(g.admits(v4(from)));
  BOOST_TEST(!g.admits(v4("10.0.0.6")));
  g.held.pop_back();
  BOOST_TEST(g.admits(v4("10.0.0.6")));
}

BOOST_AUTO_TEST_CASE(who_is_authenticated_makes_room_for_strangers_but_stays_a_link) {
  gate g;
  for (int i = 0; i < 6; ++i) {
    BOOST_REQUIRE(g.admits(v4("10.0.0.1")));
    g.held.back()->authenticated();
    g.held.back()->authenticated(); // once is enough, twice is the same
  }
  BOOST_TEST(!g.admits(v4("10.0.0.9")));
  BOOST_TEST(g.reason.find("6 inbound links") != std::string::npos);
  g.held.clear();
  BOOST_TEST(g.admits(v4("10.0.0.1")));
  BOOST_TEST(g.admits(v4("10.0.0.1")));
  BOOST_TEST(!g.admits(v4("10.0.0.1")));
}

BOOST_AUTO_TEST_CASE(a_slot_outlives_the_gate_it_came_from) {
  gate g;
  BOOST_REQUIRE(g.admits(v4("10.0.0.1")));
  g.in.reset();
  g.held[0]->authenticated();
  g.held.clear();
}

BOOST_AUTO_TEST_CASE(refusals_are_told_once_a_second_with_the_number_in_between) {
  gate g;
  std::chrono::steady_clock::time_point now{};
  BOOST_TEST((g.in->refused(now) == 0u));
  BOOST_TEST(!g.in->refused(now + 1ms).has_value());
  BOOST_TEST(!g.in->refused(now + 999ms).has_value());
  BOOST_TEST((g.in->refused(now + 1s) == 2u));
  BOOST_TEST((g.in->refused(now + 2s) == 0u));
}

BOOST_AUTO_TEST_SUITE_END()
