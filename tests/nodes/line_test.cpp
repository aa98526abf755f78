// Nodes without a link to everyone: relayed streams, statements, and what the log may forget.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace shoal::nodes {

BOOST_AUTO_TEST_SUITE(lines)

BOOST_AUTO_TEST_CASE(in_a_line_writes_reach_both_ends_and_wait_learns_of_the_far_one) {
  cluster::options how;
  how.shape = topology::line;
  cluster line(3, how);
  line.start();
  auto far = line[2].client();
  for (int n = 0; n < 20; ++n) {
    const auto at_a = line[0].cli({"put", "lab", "tag", "new", "canonical_name=a"});
    BOOST_REQUIRE_MESSAGE(at_a.code == 0, at_a.err);
    BOOST_TEST(far.put(record("tag", "new"), {{"canonical_name", "c"}}).ok());
    const std::string token = json::parse(at_a.out)["token"];
    if (n % 5 == 0) {
      const auto waited =
          line[0].cli({"wait", "lab", "--for", token, "--peers", "all", "--timeout", "20"});
      BOOST_TEST(waited.code == 0, waited.err);
      const auto held = json::parse(waited.out);
      BOOST_TEST(held["held"].size() == 2U);
      BOOST_TEST(held["missing"].empty());
      BOOST_TEST(far.get(record("tag", json::parse(at_a.out)["id"])).ok());
    }
  }
  BOOST_REQUIRE(line.converge());
  line.check_exports();
  // Ends have no link, so this is B's relay alone.
  const auto peers = line[0].client().get(lab_path("/peers"));
  for (const auto& p : peers.body["items"])
    BOOST_TEST(p["connected"] == (p["device"] == line[1].device()));
  for (size_t n = 0; n < 3; ++n)
    BOOST_TEST(eventually([&] { return log_entries(line[n]) == 0; }, 15s),
               line[n].name() << " keeps " << log_entries(line[n]) << " log entries");

  // While the far end is away nobody forgets what it has not got.
  line[2].kill9();
  auto at_a = line[0].client();
  for (int n = 0; n < 5; ++n)
    BOOST_TEST(at_a.put(record("tag", "new"), {{"canonical_name", "later"}}).ok());
  BOOST_REQUIRE(line.converge(20s, {0, 1}));
  const auto missed = line[0].cli({"wait", "lab", "--timeout", "1"});
  BOOST_TEST(missed.code == 1);
  BOOST_TEST(missed.err.find("timed_out") != std::string::npos, missed.err);
  BOOST_TEST(log_entries(line[0]) == 5);
  line[2].start();
  BOOST_REQUIRE(line.converge());
  BOOST_TEST(eventually([&] { return log_entries(line[0]) == 0; }, 15s));
}

BOOST_AUTO_TEST_CASE(a_member_that_was_never_started_holds_the_log_and_prune_names_it) {
  cluster lab(3);
  lab[0].start();
  lab[1].start();
  auto at_a = lab[0].client();
  auto at_b = lab[1].client();
  for (int n = 0; n < 10; ++n) {
    BOOST_TEST(at_a.put(record("tag", "new"), {{"canonical_name", std::to_string(n)}}).ok());
    BOOST_TEST(at_b.put(record("tag", "new"), {{"canonical_name", std::to_string(n)}}).ok());
  }
  BOOST_REQUIRE(lab.converge(20s, {0, 1}));
  const auto pruned = lab[0].cli({"prune", "lab"});
  BOOST_REQUIRE_MESSAGE(pruned.code == 0, pruned.err);
  const auto told = json::parse(pruned.out);
  BOOST_TEST(told["removed"] == 0);
  BOOST_TEST(told["log_entries"] == 20);
  const auto& holding = told["held_by"];
  BOOST_TEST((std::find(holding.begin(), holding.end(), lab[2].device()) != holding.end()));

  // The log shows the ops in HLC order, whoever wrote them.
  for (size_t n = 0; n < 2; ++n) {
    const auto shown = lab[n].cli({"-o", "json", "log", "lab"});
    BOOST_REQUIRE_MESSAGE(shown.code == 0, shown.err);
    const auto items = json::parse(shown.out)["items"];
    BOOST_REQUIRE(items.size() == 20U);
    for (size_t i = 1; i < items.size(); ++i)
      BOOST_TEST(items[i - 1]["hlc"].get<std::string>() < items[i]["hlc"].get<std::string>());
  }
  // Its first start brings it everything, and then the log empties.
  lab[2].start();
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  for (size_t n = 0; n < 3; ++n)
    BOOST_TEST(eventually([&] { return log_entries(lab[n]) == 0; }, 15s),
               lab[n].name() << " keeps " << log_entries(lab[n]) << " log entries");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
