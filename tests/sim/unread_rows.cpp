// Ops that this version cannot read, beside rows of nodes that had merged them: those lack what the
// ops superseded, so that equal frontiers promise no equal records.

#include "sim/later_version.hpp"
#include "tests/sim/held_ops.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

namespace {

edit location(bool gone) {
  edit e;
  e.cls = record_class::owned;
  e.model = "location";
  e.id = owned_id(0, 0);
  e.remove = gone;
  if (!gone)
    e.fields = {lww("name", encoded(std::string("x")))};
  return e;
}

} // namespace

BOOST_AUTO_TEST_SUITE(unread_rows)

// Found by shoal sim (seed 39970): two nodes were level and settled, and one had a record that the
// other had never been sent.
BOOST_AUTO_TEST_CASE(an_owned_op_that_is_not_read_makes_the_rows_it_came_with_this_nodes_alone) {
  replica_node a(0);
  std::vector<range> live{a.write(location(false)), a.write(location(true))};
  put_later_kinds(live[1].ops, [](uint64_t) { return true; });
  replica_node b(1);
  for (const auto& r : live)
    BOOST_REQUIRE(b.apply({r}).ok());

  auto rows = *read_range(a.disk, a.stream, 0, 1 << 20, 1000);
  BOOST_REQUIRE(rows.size() == 1);
  BOOST_REQUIRE(rows[0].count == 1);
  put_later_kinds(rows[0].ops, [](uint64_t) { return true; });
  replica_node c(2);
  BOOST_REQUIRE(c.apply(rows).ok());

  BOOST_TEST((b.now().held == c.now().held));
  BOOST_TEST(b.now().settled);
  BOOST_TEST(c.now().settled);
  BOOST_TEST((b.now().digest != c.now().digest));
  BOOST_TEST(b.now().held_back.hash != c.now().held_back.hash);
  // Once it can be read, they are level.
  for (auto* n : {&b, &c}) {
    const dot at{a.stream.origin, a.stream.epoch, 2};
    kv_transaction txn(n->disk);
    auto h = get_held(n->disk, at);
    BOOST_TEST(take_later_kinds((*h)->bytes));
    put_held(txn, **h);
    (void)n->disk.commit(txn.take());
    n->reopen(8, "2");
    n->release();
    BOOST_TEST(n->now().held_back.hash == 0);
  }
  BOOST_TEST((b.now().digest == c.now().digest));
}

BOOST_AUTO_TEST_CASE(so_do_rows_of_another_stream_that_come_later) {
  replica_node a(0);
  replica_node other(1);
  range rows = other.write(named_tag(1, "x"));
  rows.log_complete = false;
  for (const uint64_t until : {0U, 1U, 2U}) {
    replica_node b(2);
    BOOST_REQUIRE(b.apply({range_of(a.stream, {from_the_future(1), from_the_future(2)})}).ok());
    const auto before = b.now().held_back;
    rows.until = {{rows.stream, 1}};
    if (until != 0)
      rows.until[a.stream] = until;
    BOOST_REQUIRE(b.apply({rows}).ok());
    const auto once = b.now().held_back;
    BOOST_TEST((once.hash == before.hash) == (until == 0));
    BOOST_TEST(once.unmergeable == 2);
    b.reopen(8);
    range more = rows; // no ops, but word that the sender had merged both
    more.from = 1;
    more.to = 2;
    more.ops.clear();
    more.count = 0;
    more.until[a.stream] = 2;
    BOOST_REQUIRE(b.apply({more}).ok());
    BOOST_TEST((b.now().held_back.hash == once.hash) == (until == 2));
  }
}

// Found by shoal sim (seed 72459): of two sums of such hashes every other pair was equal.
BOOST_AUTO_TEST_CASE(no_two_nodes_have_the_same_hash_of_what_is_theirs_alone) {
  replica_node a(0);
  auto r = range_of(a.stream, {from_the_future(1), from_the_future(2)});
  r.until = {{a.stream, 2}};
  std::set<uint64_t> hashes;
  for (size_t n = 1; n <= 8; ++n) {
    replica_node b(n);
    BOOST_REQUIRE(b.apply({r}).ok());
    hashes.insert(b.now().held_back.hash);
  }
  BOOST_TEST(hashes.size() == 8);
}

BOOST_AUTO_TEST_SUITE_END()
