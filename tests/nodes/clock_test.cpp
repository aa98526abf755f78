// Nodes whose wall clock is wrong, and writers who had not seen each other.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstring>
#include <fstream>

namespace shoal::nodes {

namespace {

constexpr int64_t hour_ms = 3'600'000;
constexpr int64_t year_ms = 365 * 24 * hour_ms;
constexpr int64_t drift_ms = 120'000; // max_clock_drift_seconds as it is by default
constexpr int64_t slack_ms = 60'000;  // what a busy machine may take between two looks

int64_t real_now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

/// Nodes whose walls the test sets while they run.
struct clocks : cluster {
  explicit clocks(size_t n) : cluster(n) {
    for (size_t i = 0; i < n; ++i)
      set_clock(i, 0);
  }
  std::string file(size_t n) const { return scratch() / ("wall-" + std::to_string(n)); }
  /// In place: the node has it mapped.
  void set_clock(size_t n, int64_t shift_ms) {
    char raw[sizeof shift_ms];
    std::memcpy(raw, &shift_ms, sizeof raw);
    const bool there = fs::exists(file(n));
    std::fstream out(file(n), there ? std::ios::in | std::ios::out | std::ios::binary
                                    : std::ios::out | std::ios::binary);
    out.write(raw, sizeof raw);
    BOOST_REQUIRE(out.flush());
  }
  void start(size_t n) {
    (*this)[n].start({{"LD_PRELOAD", SHOAL_WALL_SHIFT},
                      {"SHOAL_WALL_SHIFT_FILE", file(n)},
                      {"ASAN_OPTIONS", "verify_asan_link_order=0"}});
  }
  void start_all() {
    for (size_t n = 0; n < size(); ++n)
      start(n);
  }
  json status(size_t n) {
    const auto got = (*this)[n].client().get("/v1/status");
    BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
    return got.body["libraries"][0];
  }
  json letters(size_t n) {
    const auto got = (*this)[n].client().get(lab_path("/deadletter"));
    BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
    return got.body["items"];
  }
  /// True once node `n` is linked to all others and knows their clocks.
  bool knows_clocks(size_t n) {
    return eventually([&] {
      for (const auto& m : status(n)["members"])
        if (!m["connected"].get<bool>() || !m["clock_offset_ms"].is_number())
          return false;
      return true;
    });
  }
};

/// The wall of a write's stamp, or nothing when it was refused.
std::optional<int64_t> stamp_of(const answer& a) {
  if (!a.ok())
    return std::nullopt;
  return static_cast<int64_t>(
      std::stoull(a.body["hlc"].get<std::string>().substr(0, 16), nullptr, 16));
}

const std::string tag_id = "11111111-2222-4333-8444-555555555555";

} // namespace

BOOST_AUTO_TEST_SUITE(clock_rules)

BOOST_AUTO_TEST_CASE(what_a_node_an_hour_ahead_writes_waits_on_the_other_and_is_merged_in_time) {
  clocks lab(2);
  lab.set_clock(0, hour_ms);
  lab.start_all();
  auto a = lab[0].client();
  auto b = lab[1].client();
  BOOST_REQUIRE(a.put(record("tag", tag_id), {{"canonical_name", "late"}}).ok());
  BOOST_REQUIRE(eventually([&] { return lab.letters(1).size() == 1; }));
  const auto letter = lab.letters(1)[0];
  BOOST_TEST(letter["why"] == "quarantined");
  BOOST_TEST(letter["record"] == tag_id);
  BOOST_TEST(b.get(record("tag", tag_id)).status == 404);
  BOOST_TEST(a.get(lab_path("/wait?timeout=20")).ok()); // it is durable there all the same
  BOOST_TEST(
      metric(b.get("/metrics").text, "shoal_deadletter_ops", {"library=\"lab\""}).value_or(-1)
      == 1);
  BOOST_TEST(lab.status(1)["deadletters"] == 1);
  BOOST_TEST(!lab.status(1)["alarms"].empty());
  // The other's clock did not move.
  const auto own = stamp_of(b.put(record("tag", "new"), {{"canonical_name", "now"}}));
  BOOST_REQUIRE(own.has_value());
  BOOST_TEST(std::abs(*own - real_now()) < slack_ms);
  BOOST_TEST(!lab.status(1)["converged"].get<bool>());

  const auto retried = lab[1].cli({"deadletter", "lab", "retry", letter["id"]});
  BOOST_TEST(retried.code == 0, retried.err);
  BOOST_TEST(json::parse(retried.out)["merged"] == 0); // its time has not come

  // Restarted, it still waits; then the wall catches up.
  BOOST_TEST(lab[1].stop().value_or(-1) == 0);
  lab.start(1);
  BOOST_TEST(lab.letters(1).size() == 1);
  lab.set_clock(1, hour_ms);
  BOOST_TEST(eventually([&] { return lab.letters(1).empty(); }));
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  BOOST_TEST(lab[1].client().get(record("tag", tag_id)).body["fields"]["canonical_name"] == "late");
  for (size_t n = 0; n < 2; ++n)
    BOOST_TEST(
        metric(lab[n].client().get("/metrics").text, "shoal_digest_mismatch_total").value_or(1)
        == 0);
}

BOOST_AUTO_TEST_CASE(a_released_write_is_in_use_everywhere_and_later_ones_outlast_its_time) {
  clocks lab(3);
  lab.set_clock(0, hour_ms);
  lab.start(0);
  lab.start(1);
  const auto stamp =
      stamp_of(lab[0].client().put(record("tag", tag_id), {{"canonical_name", "early"}}));
  BOOST_REQUIRE(stamp.has_value());
  BOOST_REQUIRE(eventually([&] { return lab.letters(1).size() == 1; }));
  const auto name_at = [&](size_t n) {
    const auto got = lab[n].client().get(record("tag", tag_id));
    return got.ok() ? got.body["fields"]["canonical_name"].get<std::string>() : std::string();
  };
  const std::string id = lab.letters(1)[0]["id"];
  const auto released = lab[1].cli({"deadletter", "lab", "release", id});
  BOOST_REQUIRE_MESSAGE(released.code == 0, released.err);
  BOOST_TEST(json::parse(released.out)["released"] == 1);
  BOOST_TEST(name_at(1) == "early");
  BOOST_TEST(lab.letters(1)[0]["released"] == true);
  // Also where it was never held before.
  lab.start(2);
  BOOST_REQUIRE(eventually([&] { return name_at(2) == "early" && lab.letters(2).size() == 1; }));
  BOOST_REQUIRE(lab[2].client().put(record("tag", tag_id), {{"canonical_name", "since"}}).ok());
  BOOST_REQUIRE(eventually([&] { return name_at(1) == "since"; }));
  BOOST_TEST(name_at(0) == "early"); // whose stamp is from the future; until then

  // The time comes.
  BOOST_TEST(lab[1].stop().value_or(-1) == 0);
  lab.start(1); // that it was released is durable
  for (const size_t n : {size_t{1}, size_t{2}})
    lab.set_clock(n, *stamp - drift_ms - real_now() + 100);
  BOOST_TEST(eventually([&] { return lab.letters(1).empty() && lab.letters(2).empty(); }));
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  for (size_t n = 0; n < 3; ++n)
    BOOST_TEST(name_at(n) == "since");
}

BOOST_AUTO_TEST_CASE(a_node_that_shows_half_of_an_atomic_batch_is_not_ready) {
  clocks lab(2);
  lab.set_clock(0, hour_ms);
  lab.start_all();
  const json ops = {{{"model", "volume"}, {"id", "new"}, {"fields", {{"fingerprint", "f"}}}},
                    {{"model", "tag"}, {"id", tag_id}, {"fields", {{"canonical_name", "x"}}}}};
  BOOST_REQUIRE(lab[0].client().post(lab_path("/batch"), {{"ops", ops}}).ok());
  BOOST_REQUIRE(eventually([&] { return lab.letters(1).size() == 1; }));
  auto b = lab[1].client();
  BOOST_TEST(b.get(lab_path("/records/volume")).body["items"].size() == 1U);
  BOOST_TEST(eventually([&] {
    const auto ready = b.get("/readyz?library=lab");
    return ready.status == 503 && ready.text.find("atomic batches") != std::string::npos;
  }));
  const std::string id = lab.letters(1)[0]["id"];
  BOOST_REQUIRE(lab[1].cli({"deadletter", "lab", "release", id}).code == 0);
  BOOST_TEST(eventually([&] { return b.get("/readyz?library=lab").status == 200; }));
  BOOST_TEST(b.get(record("tag", tag_id)).ok());
}

BOOST_AUTO_TEST_CASE(one_clock_among_three_that_steps_by_hours_or_years_neither_wins_nor_loses) {
  clocks lab(3);
  lab.start_all();
  for (size_t n = 0; n < 3; ++n)
    BOOST_REQUIRE(lab.knows_clocks(n));
  BOOST_REQUIRE(lab[1].client().put(record("tag", tag_id), {{"canonical_name", "start"}}).ok());
  BOOST_REQUIRE(lab.converge());
  int round = 0;
  for (const auto step : {hour_ms, -hour_ms, 10 * year_ms, -10 * year_ms}) {
    BOOST_TEST_CONTEXT("step of " << step << " ms") {
      lab.set_clock(0, step);
      // Later than what it saw: it must win, also with a wall far behind.
      const auto mine = "mine " + std::to_string(++round);
      const auto stamp =
          stamp_of(lab[0].client().put(record("tag", tag_id), {{"canonical_name", mine}}));
      BOOST_REQUIRE(stamp.has_value());
      BOOST_TEST(std::abs(*stamp - real_now()) < drift_ms + slack_ms);
      BOOST_REQUIRE(lab.converge());
      for (size_t n = 0; n < 3; ++n) {
        const auto seen = lab[n].client().get(record("tag", tag_id));
        BOOST_TEST(seen.body["fields"]["canonical_name"] == mine);
        BOOST_TEST(lab.letters(n).empty());
      }
      BOOST_TEST(!lab.status(0)["alarms"].empty());
      // Who saw it wins over it, and nobody's stamps went away with it.
      const auto theirs = "theirs " + std::to_string(round);
      const auto after =
          stamp_of(lab[2].client().put(record("tag", tag_id), {{"canonical_name", theirs}}));
      BOOST_REQUIRE(after.has_value());
      BOOST_TEST(std::abs(*after - real_now()) < drift_ms + slack_ms);
      BOOST_REQUIRE(lab.converge());
      for (size_t n = 0; n < 3; ++n)
        BOOST_TEST(lab[n].client().get(record("tag", tag_id)).body["fields"]["canonical_name"]
                   == theirs);
      lab.set_clock(0, 0);
    }
  }
  BOOST_TEST(lab.status(1)["alarms"].empty());
}

BOOST_AUTO_TEST_CASE(stamps_years_ahead_of_a_corrected_clock_refuse_shared_writes_alone) {
  clocks lab(1);
  lab.set_clock(0, 10 * year_ms);
  lab.start(0);
  const auto before =
      stamp_of(lab[0].client().put(record("tag", tag_id), {{"canonical_name", "x"}}));
  BOOST_REQUIRE(before.has_value());
  BOOST_TEST(lab[0].stop().value_or(-1) == 0);
  lab.set_clock(0, 0);
  lab.start(0);
  auto at = lab[0].client();
  const auto refused = at.put(record("tag", tag_id), {{"canonical_name", "y"}});
  BOOST_TEST(refused.status == 503);
  BOOST_TEST(refused.error() == "clock");
  BOOST_TEST(at.get(record("tag", tag_id)).body["fields"]["canonical_name"] == "x");
  const auto owned = stamp_of(at.put(record("volume", "new"), {{"fingerprint", "f"}}));
  BOOST_REQUIRE(owned.has_value());
  BOOST_TEST(*owned >= *before);
  BOOST_TEST(!lab.status(0)["alarms"].empty());
  BOOST_TEST(metric(at.get("/metrics").text, "shoal_hlc_drift_seconds").value_or(0)
             > 9.0 * year_ms / 1000);
}

BOOST_AUTO_TEST_CASE(writers_who_had_not_seen_each_other_are_told_on_both_nodes_until_one_decides) {
  clocks lab(2);
  lab.start_all();
  BOOST_REQUIRE(lab[0].client().put(record("tag", tag_id), {{"canonical_name", "x"}}).ok());
  BOOST_REQUIRE(lab.converge());
  const auto write = [&](size_t n) {
    const auto value = "of " + std::to_string(n);
    BOOST_REQUIRE(lab[n].client().put(record("tag", tag_id), {{"color", value}}).ok());
  };
  // Never both at once.
  BOOST_TEST(lab[1].stop().value_or(-1) == 0);
  write(0);
  BOOST_TEST(lab[0].stop().value_or(-1) == 0);
  lab.start(1);
  write(1);
  lab.start(0);
  BOOST_REQUIRE(lab.converge());
  for (size_t n = 0; n < 2; ++n) {
    const auto got = lab[n].cli({"conflicts", "lab"});
    BOOST_REQUIRE_MESSAGE(got.code == 0, got.err);
    const auto items = json::parse(got.out)["items"];
    BOOST_REQUIRE(items.size() == 1);
    BOOST_TEST(items[0]["field"] == "color");
    BOOST_TEST(items[0]["winner"]["value"] == "of 1"); // written last
    BOOST_TEST(items[0]["winner"]["device"] == lab[1].device());
    BOOST_TEST(items[0]["loser"]["value"] == "of 0");
    BOOST_TEST(items[0]["resolved"] == false);
    BOOST_TEST(
        metric(lab[n].client().get("/metrics").text, "shoal_conflicts_total", {"library=\"lab\""})
            .value_or(-1)
        == 1);
  }
  BOOST_REQUIRE(lab[0].client().put(record("tag", tag_id), {{"color", "of 0"}}).ok());
  BOOST_REQUIRE(lab.converge());
  for (size_t n = 0; n < 2; ++n)
    BOOST_TEST(lab[n].client().get(lab_path("/conflicts")).body["items"][0]["resolved"] == true);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
