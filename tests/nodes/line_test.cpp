// Nodes without a link to everyone: relayed streams, statements, and what the log may forget.

#include "tests/nodes/batches.hpp"

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

BOOST_AUTO_TEST_CASE(everything_passes_a_middle_that_restarts_between_two_that_never_meet) {
  cluster::options how;
  how.shape = topology::line;
  cluster line(3, how);
  line.start();
  const auto& far = line[2].device();
  const auto id = [](uint64_t kind, uint64_t n) { return numbered_id(kind, n); };
  // Each end has a location with a folder and files in it, to be deleted as one.
  for (const size_t end : {0, 2}) {
    auto at = line[end].client();
    std::vector<json> tree;
    tree.push_back({{"model", "location"},
                    {"id", id(10 + end, 0)},
                    {"fields", {{"name", "tree"}, {"path", "/tree"}}}});
    for (size_t n = 0; n < 30; ++n) {
      auto entry = entry_op(id(20 + end, n), std::to_string(n));
      entry["fields"]["location_id"] = id(10 + end, 0);
      if (n > 0)
        entry["fields"]["parent_id"] = id(20 + end, n / 3);
      tree.push_back(std::move(entry));
    }
    write_batches(at, tree);
  }
  for (size_t round = 0; round < 4; ++round)
    BOOST_TEST_CONTEXT("round " << round) {
      auto at_a = line[0].client();
      auto at_c = line[2].client();
      const auto write = [&](size_t from, size_t to) {
        for (size_t n = from; n < to; ++n) {
          const json tag = {{"canonical_name", std::to_string(n)}};
          const json entry = {{"name", std::to_string(n)}, {"kind", "file"}};
          BOOST_TEST(at_a.put(record("tag", id(1, 100 * round + n)), tag).ok());
          BOOST_TEST(at_c.put(record("tag", id(2, 100 * round + n)), tag).ok());
          BOOST_TEST(at_a.put(record("entry", id(3, 100 * round + n)), entry).ok());
          BOOST_TEST(at_c.put(record("entry", id(4, 100 * round + n)), entry).ok());
        }
      };
      write(0, 10);
      if (round % 2 == 0)
        line[1].kill9();
      else
        BOOST_TEST(line[1].stop().value_or(-1) == 0);
      // With nobody between: more of it, edits, deletes, and on the last round both trees.
      write(10, 20);
      BOOST_TEST(at_a.remove(record("tag", id(1, 100 * round))).ok());
      BOOST_TEST(at_c.remove(record("entry", id(4, 100 * round + 1))).ok());
      BOOST_TEST(at_a.put(record("tag", id(1, 100 * round + 2)), {{"color", "#a"}}).ok());
      BOOST_TEST(at_c.put(record("tag", id(2, 100 * round + 2)), {{"color", "#c"}}).ok());
      if (round == 3) {
        BOOST_TEST(at_a.remove(record("location", id(10, 0))).ok());
        BOOST_TEST(
            at_c.remove(record("entry", id(22, 1))).ok()); // a folder: what is below goes too
      }
      const auto last = line[0].cli({"put", "lab", "tag", "new", "canonical_name=last"});
      BOOST_REQUIRE_MESSAGE(last.code == 0, last.err);
      line[1].start();
      const auto waited = line[0].cli({"wait", "lab", "--for", json::parse(last.out)["token"],
                                       "--peers", far, "--timeout", "30"});
      BOOST_TEST(waited.code == 0, waited.err);
      BOOST_TEST(at_c.get(record("tag", json::parse(last.out)["id"])).ok());
    }
  BOOST_REQUIRE(line.converge());
  line.check_exports();
  const auto held = by_id(line.exported(2));
  const auto count = [&](uint64_t kind) {
    return std::count_if(held.begin(), held.end(), [&](const auto& r) {
      return r.first.starts_with(numbered_id(kind, 0).substr(0, 8));
    });
  };
  BOOST_TEST(count(1) == 4 * 19); // one of each round's twenty was deleted
  BOOST_TEST(count(2) == 4 * 20);
  BOOST_TEST(count(3) == 4 * 20);
  BOOST_TEST(count(4) == 4 * 19);
  BOOST_TEST(count(10) + count(20) == 0);
  BOOST_TEST(count(12) == 1);
  BOOST_TEST(count(22) == 30 - 16); // 1, 3 to 5, 9 to 17, 27 to 29
  for (size_t n = 0; n < 3; ++n)
    BOOST_TEST(eventually([&] { return log_entries(line[n]) == 0; }),
               line[n].name() << " keeps " << log_entries(line[n]) << " log entries");
  const auto peers = line[0].client().get(lab_path("/peers"));
  for (const auto& p : peers.body["items"])
    if (p["device"] == far)
      BOOST_TEST(p["last_seen"].is_null());
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
