// Atomic batches of which this version cannot read all.

#include "sim/later_version.hpp"
#include "store/sync/compare.hpp"
#include "tests/sim/held_ops.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

BOOST_AUTO_TEST_SUITE(unread_batches)

// Totals of a counter include those of the batch of which nothing can be read: its other counter
// lacks them, and sums over both are not what anybody wrote.
BOOST_AUTO_TEST_CASE(a_batch_that_cannot_be_read_shows_in_half_once_later_totals_include_it) {
  replica_node a(0);
  for (int i = 0; i < 3; ++i)
    a.write(named_tag(1, "x"));
  edit uses = named_tag(1, "y");
  uses.fields = {counter("uses", 5)};
  const auto total = a.write(uses);
  for (const bool of_a_batch : {true, false})
    for (const bool at_once : {true, false}) {
      BOOST_TEST_CONTEXT("of a batch " << of_a_batch << ", in one range " << at_once) {
        replica_node b(1);
        const std::vector<std::string> dead{from_the_future(1, of_a_batch ? 1 : 0),
                                            from_the_future(2)};
        const auto name = ops_in(*read_range(a.disk, a.stream, 2, 1 << 20, 1000));
        auto first = range_of(a.stream, dead);
        range rest;
        rest.stream = a.stream;
        rest.from = 2;
        rest.to = total.to;
        rest.ops = name;
        rest.count = 2;
        if (at_once) {
          first.to = rest.to;
          first.ops += rest.ops;
          first.count += rest.count;
          BOOST_REQUIRE(b.apply({first}).ok());
        } else {
          BOOST_REQUIRE(b.apply({first}).ok());
          BOOST_TEST(b.now().held_back.halves == 0);
          b.reopen(8);
          BOOST_REQUIRE(b.apply({rest}).ok());
        }
        BOOST_TEST(b.now().held_back.unmergeable == 2);
        BOOST_TEST(b.now().held_back.halves == (of_a_batch ? 1 : 0));
        (void)b.in_group([&](kv_transaction& txn) {
          return b.data->hide(txn, {a.stream.origin, a.stream.epoch, 1});
        });
        BOOST_TEST(b.now().held_back.halves == 0);
      }
    }
}

// Found by shoal sim: after an upgrade a pass over the dead letters ended inside a batch.
BOOST_AUTO_TEST_CASE(a_batch_that_can_be_read_after_an_upgrade_is_merged_whole_or_counts_as_half) {
  replica_node a(0);
  const auto batch = a.try_write({named_tag(1, "x"), named_tag(2, "y")});
  auto sent = batch->covered;
  put_later_kinds(sent.ops, [](uint64_t) { return true; });
  const auto at = [&](uint64_t seq) { return dot{a.stream.origin, a.stream.epoch, seq}; };
  for (const bool both : {true, false})
    for (const bool by_hand : {true, false}) {
      BOOST_TEST_CONTEXT("both can be read " << both << ", retried by hand " << by_hand) {
        replica_node b(1);
        BOOST_REQUIRE(b.apply({sent}).ok());
        BOOST_TEST(b.now().held_back.unmergeable == 2);
        kv_transaction txn(b.disk);
        for (const uint64_t seq : {1U, 2U})
          if (auto h = get_held(b.disk, at(seq)); seq == 1 || both) {
            BOOST_TEST(take_later_kinds((*h)->bytes));
            put_held(txn, **h);
          }
        (void)b.disk.commit(txn.take());
        b.reopen(8, by_hand ? "1" : "2");
        if (by_hand) {
          BOOST_REQUIRE(*b.in_group([&](auto& t) { return b.data->retry(t, at(1), b.wall); }));
          BOOST_TEST(b.now().held_back.halves == 1);
          (void)b.in_group([&](auto& t) { return b.data->retry(t, at(2), b.wall); });
        } else {
          b.release(1);
        }
        BOOST_TEST(tag_of(b, 1) == "x");
        BOOST_TEST(tag_of(b, 2) == (both ? "y" : ""));
        BOOST_TEST(b.now().held_back.halves == (both ? 0 : 1));
      }
    }
}

// Found by shoal sim (seed 4154): of the batch only its last op was left among the rows, for the
// other had been superseded by the total.
BOOST_AUTO_TEST_CASE(the_end_of_a_batch_that_came_from_rows_counts_as_half_beside_later_totals) {
  replica_node a(0);
  a.write(named_tag(1, "x"));
  edit uses = named_tag(1, "y");
  uses.fields = {counter("uses", 5)};
  const auto total = a.write(uses);
  for (const bool from_rows : {true, false}) {
    replica_node b(1);
    auto sent = range_of(a.stream, {from_the_future(1)});
    sent.to = 2;
    sent.ops += total.ops;
    sent.count = 2;
    sent.log_complete = !from_rows;
    if (from_rows)
      sent.until = {{a.stream, 2}};
    BOOST_REQUIRE(b.apply({sent}).ok());
    BOOST_TEST(b.now().held_back.unmergeable == 1);
    BOOST_TEST(b.now().held_back.halves == (from_rows ? 1 : 0));
  }
}

BOOST_AUTO_TEST_SUITE_END()
