// Metrics say what happened: each is driven, and its value compared. Those of clocks, dead letters,
// disks, dials and attacks are in clock_test, disk_test, stop_test and tests/attack.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <cmath>
#include <random>

namespace shoal::nodes {

namespace {

struct measured : cluster {
  measured() : cluster(2) {
    start();
    BOOST_REQUIRE(converge());
  }
  double at(size_t n, const std::string& name, const std::vector<std::string>& labels = {}) {
    auto all = labels;
    all.emplace_back("library=\"lab\"");
    const auto value = metric((*this)[n].client().get("/metrics").text, name, all);
    BOOST_REQUIRE_MESSAGE(value.has_value(), name << " is missing");
    return *value;
  }
  std::string other(size_t n) { return "peer=\"" + (*this)[1 - n].device() + "\""; }
  /// The store of a node that is stopped; see tests/nodes/alter.
  void alter(size_t n, const std::vector<std::string>& how) {
    std::vector<std::string> words = {SHOAL_ALTER_RECORD,
                                      (*this)[n].dir() / "data" / "libraries" / library() / "db",
                                      (*this)[n].device()};
    words.insert(words.end(), how.begin(), how.end());
    process alter(words, scratch() / "alter.log");
    BOOST_REQUIRE_MESSAGE(alter.ended_within(60s) == 0, read_file(scratch() / "alter.log"));
  }
  std::string put(size_t n, const std::string& name) {
    const auto got = (*this)[n].client().put(record("tag", "new"), {{"canonical_name", name}});
    BOOST_REQUIRE(got.ok());
    return got.body["id"];
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(numbers, measured)

BOOST_AUTO_TEST_CASE(every_write_is_counted_where_it_was_made_sent_received_and_applied) {
  const std::vector<std::string> counters = {"shoal_writes_total", "shoal_ops_sent_total",
                                             "shoal_ops_received_total", "shoal_ops_applied_total",
                                             "shoal_commit_seconds_count"};
  std::map<std::string, double> a;
  std::map<std::string, double> b;
  for (const auto& c : counters) {
    a[c] = at(0, c);
    b[c] = at(1, c);
  }
  const auto out = at(0, "shoal_bytes_sent_total");
  const auto in = at(1, "shoal_bytes_received_total");
  const auto broadcasts = at(0, "shoal_broadcast_seconds_count");
  const auto applies = at(1, "shoal_apply_seconds_count");
  std::mt19937 random(1);
  for (int n = 0; n < 50; ++n) {
    std::string text(1000, ' '); // that compression leaves most of
    for (auto& letter : text)
      letter = static_cast<char>('0' + random() % 64);
    put(0, text);
  }
  BOOST_REQUIRE(converge());
  BOOST_TEST(at(0, "shoal_writes_total") - a["shoal_writes_total"] == 50);
  BOOST_TEST(at(0, "shoal_commit_seconds_count") - a["shoal_commit_seconds_count"] == 50);
  BOOST_TEST(at(0, "shoal_ops_sent_total") - a["shoal_ops_sent_total"] == 50);
  BOOST_TEST(at(1, "shoal_ops_received_total") - b["shoal_ops_received_total"] == 50);
  BOOST_TEST(at(1, "shoal_ops_applied_total") - b["shoal_ops_applied_total"] == 50);
  BOOST_TEST(at(1, "shoal_writes_total") - b["shoal_writes_total"] == 0);
  BOOST_TEST(at(0, "shoal_ops_received_total") - a["shoal_ops_received_total"] == 0);
  const auto sent = at(0, "shoal_bytes_sent_total") - out;
  BOOST_TEST(sent >= 30'000);
  // The same frames on both sides, but for what went between the looks.
  BOOST_TEST(std::abs(at(1, "shoal_bytes_received_total") - in - sent) < 3000 + sent / 50);
  BOOST_TEST(at(1, "shoal_apply_seconds_count") - applies >= 1);
  // As many as there were groups: one at least, one for each write at most.
  const auto measured_broadcasts = at(0, "shoal_broadcast_seconds_count") - broadcasts;
  BOOST_TEST((measured_broadcasts >= 1 && measured_broadcasts <= 50));
  const auto sum = at(0, "shoal_broadcast_seconds_sum");
  BOOST_TEST((sum > 0 && sum < 60));
}

BOOST_AUTO_TEST_CASE(a_member_that_is_away_shows_in_what_is_behind_connected_and_kept) {
  BOOST_TEST(at(0, "shoal_peer_connected", {other(0)}) == 1);
  BOOST_TEST(at(0, "shoal_state", {"state=\"ready\""}) == 1);
  BOOST_TEST(at(0, "shoal_backfill_progress_ratio") == 1);
  BOOST_TEST(eventually([&] { return at(0, "shoal_log_entries") == 0; }));
  BOOST_TEST(eventually([&] {
    const auto text = (*this)[0].client().get("/metrics").text;
    const auto rtt = metric(text, "shoal_peer_rtt_seconds", {other(0)});
    return rtt && *rtt > 0 && *rtt < 30;
  }));
  BOOST_TEST(std::abs(at(0, "shoal_peer_clock_offset_seconds", {other(0)})) < 30);
  BOOST_TEST(at(0, "shoal_hlc_drift_seconds") < 30);
  BOOST_REQUIRE((*this)[1].cli({"pause", "lab"}).code == 0);
  BOOST_TEST(at(1, "shoal_state", {"state=\"paused\""}) == 1);
  BOOST_TEST(at(1, "shoal_state", {"state=\"ready\""}) == 0);
  BOOST_TEST(eventually([&] { return at(0, "shoal_peer_connected", {other(0)}) == 0; }));
  const auto seen = at(0, "shoal_peer_last_seen_seconds", {other(0)});
  std::string last;
  for (int n = 0; n < 10; ++n)
    last = put(0, "n" + std::to_string(n));
  BOOST_TEST(at(0, "shoal_log_entries") == 10);
  BOOST_TEST(at(0, "shoal_peer_behind_ops", {other(0), "direction=\"out\""}) == 10);
  BOOST_TEST(at(0, "shoal_peer_behind_ops", {other(0), "direction=\"in\""}) == 0);
  BOOST_TEST(
      eventually([&] { return at(0, "shoal_peer_last_seen_seconds", {other(0)}) > seen + 1; }));
  const auto before = at(0, "shoal_tombstones");
  BOOST_REQUIRE((*this)[0].client().remove(record("tag", last)).ok());
  BOOST_TEST(at(0, "shoal_tombstones") == before + 1);
  BOOST_REQUIRE((*this)[1].cli({"resume", "lab"}).code == 0);
  BOOST_REQUIRE(converge());
  BOOST_TEST(at(0, "shoal_peer_connected", {other(0)}) == 1);
  BOOST_TEST(eventually([&] { // what it holds it says a moment after it holds it
    return at(0, "shoal_peer_behind_ops", {other(0), "direction=\"out\""}) == 0;
  }));
  BOOST_TEST(eventually([&] { return at(0, "shoal_log_entries") == 0; }));
}

BOOST_AUTO_TEST_CASE(a_conflict_is_counted_once_on_each_node_that_saw_it) {
  const auto id = put(0, "both");
  BOOST_REQUIRE(converge());
  const auto before = at(0, "shoal_conflicts_total");
  BOOST_REQUIRE((*this)[1].cli({"pause", "lab"}).code == 0);
  for (size_t n = 0; n < 2; ++n)
    BOOST_REQUIRE(
        (*this)[n].client().put(record("tag", id), {{"color", n == 0 ? "red" : "blue"}}).ok());
  BOOST_REQUIRE((*this)[1].cli({"resume", "lab"}).code == 0);
  BOOST_REQUIRE(converge());
  BOOST_TEST(at(0, "shoal_conflicts_total") == before + 1);
  BOOST_TEST(at(0, "shoal_digest_mismatch_total") == 0);
  BOOST_TEST(at(0, "shoal_ops_rejected_total", {"reason=\"refused\""}) == 0);
}

BOOST_AUTO_TEST_CASE(records_that_differ_at_equal_frontiers_are_counted_named_and_mended) {
  const auto id = put(0, "as it was written");
  BOOST_REQUIRE(converge());
  const auto expected = exported(1);
  BOOST_REQUIRE((*this)[0].stop() == 0);
  // Of two values with one stamp the greater stands, so that all nodes agree on one.
  alter(0, {"replace", "as it was written", "AS IT WAS WRITTEN"});
  (*this)[0].start();
  BOOST_TEST(eventually([&] {
    return at(0, "shoal_digest_mismatch_total") + at(1, "shoal_digest_mismatch_total") > 0;
  }));
  BOOST_TEST(eventually([&] { return exported(0) == expected; }));
  BOOST_REQUIRE(converge());
  check_exports();
  BOOST_TEST(exported(1) == expected);
  const auto said = (*this)[0].log() + (*this)[1].log();
  BOOST_TEST((said.find("DIVERGED from") != std::string::npos
              || said.find("intervals differed") != std::string::npos));

  // Mended, and so no more counted.
  std::vector<double> counted;
  for (size_t n = 0; n < 2; ++n)
    counted.push_back(at(n, "shoal_digest_mismatch_total"));
  BOOST_REQUIRE((*this)[1].client().put(record("tag", id), {{"color", "red"}}).ok());
  BOOST_REQUIRE(converge());
  for (size_t n = 0; n < 2; ++n)
    BOOST_TEST(at(n, "shoal_digest_mismatch_total") == counted[n]);
}

// Both are settled, and digests say nothing of deletes: they disagreed for ever.
BOOST_AUTO_TEST_CASE(a_delete_that_a_node_has_lost_comes_to_it_again) {
  const auto id = put(0, "to be deleted");
  put(0, "to stay");
  BOOST_REQUIRE(converge());
  BOOST_REQUIRE((*this)[0].stop() == 0);
  const auto rows = scratch() / "rows";
  alter(0, {"keep", "to be deleted", rows});
  (*this)[0].start();
  BOOST_REQUIRE((*this)[1].client().remove(record("tag", id)).ok());
  BOOST_REQUIRE(converge());
  const auto expected = exported(1);
  BOOST_REQUIRE((*this)[0].stop() == 0);
  alter(0, {"put", rows});
  (*this)[0].start();
  BOOST_TEST(eventually([&] { return exported(0) == expected; }));
  BOOST_TEST(exported(1) == expected);
  BOOST_REQUIRE(converge());
  check_exports();
}

BOOST_AUTO_TEST_CASE(members_are_named_for_as_long_as_they_are_members) {
  for (size_t n = 0; n < 2; ++n)
    BOOST_TEST(at(n, "shoal_peer_info", {other(n), "name=\"" + (*this)[1 - n].name() + "\""}) == 1);
  const auto gone = (*this)[0].cli({"member", "remove", "lab", (*this)[1].device()});
  BOOST_REQUIRE_MESSAGE(gone.code == 0, gone.err);
  BOOST_TEST(eventually([&] {
    const auto text = (*this)[0].client().get("/metrics").text;
    return !metric(text, "shoal_peer_info", {other(0)}).has_value();
  }));
}

BOOST_AUTO_TEST_CASE(a_write_is_traced_to_the_member_that_has_it_and_the_one_that_has_not) {
  const auto first = (*this)[0].client().put(record("tag", "new"), {{"canonical_name", "t"}});
  BOOST_REQUIRE(first.ok());
  const auto trace = [&](size_t n, const json& token) {
    const auto got = (*this)[n].cli({"trace", "lab", token.get<std::string>()});
    BOOST_REQUIRE_MESSAGE(got.code == 0, got.err);
    return json::parse(got.out)["items"];
  };
  const auto seq = first.body["seq"].get<uint64_t>();
  // On this node: when it was committed, when it went out, when the other had it.
  BOOST_TEST(
      eventually([&] { return trace(0, first.body["token"])[0]["members"][0]["holds"] == true; }));
  const auto here = trace(0, first.body["token"])[0];
  BOOST_TEST(here["origin"] == (*this)[0].device());
  BOOST_TEST(here["seq"] == seq);
  const auto& there = here["members"][0];
  BOOST_TEST(there["device"] == (*this)[1].device());
  BOOST_TEST(here["stamped"].get<int64_t>() <= here["committed"].get<int64_t>());
  BOOST_TEST(here["committed"].get<int64_t>() <= there["sent"].get<int64_t>());
  BOOST_TEST(there["sent"].get<int64_t>() <= there["durable"].get<int64_t>());
  // On the other: when it came, and was durable.
  const auto arrived = trace(1, first.body["token"])[0];
  BOOST_TEST(arrived["seq"] == seq);
  BOOST_TEST(arrived["committed"].is_null());
  BOOST_TEST(arrived["stamped"] == here["stamped"]);
  BOOST_TEST(arrived["received"].get<int64_t>() <= arrived["durable"].get<int64_t>());
  (*this)[1].kill9();
  const auto second = (*this)[0].client().put(record("tag", "new"), {{"canonical_name", "u"}});
  const auto waiting = trace(0, second.body["token"])[0];
  BOOST_TEST(waiting["committed"].is_number());
  BOOST_TEST(waiting["members"][0]["holds"] == false);
  BOOST_TEST(waiting["members"][0]["durable"].is_null());
  (*this)[1].start();
  BOOST_TEST(eventually(
      [&] { return trace(0, second.body["token"])[0]["members"][0]["durable"].is_number(); }));
  BOOST_TEST((*this)[0].cli({"trace", "lab", "nonsense"}).code == 1);
}

BOOST_AUTO_TEST_CASE(check_and_top_tell_of_a_member_that_goes_away) {
  const auto healthy = (*this)[0].cli({"check", "lab"});
  BOOST_TEST(healthy.code == 0, healthy.out);
  BOOST_TEST(healthy.out.find("OK certificate: good for") != std::string::npos, healthy.out);
  const auto live = (*this)[0].cli({"top", "--interval", "0.1", "-o", "json"});
  BOOST_TEST(live.code == 0);
  BOOST_TEST(json::parse(live.out)["libraries"][0]["rates"]["writes"] == 0.0);
  (*this)[1].kill9();
  BOOST_TEST(eventually([&] { return (*this)[0].cli({"check"}).code == 2; }));
  const auto alone = (*this)[0].cli({"check"});
  BOOST_TEST(alone.out.find("CRIT peers") != std::string::npos, alone.out);
  const auto seen = (*this)[0].cli({"top", "--interval", "0.1", "-o", "table"});
  BOOST_TEST(seen.out.find("NOT CONVERGED") != std::string::npos, seen.out);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
