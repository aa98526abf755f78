// Members that come and go by command.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace shoal::nodes {

namespace {

std::string state_of(node& at, const std::string& device) {
  const auto got = at.client().get(lab_path("/members"));
  for (const auto& m : got.body["items"])
    if (m["device"] == device)
      return m["state"];
  return "unknown";
}

} // namespace

BOOST_AUTO_TEST_SUITE(members)

BOOST_AUTO_TEST_CASE(adding_a_member_on_one_node_admits_it_to_all) {
  cluster lab(3);
  lab.start();
  auto at_a = lab[0].client();
  for (int n = 0; n < 50; ++n)
    BOOST_TEST(at_a.put(record("tag", "new"), {{"canonical_name", std::to_string(n)}}).ok());
  BOOST_REQUIRE(lab.converge());
  auto& fresh = lab.add_newcomer("newcomer");
  fresh.start();
  auto at_fresh = fresh.client();
  // It has dialled everyone and was refused before the command comes.
  BOOST_TEST(eventually([&] { return lab[1].log().find(fresh.device()) != std::string::npos; }));
  BOOST_TEST(at_fresh.get(lab_path("/records/tag")).body["items"].empty());
  BOOST_TEST(state_of(lab[0], fresh.device()) == "unknown");

  const auto added = lab[0].cli(
      {"member", "add", "lab", fresh.device() + "@" + fresh.address(), "--name", "newcomer"});
  BOOST_REQUIRE_MESSAGE(added.code == 0, added.err);
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  for (size_t n = 0; n < 3; ++n)
    BOOST_TEST(eventually([&] { return state_of(lab[n], fresh.device()) == "member"; }));
  // Linked with all, not through one.
  BOOST_TEST(eventually([&] {
    const auto peers = at_fresh.get(lab_path("/peers")).body["items"];
    return std::all_of(peers.begin(), peers.end(),
                       [](const json& p) { return p["connected"] == true; });
  }));
  BOOST_TEST(at_fresh.put(record("tag", "new"), {{"canonical_name", "mine"}}).ok());
  BOOST_REQUIRE(lab.converge());
}

BOOST_AUTO_TEST_CASE(removing_a_member_on_one_node_revokes_it_on_all) {
  cluster lab(4);
  lab.start();
  BOOST_TEST(lab[3].client().put(record("tag", "new"), {{"canonical_name", "kept"}}).ok());
  BOOST_REQUIRE(lab.converge());
  const auto removed = lab[0].cli({"member", "remove", "lab", lab[3].device()});
  BOOST_REQUIRE_MESSAGE(removed.code == 0, removed.err);
  for (size_t n = 0; n < 3; ++n) {
    BOOST_TEST(eventually([&] { return state_of(lab[n], lab[3].device()) == "removed"; }));
    BOOST_TEST(eventually([&] {
      const auto peers = lab[n].client().get(lab_path("/peers")).body["items"];
      return std::none_of(peers.begin(), peers.end(), [&](const json& p) {
        return p["device"] == lab[3].device() && p["connected"] == true;
      });
    }));
  }
  // No alert may wait for a member that is gone; and one on breaches sees the first of a member.
  const auto metrics = lab[0].client().get("/metrics").text;
  BOOST_TEST(!metric(metrics, "shoal_peer_connected", {lab[3].device()}).has_value());
  BOOST_TEST(metric(metrics, "shoal_peer_connected", {lab[1].device()}).value_or(-1) == 1);
  BOOST_TEST(metric(metrics, "shoal_peer_breaches_total", {lab[1].device()}).value_or(-1) == 0);
  // What it writes now stays with it, what the others write does not reach it.
  const auto theirs = lab[1].client().put(record("tag", "new"), {{"canonical_name", "after"}});
  const auto its = lab[3].client().put(record("tag", "new"), {{"canonical_name", "outcast"}});
  BOOST_REQUIRE(theirs.ok());
  BOOST_REQUIRE(lab.converge(20s, {0, 1, 2}));
  BOOST_TEST(lab[3].client().get(record("tag", theirs.body["id"])).status == 404);
  for (size_t n = 0; n < 3; ++n) {
    BOOST_TEST(lab[n].client().get(record("tag", its.body["id"])).status == 404);
    BOOST_TEST(lab[n].client().get(lab_path("/records/tag")).body["items"].size() == 2U);
  }
  // Its file still names it to itself, theirs still name it: a removal outranks the configuration.
  lab[1].kill9();
  lab[1].start();
  BOOST_TEST(state_of(lab[1], lab[3].device()) == "removed");
  // And it no longer holds the log back.
  BOOST_TEST(eventually([&] { return log_entries(lab[0]) == 0; }, 15s));
  const auto back = lab[0].cli({"member", "add", "lab", lab[3].device() + "@" + lab[3].address()});
  BOOST_TEST(back.code == 1);
  BOOST_TEST(back.err.find("--readmit") != std::string::npos, back.err);
}

BOOST_AUTO_TEST_CASE(a_purged_member_takes_its_own_records_along_and_leaves_shared_ones) {
  cluster lab(3);
  lab.start();
  auto at_c = lab[2].client();
  BOOST_TEST(at_c.put(record("tag", "new"), {{"canonical_name", "shared"}}).ok());
  BOOST_TEST(at_c.put(record("entry", "new"), {{"name", "own"}, {"kind", "file"}}).ok());
  BOOST_REQUIRE(lab.converge());
  const auto removed = lab[0].cli({"member", "remove", "lab", lab[2].device(), "--purge"});
  BOOST_REQUIRE_MESSAGE(removed.code == 0, removed.err);
  for (size_t n = 0; n < 2; ++n) {
    auto at = lab[n].client();
    BOOST_TEST(eventually([&] { return at.get(lab_path("/records/entry")).body["items"].empty(); }),
               lab[n].name() << " still has records of the purged device");
    BOOST_TEST(at.get(lab_path("/records/tag")).body["items"].size() == 1U);
  }
  BOOST_REQUIRE(lab.converge(20s, {0, 1}));
  lab.check_exports({0, 1});
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
