// Members that were away: for longer than the log waits for them, or in another time.

#include "tests/nodes/batches.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

namespace shoal::nodes {

namespace {

cluster::options with(const std::string& sync) {
  cluster::options how;
  how.sync = sync;
  return how;
}

/// All of a node's data, as a backup made while it is stopped.
void back_up(node& n, const fs::path& to) {
  fs::remove_all(to);
  fs::copy(n.dir() / "data", to, fs::copy_options::recursive);
}
void put_back(node& n, const fs::path& from) {
  fs::remove_all(n.dir() / "data");
  fs::copy(from, n.dir() / "data", fs::copy_options::recursive);
}

json verified(node& n) {
  const auto got = n.client().post(lab_path("/verify"), json::object());
  BOOST_REQUIRE_MESSAGE(got.ok(), n.name() << ": " << got.text);
  return got.body;
}

/// Streams of one device that a node has ops of.
std::map<std::string, uint64_t> streams_of(node& at, const std::string& device) {
  std::map<std::string, uint64_t> out;
  const auto got = at.client().get(lab_path("/digest"));
  BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
  for (const auto& [stream, seq] : got.body["frontiers"].items())
    if (stream.starts_with(device))
      out[stream] = seq;
  return out;
}

double received_ops(node& n) {
  return metric(n.client().get("/metrics").text, "shoal_ops_received_total", {"lab"}).value_or(-1);
}

} // namespace

BOOST_AUTO_TEST_SUITE(away)

BOOST_AUTO_TEST_CASE(only_what_was_missed_comes_to_a_node_that_was_away) {
  cluster lab(2);
  lab.start();
  auto at_a = lab[0].client();
  for (size_t n = 0; n < 3; ++n)
    BOOST_REQUIRE(at_a.put(record("tag", numbered_id(1, n)), {{"canonical_name", "x"}}).ok());
  BOOST_REQUIRE(lab.converge());
  BOOST_TEST(lab[1].stop().value_or(-1) == 0);
  for (size_t n = 3; n < 5; ++n)
    BOOST_REQUIRE(at_a.put(record("tag", numbered_id(1, n)), {{"canonical_name", "x"}}).ok());
  lab[1].start();
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  BOOST_TEST(received_ops(lab[1]) == 2);
  BOOST_TEST(lab[1].client().get(lab_path("/records/tag")).body["items"].size() == 5U);
}

// It takes the minute after which retention passes over who is not linked.
BOOST_AUTO_TEST_CASE(a_member_away_beyond_the_end_of_the_log_is_marked_and_ends_equal) {
  constexpr size_t before = 4000;
  constexpr size_t changed = 800;
  constexpr size_t deleted = 300;
  constexpr int64_t kept_in_log = 100;
  cluster lab(3, with("[retention]\nmax_log_entries = " + std::to_string(kept_in_log) + "\n"));
  lab.start();
  auto at_a = lab[0].client();
  std::vector<json> ops;
  for (size_t n = 0; n < before; ++n) {
    ops.push_back(tag_op(numbered_id(1, n), "tag " + std::to_string(n)));
    ops.push_back(entry_op(numbered_id(2, n), "entry " + std::to_string(n)));
  }
  write_batches(at_a, ops);
  BOOST_REQUIRE(lab.converge());
  for (size_t n = 0; n < 3; ++n)
    BOOST_REQUIRE(eventually([&] { return log_entries(lab[n]) == 0; }));

  // What only the one that goes away knows: of its own, of a record that the others will delete,
  // and of one that they will change in another field.
  lab[0].kill9();
  lab[1].kill9();
  auto at_c = lab[2].client();
  for (size_t n = 0; n < 20; ++n)
    BOOST_REQUIRE(at_c.put(record("tag", numbered_id(3, n)), {{"canonical_name", "unsent"}}).ok());
  BOOST_REQUIRE(at_c.put(record("tag", numbered_id(1, 0)), {{"color", "unsent"}}).ok());
  BOOST_REQUIRE(at_c.put(record("tag", numbered_id(1, changed)), {{"color", "unsent"}}).ok());
  BOOST_TEST(lab[2].stop().value_or(-1) == 0);
  lab[0].start();
  lab[1].start();
  at_a = lab[0].client();
  ops.clear();
  for (size_t n = 0; n < deleted; ++n) {
    ops.push_back(delete_op("tag", numbered_id(1, n)));
    ops.push_back(delete_op("entry", numbered_id(2, n)));
  }
  for (size_t n = deleted; n < deleted + changed; ++n) {
    ops.push_back(tag_op(numbered_id(1, n), "renamed"));
    ops.push_back(entry_op(numbered_id(2, n), "renamed"));
  }
  write_batches(at_a, ops);
  BOOST_REQUIRE(lab.converge(20s, {0, 1}));
  BOOST_TEST(log_entries(lab[0]) == static_cast<int64_t>(deleted + changed));
  for (size_t n = 0; n < 2; ++n)
    BOOST_TEST(eventually([&] { return peer_state(lab[n], lab[2]) == "needs_snapshot"; }, 90s),
               lab[n].name() << " shows it as " << peer_state(lab[n], lab[2]));
  for (size_t n = 0; n < 2; ++n)
    BOOST_TEST(eventually([&] { return log_entries(lab[n]) <= kept_in_log; }),
               lab[n].name() << " keeps " << log_entries(lab[n]) << " log entries");

  lab[2].start();
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  at_c = lab[2].client();
  for (size_t n = 0; n < deleted; ++n)
    for (const auto& gone : {record("tag", numbered_id(1, n)), record("entry", numbered_id(2, n))})
      BOOST_REQUIRE_MESSAGE(at_c.get(gone).status == 404, gone << " is there again");
  for (size_t n = 0; n < 20; ++n)
    BOOST_TEST(at_a.get(record("tag", numbered_id(3, n))).ok());
  const auto both = at_a.get(record("tag", numbered_id(1, changed))).body["fields"];
  BOOST_TEST(both["canonical_name"] == "renamed");
  BOOST_TEST(both["color"] == "unsent");
  // What was changed or deleted, and nothing else, from each of the two that have it at most once.
  BOOST_TEST(received_ops(lab[2]) <= 2.0 * 2 * (deleted + changed));
  for (size_t n = 0; n < 2; ++n)
    BOOST_TEST(eventually([&] { return peer_state(lab[n], lab[2]) == "synced"; }),
               lab[n].name() << " shows it as " << peer_state(lab[n], lab[2]));
  for (size_t n = 0; n < 3; ++n) {
    BOOST_TEST(eventually([&] { return log_entries(lab[n]) == 0; }));
    BOOST_TEST(verified(lab[n])["ok"] == true);
  }
}

BOOST_AUTO_TEST_CASE(a_node_put_back_to_an_old_copy_gets_its_lost_writes_back_and_reuses_nothing) {
  cluster lab(3);
  lab.start();
  auto at_a = lab[0].client();
  for (size_t n = 0; n < 60; ++n) {
    BOOST_REQUIRE(at_a.put(record("tag", numbered_id(1, n)), {{"canonical_name", "old"}}).ok());
    BOOST_REQUIRE(
        at_a.put(record("entry", numbered_id(2, n)), {{"name", "old"}, {"kind", "file"}}).ok());
  }
  BOOST_REQUIRE(lab.converge());
  BOOST_TEST(lab[0].stop().value_or(-1) == 0);
  const auto copy = lab.scratch() / "copy";
  back_up(lab[0], copy);
  const auto at_copy = streams_of(lab[1], lab[0].device());

  // What the copy does not know: new records, edits, deletes, of both classes.
  lab[0].start();
  at_a = lab[0].client();
  for (size_t n = 0; n < 20; ++n) {
    BOOST_TEST(at_a.remove(record("tag", numbered_id(1, n))).ok());
    BOOST_TEST(at_a.remove(record("entry", numbered_id(2, n))).ok());
  }
  for (size_t n = 20; n < 40; ++n) {
    BOOST_TEST(at_a.put(record("tag", numbered_id(1, n)), {{"canonical_name", "edited"}}).ok());
    BOOST_TEST(at_a.put(record("entry", numbered_id(2, n)), {{"name", "edited"}}).ok());
  }
  for (size_t n = 60; n < 100; ++n) {
    BOOST_TEST(at_a.put(record("tag", numbered_id(1, n)), {{"canonical_name", "new"}}).ok());
    BOOST_TEST(
        at_a.put(record("entry", numbered_id(2, n)), {{"name", "new"}, {"kind", "file"}}).ok());
  }
  BOOST_REQUIRE(lab.converge());
  const auto whole = lab.exported(1);
  const auto lost = streams_of(lab[1], lab[0].device());
  BOOST_TEST(lost.size() > at_copy.size());
  BOOST_TEST(lab[0].stop().value_or(-1) == 0);
  put_back(lab[0], copy);

  lab[0].start();
  BOOST_REQUIRE(lab.converge());
  BOOST_TEST(lab.exported(0) == whole);
  BOOST_TEST(lab.exported(1) == whole);
  // Its next write stands in a stream that nobody has heard of.
  const auto next =
      lab[0].client().put(record("tag", numbered_id(4, 1)), {{"canonical_name", "after"}});
  BOOST_REQUIRE_MESSAGE(next.ok(), next.text);
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  for (size_t n = 0; n < 3; ++n) {
    const auto now = streams_of(lab[n], lab[0].device());
    for (const auto& [stream, seq] : lost)
      BOOST_TEST((!now.contains(stream) || now.at(stream) == seq),
                 stream << " went from " << seq << " to " << now.at(stream));
    std::set<std::string> fresh;
    for (const auto& [stream, seq] : now)
      if (!lost.contains(stream))
        fresh.insert(stream);
    BOOST_TEST(!fresh.empty(), "the write went into a stream of before");
    BOOST_TEST(eventually([&] { return log_entries(lab[n]) == 0; }),
               lab[n].name() << " keeps " << log_entries(lab[n]) << " log entries");
    BOOST_TEST(verified(lab[n])["ok"] == true);
  }
}

BOOST_AUTO_TEST_CASE(an_old_copy_does_not_bring_back_what_was_deleted_and_forgotten) {
  // Delete marks go after twice the drift, and then nobody can tell the copy of the delete.
  cluster lab(3, with("max_clock_drift_seconds = 1\n[retention]\nmin_tombstone_hours = 0\n"));
  lab.start();
  auto at_a = lab[0].client();
  for (size_t n = 0; n < 50; ++n) {
    BOOST_REQUIRE(at_a.put(record("tag", numbered_id(1, n)), {{"canonical_name", "x"}}).ok());
    BOOST_REQUIRE(
        at_a.put(record("entry", numbered_id(2, n)), {{"name", "x"}, {"kind", "file"}}).ok());
  }
  BOOST_REQUIRE(lab.converge());
  BOOST_TEST(lab[2].stop().value_or(-1) == 0);
  const auto copy = lab.scratch() / "copy";
  back_up(lab[2], copy);
  lab[2].start();
  for (size_t n = 0; n < 25; ++n) {
    BOOST_TEST(at_a.remove(record("tag", numbered_id(1, n))).ok());
    BOOST_TEST(at_a.remove(record("entry", numbered_id(2, n))).ok());
  }
  BOOST_REQUIRE(lab.converge());
  for (size_t n = 0; n < 3; ++n)
    BOOST_REQUIRE_MESSAGE(
        eventually([&] { return lab[n].client().get(lab_path()).body["tombstones"] == 0; }, 60s),
        lab[n].name() << " keeps " << lab[n].client().get(lab_path()).body["tombstones"]
                      << " delete marks");
  BOOST_TEST(lab[2].stop().value_or(-1) == 0);
  put_back(lab[2], copy);
  lab[2].start();
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  for (size_t n = 0; n < 3; ++n) {
    BOOST_TEST(lab[n].client().get(lab_path("/records/tag")).body["items"].size() == 25U);
    BOOST_TEST(lab[n].client().get(lab_path("/records/entry")).body["items"].size() == 25U);
    BOOST_TEST(verified(lab[n])["ok"] == true);
  }
  // And it goes on as a member like the others.
  BOOST_TEST(lab[2].client().put(record("tag", "new"), {{"canonical_name", "after"}}).ok());
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
