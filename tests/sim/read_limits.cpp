// What may be read for one write is limited: what would need more is undone as a whole.

#include "sim/sim_store.hpp"
#include "tests/sim/lone_replica.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

namespace {

constexpr uint64_t wall = 1'700'000'000'000;
constexpr size_t children = 1'000;

edit place(uint64_t n) {
  edit e;
  e.cls = record_class::owned;
  e.model = "location";
  e.id = owned_id(0, n);
  e.fields = {lww("name", encoded("x"))};
  return e;
}
edit child_of(uint64_t location, uint64_t n) {
  edit e = place(n);
  e.model = "entry";
  e.fields.push_back(parent("location_id", "location", owned_id(0, location)));
  return e;
}
edit removed(uint64_t location) {
  edit e = place(location);
  e.fields.clear();
  e.remove = true;
  return e;
}

/// A device that writes, and another that applies what it wrote.
struct two_replicas {
  lone_replica writer{0};
  lone_replica here{1};
  range last;

  void write(std::vector<edit> edits) {
    last = writer
               .in_group([&](kv_transaction& txn) {
                 return std::move(*writer.data->commit(txn, edits, wall));
               })
               .covered;
    last.log_complete = true;
  }
  void apply() {
    BOOST_REQUIRE(here.in_group([&](kv_transaction& txn) {
                        return here.data->apply(txn, {&last, 1}, wall);
                      })
                      .ok());
  }
  int64_t entries() const { return here.data->summary().records["entry"]; }

  two_replicas() {
    write({place(1), place(2)});
    apply();
    std::vector<edit> some;
    for (size_t n = 0; n < children; ++n)
      some.push_back(child_of(1, 10 + n));
    write(some);
    apply();
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(read_limits)

BOOST_AUTO_TEST_CASE(each_way_to_read_is_limited) {
  sim_store disk;
  kv_batch rows;
  for (char n = 0; n < 10; ++n)
    rows.push_back({family::index, std::string("k") + char('0' + n), std::string(100, 'v')});
  (void)disk.commit(rows);
  constexpr size_t cost = 100 + kv_transaction::read_cost;
  const std::vector<std::string> five{"k0", "k1", "k2", "k3", "k4"};
  const auto yes = [](std::string_view, std::string_view) { return true; };
  const auto no = [](std::string_view, std::string_view) { return false; };

  for (const size_t limit : {5 * cost, 5 * cost - 1})
    BOOST_TEST_CONTEXT("limit " << limit) {
      const bool enough = limit == 5 * cost;
      const auto limited = [&](auto read) {
        kv_transaction txn(disk);
        txn.put(family::index, "kx", "its own"); // costs nothing
        txn.limit_reads(limit);
        const bool ok = read(txn);
        BOOST_TEST(ok == enough);
        BOOST_TEST(txn.over_limit() == !enough);
        BOOST_TEST(txn.lift_limit() == !enough);
        BOOST_TEST(!txn.over_limit());
        BOOST_TEST(txn.get_many(family::index, five).ok());
        BOOST_TEST(scan_prefix(txn, family::index, "k", "k", yes).ok());
      };
      limited([&](const kv_transaction& txn) {
        bool ok = txn.get(family::index, "kx").ok();
        for (const auto& key : five)
          ok = txn.get(family::index, key).ok() && ok;
        return ok;
      });
      limited([&](const kv_transaction& txn) { return txn.get_many(family::index, five).ok(); });
      limited([&](const kv_transaction& txn) {
        size_t n = 0;
        return scan_prefix(txn, family::index, "k", "k",
                           [&](std::string_view, std::string_view) { return ++n < 5; })
            .ok();
      });
      limited([&](const kv_transaction& txn) {
        bool ok = true;
        for (const auto& key : five)
          ok = txn.any_with_prefix(family::index, key, no).ok() && ok;
        return ok;
      });
    }
  kv_transaction txn(disk);
  txn.limit_reads(0);
  txn.without_limit([&] { BOOST_TEST(txn.get(family::index, "k0").ok()); });
  BOOST_TEST(!txn.over_limit());
  BOOST_TEST(!txn.get(family::index, "none").ok()); // to find nothing is to look as well
}

BOOST_FIXTURE_TEST_CASE(a_delete_that_takes_many_along_is_undone, two_replicas) {
  const auto undone = [&](const lone_replica& node, auto call) {
    const auto before = node.data->summary();
    int reads = 0;
    failing_view counted(node.disk, [&] { return ++reads < 0; });
    kv_transaction txn(counted);
    txn.limit_reads(16 * 1024);
    BOOST_TEST(!call(txn).ok());
    BOOST_TEST(txn.lift_limit());
    BOOST_TEST(txn.empty());
    BOOST_TEST(reads > 20);
    BOOST_TEST(reads <= 64 + 2); // and the one too many, and an end
    const auto after = node.data->summary();
    BOOST_TEST((after.digest == before.digest));
    BOOST_TEST((after.records == before.records));
    BOOST_TEST((after.held == before.held));
  };
  const std::vector<edit> gone{removed(1)};
  undone(writer, [&](kv_transaction& txn) { return writer.data->commit(txn, gone, wall); });
  write(gone);
  undone(here, [&](kv_transaction& txn) { return here.data->apply(txn, {&last, 1}, wall); });
}

BOOST_FIXTURE_TEST_CASE(what_was_undone_is_done_without_the_limit, two_replicas) {
  write({removed(1)});
  {
    kv_transaction txn(here.disk);
    txn.limit_reads(16 * 1024);
    BOOST_TEST(!here.data->apply(txn, {&last, 1}, wall));
    BOOST_TEST(txn.lift_limit());
    BOOST_TEST((*here.data->apply(txn, {&last, 1}, wall) == applied_as::applied));
    here.data->seal(txn);
    (void)here.disk.commit(txn.take());
  }
  BOOST_TEST(entries() == 0);
  BOOST_TEST((here.data->summary().digest == writer.data->summary().digest));
}

BOOST_FIXTURE_TEST_CASE(what_takes_nothing_along_needs_little, two_replicas) {
  write({removed(2)}); // nothing in it
  kv_transaction txn(here.disk);
  txn.limit_reads(4 * 1024);
  BOOST_TEST((*here.data->apply(txn, {&last, 1}, wall) == applied_as::applied));
  BOOST_TEST(!txn.lift_limit());
}

BOOST_AUTO_TEST_SUITE_END()
