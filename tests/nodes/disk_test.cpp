// Disks without room, disks that fail: nothing that was acknowledged is lost, clients are told what
// is known, and the node goes on by itself.

#include "tests/nodes/batches.hpp"
#include "tests/nodes/faults.hpp"
#include "tests/nodes/tag_writer.hpp"

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <csignal>
#include <sys/resource.h>

namespace shoal::nodes {

namespace {

constexpr uint64_t mib = uint64_t{1} << 20;

json status_of(node& n) { return n.client().get("/v1/status").body; }

bool connected(node& at, const node& to) {
  const auto status = status_of(at);
  for (const auto& m : status["libraries"][0]["members"])
    if (m["device"] == to.device())
      return m["connected"].get<bool>();
  return false;
}

uint64_t last_seen(node& at, const node& of) {
  const auto peers = at.client().get(lab_path("/peers"));
  for (const auto& p : peers.body["items"])
    if (p["device"] == of.device() && p["last_seen"].is_number())
      return p["last_seen"];
  return 0;
}

cluster::options with(const std::string& toml) {
  cluster::options how;
  how.sync = toml;
  return how;
}

} // namespace

BOOST_AUTO_TEST_SUITE(disk)

BOOST_AUTO_TEST_CASE(below_the_reserve_a_node_is_read_only_takes_nothing_from_peers_and_recovers) {
  cluster lab(2, with("heartbeat_seconds = 1\n"));
  faulty_disk disk(lab.scratch() / "disk");
  lab[0].start(disk.environment());
  lab[1].start();
  auto at_a = lab[0].client();
  auto at_b = lab[1].client();
  tag_writer here(1);
  tag_writer there(2);
  BOOST_TEST(here.put(at_a));
  BOOST_REQUIRE(lab.converge());
  // Only the next heartbeat tells it that its records are those of the other.
  BOOST_TEST(eventually([&] { return at_a.get("/readyz").ok(); }));

  disk.pretend_free(5 * mib);
  BOOST_TEST(!here.put(at_a));
  BOOST_TEST(here.last().status == 507);
  BOOST_TEST(here.last().error() == "disk_full");
  BOOST_TEST(here.last().text.find("has 5 MiB free") != std::string::npos, here.last().text);
  BOOST_TEST(here.last().text.find("disk_reserve_bytes keeps 128 MiB") != std::string::npos);
  const auto ready = at_a.get("/readyz");
  BOOST_TEST(ready.status == 503);
  BOOST_TEST(ready.text.find("read-only") != std::string::npos, ready.text);
  const auto status = status_of(lab[0]);
  BOOST_TEST(status["alarms"][0].get<std::string>().find("read-only") != std::string::npos);
  BOOST_TEST(status["libraries"][0]["read_only"].is_string());
  const auto metrics = at_a.get("/metrics").text;
  BOOST_TEST((metric(metrics, "shoal_disk_read_only") == 1.0));
  BOOST_TEST((metric(metrics, "shoal_disk_free_bytes") == 5.0 * mib));
  BOOST_TEST((metric(metrics, "shoal_disk_reserve_bytes") == 128.0 * mib));
  BOOST_TEST(lab[0].cli({"library", "create", "other"}).err.find("disk_full") != std::string::npos);
  BOOST_TEST(at_a.get(lab_path("/records/tag")).body["items"].size() == 1U);

  // What comes from the peer is kept back, not acknowledged, and the link stays.
  for (int n = 0; n < 20; ++n)
    BOOST_TEST(there.put(at_b));
  const auto waited = lab[1].cli({"wait", "lab", "--timeout", "2"});
  BOOST_TEST(waited.code == 1);
  const auto seen = last_seen(lab[1], lab[0]);
  BOOST_TEST(eventually([&] { return last_seen(lab[1], lab[0]) > seen + 4000; }));
  BOOST_TEST(connected(lab[1], lab[0]));
  BOOST_TEST(at_a.get(lab_path("/records/tag")).body["items"].size() == 1U);

  disk.pretend_free(0);
  BOOST_REQUIRE(lab.converge(10s));
  BOOST_TEST(here.put(at_a));
  BOOST_TEST(at_a.get("/readyz").ok());
  BOOST_TEST(status_of(lab[0])["alarms"].empty());
  BOOST_TEST((metric(at_a.get("/metrics").text, "shoal_disk_read_only") == 0.0));
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  here.check(lab.exported(1));
  there.check(lab.exported(0));
}

BOOST_AUTO_TEST_CASE(a_peer_that_writes_much_meanwhile_keeps_it_for_the_full_node) {
  cluster lab(2);
  faulty_disk disk(lab.scratch() / "disk");
  lab[0].start(disk.environment());
  lab[1].start();
  BOOST_REQUIRE(lab.converge());
  disk.pretend_free(mib);
  // More than a link's window, and than what is kept in memory of it.
  std::mt19937_64 random(1);
  auto at_b = lab[1].client();
  for (uint64_t n = 0; n < 40; ++n) {
    auto op = tag_op(numbered_id(3, n), "large");
    op["fields"]["description"] = noise(random, 700'000);
    BOOST_REQUIRE(at_b.put(record("tag", op["id"]), op["fields"]).ok());
  }
  // Links that come and go meanwhile add nothing.
  for (int round = 0; round < 3; ++round) {
    lab[1].kill9();
    lab[1].start();
    BOOST_TEST(eventually([&] { return connected(lab[0], lab[1]); }));
  }
  disk.pretend_free(0);
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
}

BOOST_AUTO_TEST_CASE(
    a_disk_that_fills_up_stops_writes_at_the_reserve_and_a_restart_waits_for_room) {
  temp_dir scratch;
  small_disk small(scratch / "small", 96);
  if (!small.mounted())
    return;
  cluster lab(2);
  lab[1].start();
  const std::map<std::string, std::string> there = {
      {"SHOAL__NODE__DATA_DIR", small.path() / "data"},
      {"SHOAL__NODE__DISK_RESERVE_BYTES", std::to_string(8 * mib)}};
  small.fill(30 * mib);
  lab[0].start(there);
  tag_writer tags(1, 100'000);
  auto at_a = lab[0].client();
  tags.put_until_refused(at_a, 1000);
  BOOST_TEST(tags.last().status == 507);
  BOOST_TEST(tags.last().error() == "disk_full", tags.last().text);
  BOOST_TEST(tags.count() > 20U);
  BOOST_REQUIRE(lab.converge());
  small.fill(0); // somebody else takes the rest
  BOOST_TEST(!tags.put(at_a));
  tags.check(lab.exported(0));
  lab[0].kill9();
  lab[0].start(there); // replaying the log needs room that is not there
  BOOST_TEST(lab[0].client().get("/healthz").ok());
  small.empty();
  BOOST_TEST(writes_again(lab[0], tags), tags.last().text);
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  tags.check(lab.exported(0));
}

BOOST_AUTO_TEST_CASE(a_disk_that_is_full_without_a_reserve_costs_nothing_that_was_acknowledged) {
  temp_dir scratch;
  small_disk small(scratch / "small", 256);
  if (!small.mounted())
    return;
  cluster lab(2);
  lab[1].start();
  lab[0].start(
      {{"SHOAL__NODE__DATA_DIR", small.path() / "data"}, {"SHOAL__NODE__DISK_RESERVE_BYTES", "0"}});
  const auto pid = lab[0].pid();
  tag_writer tags(1, 30'000);
  for (int round = 0; round < 5; ++round) {
    BOOST_TEST_CONTEXT("round " << round) {
      small.fill(mib * static_cast<uint64_t>(round));
      auto at_a = lab[0].client();
      tags.put_until_refused(at_a, 1000);
      BOOST_TEST((tags.last().status == 507 || tags.last().status == 503), tags.last().text);
      small.empty();
      BOOST_TEST(writes_again(lab[0], tags), tags.last().text);
      BOOST_TEST(lab[0].running());
      BOOST_TEST(lab[0].pid() == pid);
    }
  }
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  tags.check(lab.exported(0));
  lab[0].kill9();
  lab[0].start({{"SHOAL__NODE__DATA_DIR", small.path() / "data"}});
  tags.check(lab.exported(0));
}

BOOST_AUTO_TEST_CASE(a_start_on_a_full_disk_says_so_and_asks_to_be_tried_again) {
  temp_dir scratch;
  small_disk small(scratch / "small", 4);
  if (!small.mounted())
    return;
  node n(small.path() / "n", "n");
  small.fill(0);
  n.launch();
  BOOST_TEST((n.ended_within(30s) == 75));
  small.empty();
  n.start();
  BOOST_TEST((n.stop() == 0));
}

BOOST_AUTO_TEST_CASE(a_limit_on_the_size_of_files_costs_nothing_that_was_acknowledged) {
  cluster lab(2);
  lab.start();
  const auto pid = lab[0].pid();
  tag_writer tags(1, 30'000);
  const auto limit_files = [&](rlim_t bytes) {
    rlimit now{};
    BOOST_REQUIRE(prlimit(pid, RLIMIT_FSIZE, nullptr, &now) == 0);
    now.rlim_cur = bytes;
    BOOST_REQUIRE(prlimit(pid, RLIMIT_FSIZE, &now, nullptr) == 0);
  };
  for (int round = 0; round < 3; ++round) {
    BOOST_TEST_CONTEXT("round " << round) {
      limit_files(mib / 2);
      auto at_a = lab[0].client();
      tags.put_until_refused(at_a, 1000);
      BOOST_TEST((tags.last().status == 507 || tags.last().status == 503), tags.last().text);
      limit_files(RLIM_INFINITY);
      BOOST_TEST(writes_again(lab[0], tags), tags.last().text);
      BOOST_TEST(lab[0].running());
    }
  }
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  tags.check(lab.exported(0));
}

BOOST_AUTO_TEST_CASE(a_failed_sync_is_told_as_unknown_and_ends_the_node_to_be_opened_anew) {
  cluster lab(2);
  faulty_disk disk(lab.scratch() / "disk");
  lab[0].start(disk.environment());
  lab[1].start();
  tag_writer tags(1);
  auto at_a = lab[0].client();
  for (int n = 0; n < 10; ++n)
    BOOST_TEST(tags.put(at_a));
  BOOST_REQUIRE(lab.converge());
  disk.fail_syncs_from_now(EIO);
  BOOST_TEST(!tags.put(at_a));
  BOOST_TEST(tags.last().status == 507);
  BOOST_TEST(tags.last().error() == "outcome_unknown", tags.last().text);
  BOOST_TEST((lab[0].ended_within(10s) == 75));

  // The disk still fails: the library says so, and comes back when it does no longer.
  disk.heal();
  disk.fail_syncs(1, UINT64_MAX, EIO);
  lab[0].start(disk.environment());
  auto again = lab[0].client();
  BOOST_TEST(!tags.put(again));
  BOOST_TEST(tags.last().status == 507, tags.last().text);
  disk.mend_syncs();
  BOOST_TEST(writes_again(lab[0], tags), tags.last().text);
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  tags.check(lab.exported(1));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
