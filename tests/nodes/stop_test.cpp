// What a node does when it stops, and what others show of one that is not there.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>

namespace shoal::nodes {

namespace {

json peer_of(node& at, const std::string& device) {
  const auto peers = at.client().get(lab_path("/peers"));
  for (const auto& p : peers.body["items"])
    if (p["device"] == device)
      return p;
  return json::object();
}

} // namespace

BOOST_AUTO_TEST_SUITE(stops)

BOOST_AUTO_TEST_CASE(a_node_that_stops_hands_over_what_it_has_answered) {
  cluster lab(2);
  lab.start();
  BOOST_REQUIRE(lab.converge());
  auto at_a = lab[0].client();
  json ops = json::array();
  for (int n = 0; n < 2000; ++n)
    ops.push_back({{"model", "tag"},
                   {"id", "new"},
                   {"fields", {{"canonical_name", std::string(200, 'x') + std::to_string(n)}}}});
  for (int batch = 0; batch < 5; ++batch)
    BOOST_REQUIRE(at_a.post(lab_path("/batch"), {{"ops", ops}}).ok());
  const auto code = lab[0].stop();
  BOOST_REQUIRE(code.has_value());
  BOOST_TEST(*code == 0);
  // Nobody else has it: what is here came before the goodbye.
  const auto held = lab[1].client().get(lab_path());
  BOOST_TEST(held.body["records"]["tag"] == 10'000, held.body["records"]);
  BOOST_TEST(peer_of(lab[1], lab[0].device())["behind_in"] == 0);
}

BOOST_AUTO_TEST_CASE(a_peer_that_is_away_is_shown_with_its_breaker_and_the_next_try) {
  cluster lab(2);
  lab.start();
  BOOST_REQUIRE(lab.converge());
  const auto device = lab[1].device();
  BOOST_TEST(peer_of(lab[0], device)["breaker"] == "closed");
  BOOST_TEST((metric(lab[0].client().get("/metrics").text, "shoal_retry_scheduled",
                     {"peer=\"" + device + "\""})
              == 0.0));
  lab[1].kill9();
  BOOST_TEST(eventually([&] {
    const auto p = peer_of(lab[0], device);
    return p["breaker"] == "open" && p["next_try"].is_number() && p["failures"] >= 5;
  }));
  BOOST_TEST(eventually([&] {
    return metric(lab[0].client().get("/metrics").text, "shoal_retry_scheduled",
                  {"peer=\"" + device + "\""})
           == 1.0;
  }));
  BOOST_TEST(peer_of(lab[0], device)["last_error"].is_string());
  lab[1].start();
  BOOST_TEST(eventually([&] {
    const auto p = peer_of(lab[0], device);
    return p["breaker"] == "closed" && p["connected"] == true && p["next_try"].is_null();
  }));
  BOOST_TEST(peer_of(lab[0], device)["last_error"].is_null()); // the link before had one
  // Nobody has to ask for debug lines to see why; and not for each try.
  BOOST_TEST(lab[0].log().find("info peer_link: dialling " + device) != std::string::npos);
  const auto log = lab[0].log();
  BOOST_TEST(log.find("lab: disconnected from b") != std::string::npos);
}

// Between one and a half and three heartbeats of silence: six seconds, of which one look is enough.
BOOST_AUTO_TEST_CASE(a_peer_that_hangs_is_shown_as_stale_before_it_is_given_up) {
  cluster::options how;
  how.sync = "heartbeat_seconds = 4\n";
  cluster lab(2, how);
  lab.start();
  BOOST_REQUIRE(lab.converge());
  const auto state = [&] { return peer_of(lab[0], lab[1].device()).value("state", ""); };
  BOOST_TEST(eventually([&] { return state() == "synced"; }));
  lab[1].signal(SIGSTOP);
  BOOST_TEST(eventually([&] { return state() == "stale"; }));
  lab[1].signal(SIGCONT);
  BOOST_TEST(eventually([&] { return state() == "synced"; }));
  BOOST_TEST(lab[0].log().find(lab[1].device() + ") is stale") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
