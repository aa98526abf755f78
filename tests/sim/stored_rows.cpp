// Rows that are kept as the op that made them, and those that are whole: when a row is which, that
// nobody can tell from outside, and what damage to either is called.

#include "store/sync/by_seq.hpp"
#include "store/sync/compare.hpp"
#include "store/sync/keys.hpp"
#include "store/sync/records.hpp"
#include "store/sync/stored_row.hpp"
#include "store/sync/verify.hpp"
#include "tests/sim/lone_replica.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

namespace {

constexpr uint64_t wall = 1'700'000'000'000;
const stream_id stream{device_of(0), 7};

edit entry(uint64_t n, std::vector<field_edit> fields) {
  edit e;
  e.cls = record_class::owned;
  e.model = "entry";
  e.id = owned_id(0, n);
  e.fields = std::move(fields);
  return e;
}
edit fresh(uint64_t n) { return entry(n, {lww("kind", encoded("file")), lww("name", encoded(n))}); }
edit renamed(uint64_t n) {
  auto e = entry(n, {lww("name", encoded("other"))});
  e.missing_required = {"kind"};
  return e;
}
edit location() {
  edit e;
  e.cls = record_class::owned;
  e.model = "location";
  e.id = owned_id(0, 0);
  return e;
}
edit inside(uint64_t n) {
  auto e = fresh(n);
  field_edit up = lww("in", encoded(owned_id(0, 0)));
  up.kind = field_kind::parent;
  up.parent_model = "location";
  e.fields.insert(e.fields.begin(), up);
  return e;
}
edit without(edit e) {
  e.fields.clear();
  e.remove = true;
  return e;
}

struct node : lone_replica {
  using lone_replica::lone_replica;
  void write(std::vector<edit> edits) {
    const auto done = in_group([&](kv_transaction& txn) { return data->commit(txn, edits, wall); });
    BOOST_REQUIRE_MESSAGE(done.ok(), (done ? "" : done.err().message));
  }
  void take(const node& from) {
    const auto parts = *read_range(from.disk, stream, seq_of(data->held(), stream), 1 << 20, 1000);
    const auto done = in_group([&](kv_transaction& txn) { return data->apply(txn, parts, wall); });
    BOOST_REQUIRE((done.ok() && *done == applied_as::applied));
  }
  static std::string key(uint64_t n) {
    return keys::row(record_class::owned, "entry", owned_id(0, n), device_of(0));
  }
  const std::string& row(uint64_t n) const { return disk.of(family::owned).at(key(n)); }
  const std::string& at(uint64_t seq) const {
    return disk.of(family::owned_by_seq).at(keys::by_seq(stream, seq));
  }
  std::optional<record_view> get(uint64_t n) const {
    auto r = get_record(disk, record_class::owned, "entry", owned_id(0, n));
    BOOST_REQUIRE_MESSAGE(r.ok(), (r ? "" : r.err().message));
    return *r;
  }
  uint64_t problems() const { return verify_store(disk).problems; }
};

/// What a program of format 2 had written: every row whole.
void make_older(node& a) {
  auto& rows = a.disk.of(family::owned);
  for (auto& [key, stored] : rows) {
    const auto place = read_place(stored);
    if (!place)
      continue;
    const auto r = *read_row(a.disk, record_class::owned, key, stored);
    const auto name = *keys::parse_row(record_class::owned, key);
    auto& entry =
        a.disk.of(family::owned_by_seq).at(keys::by_seq({name.owner, place->epoch}, place->seq));
    entry = name_entry(read_by_seq_entry(entry)->batch_rest, name.model, name.id);
    stored = encode_row(r);
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(stored_rows)

BOOST_AUTO_TEST_CASE(a_row_is_kept_as_its_op_until_more_is_written_and_when_it_is_made_anew) {
  node a(0);
  node b(1);
  a.write({fresh(1), fresh(2)});
  BOOST_TEST(read_place(a.row(1)).has_value());
  BOOST_TEST(is_kept_op(a.at(1)));
  BOOST_TEST(a.row(1).size() < 30U);
  b.take(a);
  BOOST_TEST((a.row(1) == b.row(1) && a.at(1) == b.at(1)));

  a.write({renamed(1)});
  BOOST_TEST(!read_place(a.row(1)).has_value());
  BOOST_TEST((a.at(1) == name_entry(1, "entry", owned_id(0, 1)))); // one of its batch followed
  BOOST_TEST((a.at(3) == name_entry(0, "entry", owned_id(0, 1))));
  BOOST_TEST((a.get(1)->fields.at("name") == encoded("other")));
  BOOST_TEST((a.get(1)->fields.at("kind") == encoded("file")));
  BOOST_TEST(a.problems() == 0);
  b.take(a);
  node c(2); // from rows, after the fact
  c.take(a);
  for (const auto* n : {&b, &c}) {
    BOOST_TEST((n->data->summary().digest == a.data->summary().digest));
    BOOST_TEST((n->row(1) == a.row(1)));
    BOOST_TEST(n->problems() == 0);
  }

  a.write({fresh(1)});
  BOOST_TEST(read_place(a.row(1)).has_value());
  BOOST_TEST(is_kept_op(a.at(4)));
  BOOST_TEST(!a.disk.of(family::owned_by_seq).contains(keys::by_seq(stream, 1)));
  b.take(a);
  BOOST_TEST((b.row(1) == a.row(1) && b.at(4) == a.at(4)));
  a.write({without(fresh(1))});
  BOOST_TEST(!read_place(a.row(1)).has_value()); // a mark is more than an insert says
  BOOST_TEST(a.get(1)->deleted);
  b.take(a);
  BOOST_TEST((b.data->summary().digest == a.data->summary().digest));
  BOOST_TEST(a.problems() + b.problems() == 0);
}

BOOST_AUTO_TEST_CASE(a_cascade_moves_the_flag_and_leaves_the_op) {
  node a(0);
  a.write({location(), inside(1), inside(2)});
  const auto before = a.at(2);
  a.write({without(location())});
  BOOST_TEST(read_place(a.row(1)).has_value());
  BOOST_TEST(!read_place(a.row(1))->visible);
  BOOST_TEST((a.at(2) == before));
  BOOST_TEST((a.get(1)->deleted || !a.get(1)->fields.empty()));
  BOOST_TEST(a.problems() == 0);
  node b(1);
  b.take(a);
  BOOST_TEST((b.data->summary().digest == a.data->summary().digest));
  BOOST_TEST((b.row(1) == a.row(1)));
}

BOOST_AUTO_TEST_CASE(a_store_of_an_earlier_version_reads_serves_and_goes_on) {
  node a(0);
  a.write({location(), inside(1), fresh(2), fresh(3), fresh(4)});
  a.write({renamed(3)});
  const auto told = read_range(a.disk, stream, 0, 1 << 20, 1000)->front().ops;
  const auto sums = *sums_of(a.disk, stream, 0, 6, 100);
  make_older(a);
  BOOST_TEST(!read_place(a.row(2)).has_value());
  BOOST_TEST((read_range(a.disk, stream, 0, 1 << 20, 1000)->front().ops == told));
  BOOST_TEST((*sums_of(a.disk, stream, 0, 6, 100) == sums));
  BOOST_TEST(a.problems() == 0);
  a.data = std::move(*replica::open(a.disk, device_of(0), {.fresh_epoch = 8}));
  a.write({renamed(2), without(location()), without(fresh(4)), fresh(3)});
  BOOST_TEST((a.get(2)->fields.at("name") == encoded("other")));
  BOOST_TEST(!read_place(a.row(2)).has_value());
  BOOST_TEST(read_place(a.row(3)).has_value());
  BOOST_TEST(a.problems() == 0);
  node b(1);
  b.take(a);
  const stream_id next{device_of(0), 8};
  const auto parts = *read_range(a.disk, next, 0, 1 << 20, 1000);
  BOOST_REQUIRE(
      b.in_group([&](kv_transaction& txn) { return b.data->apply(txn, parts, wall); }).ok());
  BOOST_TEST((b.data->summary().digest == a.data->summary().digest));
}

BOOST_AUTO_TEST_CASE(damage_is_named_whichever_half_is_gone) {
  node a(0);
  a.write({fresh(1), fresh(2)});
  // The op of a row that has nothing else.
  a.disk.of(family::owned_by_seq).erase(keys::by_seq(stream, 1));
  const auto lost = get_record(a.disk, record_class::owned, "entry", owned_id(0, 1));
  BOOST_REQUIRE(!lost.ok());
  BOOST_TEST((lost.err().code == ec::corrupt));
  BOOST_TEST(lost.err().message.find("entry " + to_string(owned_id(0, 1))) != std::string::npos);
  BOOST_TEST(a.problems() > 0U);
  BOOST_TEST(!a.in_group([&](kv_transaction& txn) { return a.data->reindex(txn); }).ok());
  // Another op in its place is not taken for it.
  a.disk.of(family::owned_by_seq)[keys::by_seq(stream, 1)] = a.at(2);
  BOOST_TEST(!get_record(a.disk, record_class::owned, "entry", owned_id(0, 1)).ok());
}

BOOST_AUTO_TEST_CASE(an_op_that_is_kept_beside_a_whole_row_is_found_and_mended) {
  node a(0);
  a.write({fresh(1)});
  const auto kept = a.at(1);
  a.write({renamed(1)});
  a.disk.of(family::owned_by_seq)[keys::by_seq(stream, 1)] = kept; // it would be served as it was
  BOOST_TEST(a.problems() == 1);
  BOOST_TEST(a.in_group([&](kv_transaction& txn) { return a.data->reindex(txn); }).ok());
  BOOST_TEST(a.problems() == 0);
  BOOST_TEST(!is_kept_op(a.at(1)));
}

BOOST_AUTO_TEST_SUITE_END()
