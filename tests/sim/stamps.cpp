// The clock over restarts, lost syncs and steps of the wall.

#include "actors/protocol/clock_rule.hpp"
#include "sim/random.hpp"
#include "store/sync/records.hpp"
#include "tests/sim/replica_node.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <random>

using namespace shoal;
using namespace shoal::sim;

namespace {

constexpr uint64_t year_ms = 365ULL * 24 * story_hour_ms;

edit tag(const std::string& name) {
  edit e;
  e.model = "tag";
  e.id = tag_id(1);
  e.fields = {lww("name", encoded(name))};
  return e;
}
edit entry(const std::string& name) {
  edit e;
  e.cls = record_class::owned;
  e.model = "entry";
  e.id = owned_id(0, 2);
  e.fields = {lww("name", encoded(name))};
  return e;
}
std::string name_in(const replica_node& n, record_class cls, std::string_view model,
                    const record_id& id) {
  const auto r = get_record(n.disk, cls, model, id);
  reader in((*r)->fields.at("name"));
  return std::string(in.str(1000, "name"));
}

} // namespace

BOOST_AUTO_TEST_SUITE(stamps)

// The batch that holds a write holds its stamp: no bound needs to be reserved ahead of use. What a
// lost sync takes along was told to nobody.
BOOST_AUTO_TEST_CASE(no_restart_lost_sync_or_step_of_the_wall_issues_a_stamp_twice) {
  const char* given = std::getenv("SHOAL_SEED");
  const uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  BOOST_TEST_MESSAGE("SHOAL_SEED=" << seed);
  BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
    random_source r(seed);
    replica_node a(0);
    hlc newest;
    uint64_t epoch = 7;
    uint64_t durable = 0;
    uint64_t refused = 0;
    const std::array<uint64_t, 4> steps{0, 1, story_hour_ms, 10 * year_ms};
    for (int i = 0; i < 20'000; ++i) {
      const auto step = steps[r.below(steps.size())];
      a.wall = r.chance(500) ? story_wall_ms + step : story_wall_ms - step;
      const bool shared = r.chance(500);
      kv_transaction txn(a.disk);
      const auto e = shared ? tag(std::to_string(i)) : entry(std::to_string(i));
      auto made = a.data->commit(txn, {&e, 1}, a.wall);
      a.data->seal(txn);
      const bool lost = r.chance(100);
      if (!lost)
        (void)a.disk.commit(txn.take());
      if (lost || r.chance(100))
        a.reopen(++epoch);
      if (!made) {
        BOOST_REQUIRE((made.err().code == ec::clock));
        BOOST_REQUIRE(shared);
        ++refused;
        continue;
      }
      if (lost)
        continue;
      ++durable;
      BOOST_REQUIRE((made->results.front().stamp > newest));
      newest = made->results.front().stamp;
    }
    BOOST_TEST(durable > 5'000);
    BOOST_TEST(refused > 100);
  }
}

BOOST_AUTO_TEST_CASE(shared_writes_are_refused_while_the_stamps_are_beyond_the_drift) {
  replica_node a(0);
  a.wall += 10 * year_ms;
  a.write(entry("future"));
  a.wall = story_wall_ms;
  a.reopen(8);
  const auto refused = a.try_write({tag("x")});
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.err().code == ec::clock));
  BOOST_TEST(!a.try_write({entry("y"), tag("x")}).ok());
  const auto mine = a.try_write({entry("now")});
  BOOST_REQUIRE(mine.ok());
  BOOST_TEST(name_in(a, record_class::owned, "entry", owned_id(0, 2)) == "now");
  a.wall += 10 * year_ms - story_drift_ms;
  BOOST_TEST(a.try_write({tag("x")}).ok());
}

BOOST_AUTO_TEST_CASE(own_rows_that_come_back_from_the_future_can_be_written_again) {
  replica_node a(0);
  replica_node b(1);
  a.wall += 10 * year_ms;
  BOOST_REQUIRE(b.apply({a.write(entry("future"))}).ok());
  replica_node rebuilt(0, 8);
  rebuilt.fetch(b, a.stream);
  for (const char* name : {"again", "and again"}) {
    rebuilt.write(entry(name));
    BOOST_TEST(name_in(rebuilt, record_class::owned, "entry", owned_id(0, 2)) == name);
    rebuilt.reopen(rebuilt.stream.epoch + 1);
  }
  // The clock itself is where it was: others merge its shared writes at once.
  const auto sent = rebuilt.write(tag("x"));
  BOOST_REQUIRE(b.apply({sent}).ok());
  BOOST_TEST(name_in(b, record_class::shared, "tag", tag_id(1)) == "x");
}

BOOST_AUTO_TEST_CASE(a_wall_goes_by_the_median_of_those_that_are_linked) {
  using protocol::bounds_from;
  constexpr int64_t base = 1'000'000'000;
  constexpr uint64_t drift = 120'000;
  BOOST_TEST(!bounds_from({}, drift));
  BOOST_TEST(!bounds_from({base}, drift));
  const auto bounded = [&](const std::vector<int64_t>& peers, int64_t own) {
    constexpr uint64_t mono = 5'000'000;
    return static_cast<int64_t>(
               bounds_from(peers, drift)->bound(static_cast<uint64_t>(own) + mono, mono) - mono)
           - base;
  };
  const auto years = static_cast<int64_t>(10 * year_ms);
  BOOST_TEST(bounded({base, base + 5}, base + 100'000) == 100'000);
  BOOST_TEST(bounded({base, base + 5}, base - 100'000) == -100'000);
  BOOST_TEST(bounded({base, base + 5}, base + years) == 5);
  BOOST_TEST(bounded({base, base + 5}, 0) == 0);
  // One other clock that is wrong, among two or three, moves nobody.
  BOOST_TEST(bounded({base, base + years}, base) == 0);
  BOOST_TEST(bounded({base, base, base + years}, base) == 0);
  BOOST_TEST(bounded({base, base, base}, base + years) == 0);
  // Two halves: everyone stays.
  BOOST_TEST(bounded({base, base, base + years}, base + years) == years);
  BOOST_TEST(bounded({base, base, base, base + years}, base + years) == 0);
}

BOOST_AUTO_TEST_CASE(epochs_of_a_device_ascend_also_when_the_wall_went_back) {
  replica_node a(0);
  const auto next = [&](uint64_t wall_ms, uint64_t random) {
    return *next_epoch(a.disk, a.data->self(), wall_ms, random);
  };
  const auto first = next(a.wall, 5);
  BOOST_TEST(next(a.wall + 1000, 0) > next(a.wall, UINT64_MAX));
  BOOST_TEST(next(a.wall, 0) != next(a.wall, UINT64_MAX)); // copies that start at once
  a.reopen(first);
  a.write(tag("x"));
  BOOST_TEST(next(a.wall - 10 * year_ms, 0) > first);
}

BOOST_AUTO_TEST_SUITE_END()
