// Cascades and empty writes, step by step, on one replica: what the seeds found, kept as the
// shortest story that shows it.

#include "sim/sim_store.hpp"
#include "sim/workload.hpp"
#include "store/sync/records.hpp"
#include "store/sync/replica.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

namespace {

constexpr uint64_t wall = 1'700'000'000'000;

edit named(std::string model, uint64_t n, std::vector<field_edit> fields = {}) {
  edit e;
  e.cls = record_class::owned;
  e.model = std::move(model);
  e.id = owned_id(0, n);
  e.fields = std::move(fields);
  e.fields.push_back(lww("name", encoded("x")));
  return e;
}
edit removed(std::string model, uint64_t n) {
  edit e;
  e.cls = record_class::owned;
  e.model = std::move(model);
  e.id = owned_id(0, n);
  e.remove = true;
  return e;
}
edit changed(std::string model, uint64_t n, std::vector<field_edit> fields) {
  auto e = named(std::move(model), n, std::move(fields));
  e.fields.pop_back();
  e.missing_required = {"name"};
  return e;
}
field_edit in_location(uint64_t n) { return parent("location_id", "location", owned_id(0, n)); }
field_edit below(uint64_t n) { return parent("parent_id", "entry", owned_id(0, n)); }

struct one_node {
  sim_store disk;
  std::unique_ptr<replica> data;
  range last;

  one_node() { open(7); }
  void open(uint64_t epoch) {
    data = std::move(*replica::open(disk, device_of(0), {.fresh_epoch = epoch}));
  }
  /// Commits as the store writer does: a group that wrote nothing is not sent to disk.
  ec write(std::vector<edit> edits) {
    kv_transaction txn(disk);
    auto done = data->commit(txn, edits, wall);
    if (!done)
      return done.err().code;
    last = done->covered;
    if (!txn.empty()) {
      data->seal(txn);
      (void)disk.commit(txn.take());
    }
    return ec{};
  }
  bool alive(std::string_view model, uint64_t n) const {
    auto r = get_record(disk, record_class::owned, model, owned_id(0, n));
    return *r && !(*r)->deleted;
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(cascades)

BOOST_FIXTURE_TEST_CASE(an_entry_moved_into_a_directory_made_anew_stays, one_node) {
  write({named("location", 0), named("entry", 2, {in_location(0)}), named("entry", 3)});
  write({removed("entry", 2)});
  write({named("entry", 2)});
  write({changed("entry", 3, {below(2)})});
  BOOST_TEST(alive("entry", 3));
}

BOOST_FIXTURE_TEST_CASE(what_a_cascade_took_does_not_come_back_with_its_parent, one_node) {
  write({named("location", 0), named("entry", 2, {in_location(0)}), named("entry", 3, {below(2)})});
  write({removed("location", 0)});
  BOOST_TEST(!alive("entry", 2));
  write({named("location", 0)});
  BOOST_TEST(!alive("entry", 2));
  write({named("entry", 2, {in_location(0)})});
  BOOST_TEST(alive("entry", 2));
  BOOST_TEST(!alive("entry", 3));
}

BOOST_FIXTURE_TEST_CASE(an_entry_made_anew_after_a_cascade_has_only_its_new_fields, one_node) {
  write({named("location", 0), named("entry", 2, {in_location(0), lww("size", encoded(5))})});
  write({removed("location", 0)});
  write({named("entry", 2)}); // names no location: the old one is gone for good
  BOOST_TEST(alive("entry", 2));
  auto r = get_record(disk, record_class::owned, "entry", owned_id(0, 2));
  BOOST_TEST(!(*r)->fields.contains("size"));
  BOOST_TEST(!(*r)->fields.contains("location_id"));
}

BOOST_FIXTURE_TEST_CASE(a_batch_counts_the_deletes_it_needs_for_what_it_makes_anew, one_node) {
  write({named("location", 0), named("entry", 2, {in_location(0)}),
         named("entry", 3, {in_location(0)})});
  write({removed("location", 0)});
  write({named("location", 0), named("entry", 2), named("entry", 3)});
  auto ops = decode_ops(last);
  BOOST_REQUIRE(ops->size() == 5);
  uint32_t rest = 5;
  for (const auto& o : *ops)
    BOOST_TEST(o.decoded.batch_rest == --rest);
  BOOST_TEST((last.to - last.from) == 5);
  BOOST_TEST(alive("entry", 2));
  BOOST_TEST(alive("entry", 3));
}

BOOST_FIXTURE_TEST_CASE(an_op_that_changes_no_row_is_durable_all_the_same, one_node) {
  write({named("entry", 2)});
  write({changed("entry", 2, {lww("size", "\xc0")})}); // clears what was never set
  const auto held = data->held();
  BOOST_TEST(seq_of(held, {device_of(0), 7}) == 2);
  open(8);
  BOOST_TEST((data->held() == held));
}

BOOST_FIXTURE_TEST_CASE(a_range_without_ops_is_durable_all_the_same, one_node) {
  range r;
  r.stream = {device_of(1), 3};
  r.to = 9;
  kv_transaction txn(disk);
  BOOST_TEST((*data->apply(txn, {&r, 1}, wall) == applied_as::applied));
  BOOST_REQUIRE(!txn.empty());
  data->seal(txn);
  (void)disk.commit(txn.take());
  open(8);
  BOOST_TEST(seq_of(data->held(), r.stream) == 9);
}

BOOST_FIXTURE_TEST_CASE(a_child_waits_for_its_parent_also_after_a_refused_range, one_node) {
  const auto with = [](std::vector<op> ops, uint64_t from) {
    range r;
    r.stream = {device_of(0), 3};
    r.from = from;
    for (auto& o : ops) {
      o.seq = ++from;
      o.stamp = {wall + from, 0, device_of(0)};
      o.cls = record_class::owned;
      o.model = "entry";
      r.ops += encode_op(o);
      ++r.count;
    }
    r.to = from;
    return r;
  };
  op child;
  child.id = owned_id(0, 3);
  field_op up;
  up.name = "parent_id";
  up.kind = field_kind::parent;
  up.value = encoded(owned_id(0, 2));
  up.parent_model = "entry";
  child.fields.push_back(up);
  const auto first = with({child}, 0);
  auto second = first;
  second.ops = "\xc1"; // no op at all
  second.part = 1;
  {
    kv_transaction txn(disk);
    const std::vector<range> parts{first, second};
    BOOST_TEST(!data->apply(txn, parts, wall).ok());
    BOOST_TEST((*data->apply(txn, {&first, 1}, wall) == applied_as::applied));
    data->seal(txn);
    (void)disk.commit(txn.take());
  }
  open(8);
  BOOST_TEST(!alive("entry", 3));
  op top;
  top.id = owned_id(0, 2);
  const auto late = with({top}, 1);
  kv_transaction txn(disk);
  BOOST_TEST((*data->apply(txn, {&late, 1}, wall) == applied_as::applied));
  data->seal(txn);
  (void)disk.commit(txn.take());
  BOOST_TEST(alive("entry", 3));
}

BOOST_AUTO_TEST_SUITE_END()
