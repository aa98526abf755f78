// Nodes that end at the worst moment: nothing that was acknowledged may be missing anywhere.

#include "tests/nodes/writers.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <random>
#include <set>

namespace shoal::nodes {

namespace {

struct loaded_cluster {
  explicit loaded_cluster(size_t n, const std::string& sync = {}) : nodes(n, with(sync)) {
    nodes.start();
    for (size_t i = 0; i < n; ++i)
      writers.push_back(std::make_unique<writer>(nodes[i], told, static_cast<unsigned>(i + 1)));
  }

  static cluster::options with(const std::string& sync) {
    cluster::options how;
    how.sync = sync;
    return how;
  }

  /// Waits until each writer was acknowledged `more` writes from now on, so that what follows hits
  /// a node at work.
  void let_write(uint64_t more) {
    std::vector<uint64_t> goal;
    for (const auto& w : writers)
      goal.push_back(w->acknowledged() + more);
    BOOST_REQUIRE(eventually([&] {
      for (size_t i = 0; i < writers.size(); ++i)
        if (nodes[i].running() && writers[i]->acknowledged() < goal[i])
          return false;
      return true;
    }));
  }

  /// With the writers held: equal everywhere, and nothing acknowledged is missing.
  void check() {
    for (auto& w : writers)
      w->pause();
    BOOST_REQUIRE_MESSAGE(nodes.converge(30s), "the nodes did not converge within 30 s");
    nodes.check_exports();
    const auto records = by_id(nodes.exported(0));
    told.check(records);
    for (const auto& w : writers)
      w->check(records);
    for (auto& w : writers)
      w->resume();
  }

  cluster nodes;
  ledger told;
  std::vector<std::unique_ptr<writer>> writers;
};

} // namespace

BOOST_AUTO_TEST_SUITE(kills)

BOOST_AUTO_TEST_CASE(no_acknowledged_write_is_lost_by_kill_nine_of_random_nodes_under_load) {
  std::mt19937_64 random(test_seed());
  rounds each("SHOAL_KILLS", 15);              // one for each kill
  constexpr size_t kills_of_one_cluster = 100; // each check reads all that it ever acknowledged
  size_t done = 0;
  size_t acknowledged = 0;
  for (bool more = each.next(); more;) {
    loaded_cluster lab(3);
    for (const size_t end = done + kills_of_one_cluster; more && done < end; more = each.next()) {
      lab.let_write(5 + random() % 40);
      // Mostly one, now and then two or all three at once.
      std::set<size_t> victims{random() % 3};
      if (random() % 4 == 0)
        victims.insert(random() % 3);
      if (random() % 8 == 0)
        victims = {0, 1, 2};
      for (const auto v : victims)
        lab.nodes[v].signal(SIGKILL);
      for (const auto v : victims)
        lab.nodes[v].kill9();
      done += victims.size();
      for (size_t n = 1; n < victims.size(); ++n)
        each.next();
      if (victims.size() < 3 && random() % 2 == 0)
        lab.let_write(5 + random() % 20); // the others go on without it
      for (const auto v : victims)
        lab.nodes[v].launch();
      if (random() % 4 == 0) { // and once more while it starts
        lab.nodes[*victims.begin()].kill9();
        lab.nodes[*victims.begin()].launch();
        ++done;
        each.next();
      }
      for (const auto v : victims)
        lab.nodes[v].await_start();
      BOOST_TEST_CONTEXT("after " << done << " kills") { lab.check(); }
    }
    lab.let_write(20);
    lab.check();
    acknowledged += lab.told.all().size();
  }
  BOOST_TEST_MESSAGE(done << " kills, " << acknowledged << " records acknowledged");
}

BOOST_AUTO_TEST_CASE(sigterm_under_load_ends_within_five_seconds_and_loses_nothing) {
  std::mt19937_64 random(test_seed());
  loaded_cluster lab(3);
  for (int round = 0; round < 4; ++round) {
    lab.let_write(20 + random() % 20);
    auto& victim = lab.nodes[static_cast<size_t>(round) % 3];
    const auto code = victim.stop(5s);
    BOOST_REQUIRE_MESSAGE(code, victim.name() << " still ran 5 s after SIGTERM");
    BOOST_TEST(*code == 0);
    BOOST_TEST(!fs::exists(victim.dir() / "run" / "endpoints.json"));
    victim.start();
    lab.check();
  }
}

BOOST_AUTO_TEST_CASE(a_node_that_returns_with_data_has_it_at_once_and_never_begins_from_nothing) {
  cluster lab(2);
  lab.start();
  auto at_b = lab[1].client();
  json ops = json::array();
  for (int n = 0; n < 2000; ++n)
    ops.push_back(
        {{"model", "tag"}, {"id", "new"}, {"fields", {{"canonical_name", std::to_string(n)}}}});
  BOOST_REQUIRE(at_b.post(lab_path("/batch"), {{"ops", ops}}).ok());
  BOOST_REQUIRE(lab.converge());
  const auto before = lab.exported(1);
  lab[0].kill9();
  lab[1].kill9();
  lab[1].start();
  auto again = lab[1].client();
  std::set<std::string> states;
  BOOST_TEST(lab.exported(1) == before);
  BOOST_TEST(eventually([&] {
    states.insert(again.get(lab_path()).body["state"]);
    return states.contains("ready");
  }));
  for (const auto& state : states)
    BOOST_TEST((state == "catching_up" || state == "ready"), state);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
