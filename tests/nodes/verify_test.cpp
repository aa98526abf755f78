// `verify` on nodes that have nothing to hide.

#include "tests/nodes/batches.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <thread>

namespace shoal::nodes {

namespace {

struct filled : cluster {
  filled() : cluster(3) {
    start();
    for (size_t n = 0; n < 3; ++n) {
      auto at = (*this)[n].client();
      std::vector<json> ops;
      for (size_t i = 0; i < 1500; ++i) {
        ops.push_back(tag_op(numbered_id(1 + n, i), "tag"));
        ops.push_back(entry_op(numbered_id(11 + n, i), "entry"));
      }
      write_batches(at, ops);
      for (size_t i = 0; i < 20; ++i) { // versions that no longer stand, and delete marks
        BOOST_TEST(at.put(record("tag", numbered_id(1 + n, i)), {{"color", "red"}}).ok());
        BOOST_TEST(at.remove(record("entry", numbered_id(11 + n, i))).ok());
      }
    }
    BOOST_REQUIRE(converge());
  }
};

std::set<std::string> devices(const json& peers) {
  std::set<std::string> out;
  for (const auto& p : peers)
    out.insert(p["device"]);
  return out;
}

void check_equal(const json& said) {
  BOOST_TEST(said["ok"] == true, said.dump());
  BOOST_TEST(said["problems"] == 0);
  BOOST_TEST(said["described"].empty());
  for (const auto& p : said["peers"]) {
    BOOST_TEST(p["complete"] == true);
    BOOST_TEST(p["intervals_differing"] == 0);
    BOOST_TEST(p["records_changed"] == 0);
    BOOST_TEST(p["versions"] > 0);
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(verification)

BOOST_FIXTURE_TEST_CASE(healthy_nodes_are_found_equal_and_counted_as_the_export_shows_them,
                        filled) {
  for (size_t n = 0; n < 3; ++n) {
    const auto text = exported(n);
    const auto lines = std::count(text.begin(), text.end(), '\n');
    const auto got = (*this)[n].client().post(lab_path("/verify"), json::object());
    BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
    check_equal(got.body);
    BOOST_TEST(got.body["records"] == lines);
    BOOST_TEST(got.body["digest"] == (*this)[n].client().get(lab_path("/digest")).body["digest"]);
    std::set<std::string> others;
    for (size_t i = 0; i < 3; ++i)
      if (i != n)
        others.insert((*this)[i].device());
    BOOST_TEST(devices(got.body["peers"]) == others, boost::test_tools::per_element());

    for (const bool repair : {false, true}) {
      std::vector<std::string> words{"-o", "json", "verify", "lab"};
      if (repair)
        words.emplace_back("--repair");
      const auto said = (*this)[n].cli(words);
      BOOST_TEST(said.code == 0, said.err);
      BOOST_TEST(said.err.empty(), said.err);
      check_equal(json::parse(said.out));
      BOOST_TEST(json::parse(said.out)["records"] == lines);
    }
    BOOST_TEST(exported(n) == text);
  }
}

BOOST_FIXTURE_TEST_CASE(who_is_not_linked_is_not_asked, filled) {
  (*this)[1].kill9();
  BOOST_REQUIRE(eventually([&] { return peer_state((*this)[0], (*this)[1]) == "down"; }));
  const auto said = (*this)[0].cli({"-o", "json", "verify", "lab"});
  BOOST_TEST(said.code == 0, said.err);
  const auto told = json::parse(said.out);
  check_equal(told);
  BOOST_TEST(devices(told["peers"]) == std::set<std::string>{(*this)[2].device()},
             boost::test_tools::per_element());
  (*this)[2].kill9();
  BOOST_REQUIRE(eventually([&] { return peer_state((*this)[0], (*this)[2]) == "down"; }));
  const auto alone = (*this)[0].cli({"-o", "json", "verify", "lab"});
  BOOST_TEST(alone.code == 0, alone.err);
  BOOST_TEST(json::parse(alone.out)["peers"].empty());
}

BOOST_FIXTURE_TEST_CASE(records_that_are_on_their_way_are_no_difference, filled) {
  std::atomic<bool> stop{false};
  std::array<std::atomic<uint64_t>, 3> written{};
  std::vector<std::thread> writers;
  for (size_t n = 0; n < 3; ++n)
    writers.emplace_back([&, n, at = (*this)[n].client()]() mutable {
      while (!stop)
        if (at.put(record("tag", "new"), {{"canonical_name", "fresh"}}).ok())
          ++written[n];
    });
  // An edit takes the version before it away on one node first.
  writers.emplace_back([&, at = (*this)[0].client()]() mutable {
    for (int round = 0; !stop; ++round)
      at.put(record("tag", numbered_id(9, 1)), {{"canonical_name", std::to_string(round)}});
  });
  const auto verify_all = [&] {
    for (size_t n = 0; n < 3; ++n) {
      const auto before = written[n].load();
      BOOST_TEST(eventually([&] { return written[n] > before + 10; }), (*this)[n].name()
                                                                           << " takes no writes");
      const auto got = (*this)[n].client().post(lab_path("/verify"), json::object());
      BOOST_TEST(got.ok(), got.text);
      if (got.ok())
        check_equal(got.body);
    }
  };
  for (int round = 0; round < 4; ++round)
    verify_all();
  stop = true;
  for (auto& w : writers)
    w.join();
  BOOST_REQUIRE(converge());
  for (size_t n = 0; n < 3; ++n)
    BOOST_TEST(
        metric((*this)[n].client().get("/metrics").text, "shoal_digest_mismatch_total").value_or(1)
        == 0);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
