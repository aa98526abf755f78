// Ranges and the log, step by step, on replicas: what the seeds found, kept as the shortest story
// that shows it.

#include "tests/sim/lone_replica.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

namespace {

constexpr uint64_t wall = 1'700'000'000'000;

struct node : lone_replica {
  using lone_replica::lone_replica;
  range write(edit e) {
    return in_group([&](kv_transaction& txn) { return data->commit(txn, {&e, 1}, wall); })->covered;
  }
  applied_as apply(const std::vector<range>& parts) {
    return *in_group([&](kv_transaction& txn) { return data->apply(txn, parts, wall); });
  }
  uint64_t prune(const frontier& stable) {
    return *in_group([&](kv_transaction& txn) { return data->prune(txn, stable, 100); });
  }
};

edit entry(uint64_t n, uint64_t size) {
  edit e;
  e.cls = record_class::owned;
  e.model = "entry";
  e.id = owned_id(0, n);
  e.fields = {lww("name", encoded("x")), lww("size", encoded(size))};
  return e;
}
edit tag(uint64_t n, uint64_t value) {
  edit e;
  e.model = "tag";
  e.id = tag_id(n);
  e.fields = {lww("name", encoded(value))};
  return e;
}
const stream_id stream{device_of(0), 7};

} // namespace

BOOST_AUTO_TEST_SUITE(streams)

// A range of which every device-owned op was superseded looks like one from the log.
BOOST_AUTO_TEST_CASE(who_gets_a_range_without_the_superseded_waits_for_what_superseded_them) {
  node a(0);
  node b(1);
  a.write(entry(2, 1));
  a.write(tag(1, 1));
  a.write(entry(2, 2));
  const auto parts = *read_range(a.disk, stream, 0, 1, 1000); // ends behind the tag
  BOOST_REQUIRE(parts.size() == 1);
  BOOST_TEST(parts.front().to == 2);
  BOOST_TEST(parts.front().count == 1);
  BOOST_TEST((b.apply(parts) == applied_as::applied));
  BOOST_TEST(!b.data->settled());
  BOOST_TEST((b.apply(*read_range(a.disk, stream, 2, 1000, 1000)) == applied_as::applied));
  BOOST_TEST(b.data->settled());
  BOOST_TEST((a.data->summary().digest == b.data->summary().digest));
}

BOOST_AUTO_TEST_CASE(log_entries_below_a_range_read_from_rows_are_pruned_all_the_same) {
  node a(0);
  node b(1);
  const auto first = a.write(tag(1, 1));
  BOOST_TEST((b.apply({first}) == applied_as::applied));
  a.write(tag(2, 1));
  a.prune({{stream, 2}});
  const auto from_rows =
      *read_range(a.disk, stream, 0, 1000, 1000); // as for one who asks for too much
  BOOST_REQUIRE(!from_rows.front().log_complete);
  BOOST_TEST((b.apply(from_rows) == applied_as::applied));
  BOOST_TEST(b.data->summary().log_entries == 1);
  BOOST_TEST(b.prune({{stream, 2}}) == 1);
  BOOST_TEST(b.data->summary().log_entries == 0);
  BOOST_TEST(b.disk.of(family::log).empty());
}

BOOST_AUTO_TEST_SUITE_END()
