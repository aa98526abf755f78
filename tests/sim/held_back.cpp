// Ops that are held and not merged: stamped too far ahead, or not readable here.

#include "store/sync/compare.hpp"
#include "store/sync/keys.hpp"
#include "store/sync/records.hpp"
#include "tests/sim/held_ops.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

namespace {

edit entry(size_t node, const std::string& name) {
  edit e;
  e.cls = record_class::owned;
  e.model = "entry";
  e.id = owned_id(node, 2);
  e.fields = {lww("name", encoded(name))};
  return e;
}

} // namespace

BOOST_AUTO_TEST_SUITE(held_back)

BOOST_AUTO_TEST_CASE(an_op_from_the_future_waits_and_is_merged_when_the_wall_has_caught_up) {
  replica_node a(0);
  replica_node b(1);
  a.wall += story_hour_ms;
  const auto sent = a.write(named_tag(1, "late"));
  BOOST_REQUIRE(b.apply({sent}).ok());
  BOOST_TEST(tag_of(b, 1).empty());
  BOOST_TEST(seq_of(b.data->held(), a.stream) == 1);
  BOOST_TEST(b.data->settled());
  BOOST_TEST(b.now().held_back.quarantined == 1);
  BOOST_TEST(b.now().held_back.hash != 0);
  BOOST_TEST(b.now().log_entries == 0);
  BOOST_TEST(b.data->last_stamp().wall_ms == 0); // the stamp moved no clock

  b.wall = *b.data->next_release_ms() - 1;
  BOOST_TEST(b.release() == 0);
  b.wall += 1;
  BOOST_TEST(b.release() == 1);
  BOOST_TEST(tag_of(b, 1) == "late");
  BOOST_TEST((b.now().held_back == held_counts{}));
  BOOST_TEST(b.now().log_entries == 1);
  BOOST_TEST((b.now().digest == a.now().digest));
  BOOST_TEST(!b.data->next_release_ms());
}

BOOST_AUTO_TEST_CASE(release_and_re_open_give_the_state_of_a_merge_at_once) {
  replica_node a(0);
  replica_node at_once(1);
  replica_node later(2);
  const auto near = a.write(named_tag(1, "before"));
  a.wall += story_hour_ms;
  std::vector<range> all{near, a.write(named_tag(1, "after")), a.write(named_tag(2, "new"))};
  edit gone = named_tag(1, "");
  gone.remove = true;
  all.push_back(a.write(gone));
  at_once.wall = a.wall;
  for (const auto& r : all) {
    BOOST_REQUIRE(at_once.apply({r}).ok());
    BOOST_REQUIRE(later.apply({r}).ok());
    later.reopen(8);
  }
  BOOST_TEST(tag_of(later, 1) == "before");
  BOOST_TEST(later.now().held_back.quarantined == 3);
  later.wall = a.wall;
  later.release();
  later.reopen(9);
  BOOST_TEST((later.now().digest == at_once.now().digest));
  BOOST_TEST((later.now().records == at_once.now().records));
  BOOST_TEST(later.now().tombstones == at_once.now().tombstones);
  BOOST_TEST(later.now().log_entries == at_once.now().log_entries);
  BOOST_TEST((ops_in(*read_range(later.disk, a.stream, 0, 1 << 20, 1000))
              == ops_in(*read_range(a.disk, a.stream, 0, 1 << 20, 1000))));
}

BOOST_AUTO_TEST_CASE(what_is_held_is_passed_on_byte_for_byte_also_below_a_pruned_log) {
  replica_node a(0);
  replica_node b(1);
  replica_node c(2);
  a.write(named_tag(1, "one"));
  a.wall += story_hour_ms;
  const auto held = a.write(named_tag(2, "two"));
  b.fetch(a, a.stream);
  b.prune({{a.stream, 2}});
  BOOST_TEST(b.now().log_entries == 0);
  const auto parts = *read_range(b.disk, a.stream, 0, 1 << 20, 1000);
  BOOST_TEST(!parts.front().log_complete);
  BOOST_TEST(parts.front().count == 2);
  BOOST_TEST(parts.front().ops.ends_with(held.ops));
  BOOST_TEST((*read_range(b.disk, a.stream, 1, 1 << 20, 1000)).front().count == 1);
  BOOST_REQUIRE(c.apply(parts).ok());
  BOOST_TEST(c.now().held_back.quarantined == 1);
  BOOST_TEST(c.data->settled()); // b had not merged it: nothing that it supersedes was left out
  BOOST_TEST((c.now().digest == b.now().digest));
  BOOST_TEST(c.now().held_back.hash == b.now().held_back.hash);
  for (auto* n : {&b, &c}) {
    n->wall = a.wall;
    n->release();
    BOOST_TEST(n->now().log_entries == 0); // pruned is pruned
    BOOST_TEST((n->now().digest == a.now().digest));
  }
}

BOOST_AUTO_TEST_CASE(a_node_that_lacks_what_a_held_op_superseded_elsewhere_is_not_settled) {
  replica_node a(0);
  replica_node c(2);
  a.write(named_tag(1, "old"));
  a.wall += story_hour_ms;
  a.write(named_tag(1, "new"));
  a.prune({{a.stream, 2}});
  c.fetch(a, a.stream); // from rows: the old name is nowhere any more
  BOOST_TEST(seq_of(c.data->held(), a.stream) == 2);
  BOOST_TEST(!c.data->settled());
  c.reopen(8);
  BOOST_TEST(!c.data->settled());
  c.wall = a.wall;
  c.release();
  BOOST_TEST(c.data->settled());
  BOOST_TEST((c.now().digest == a.now().digest));
}

// Marks of deletes go when all members have stated that they hold them, since then nobody writes
// anything older any more. Who has not merged a delete may.
BOOST_AUTO_TEST_CASE(a_statement_stops_short_of_what_waits) {
  replica_node a(0);
  replica_node b(1);
  a.write(named_tag(1, "x"));
  b.fetch(a, a.stream);
  a.wall += story_hour_ms;
  a.write(named_tag(2, "x"));
  a.write(named_tag(3, "x"));
  b.fetch(a, a.stream);
  BOOST_TEST(seq_of(b.data->held(), a.stream) == 3);
  BOOST_TEST(seq_of(b.data->next_statement()->held.open, a.stream) == 1);
  b.reopen(8);
  BOOST_TEST(seq_of(b.data->next_statement()->held.open, a.stream) == 1);
  b.wall = a.wall;
  b.release(1);
  BOOST_TEST(seq_of(b.data->next_statement()->held.open, a.stream) == 2);
  b.release();
  BOOST_TEST(seq_of(b.data->next_statement()->held.open, a.stream) == 3);
}

BOOST_AUTO_TEST_CASE(a_repair_neither_merges_what_waits_nor_takes_it_for_gone) {
  replica_node a(0);
  replica_node b(1);
  a.write(named_tag(1, "old"));
  b.fetch(a, a.stream);
  a.wall += story_hour_ms;
  a.write(named_tag(1, "new"));
  b.fetch(a, a.stream);
  const auto repair = [&](replica_node& n, const replica_node& from, repair_goal goal) {
    const auto parts = *read_standing(from.disk, a.stream, 0, 2, 1 << 20);
    return *n.in_group(
        [&](kv_transaction& txn) { return n.data->repair(txn, parts, goal, n.wall); });
  };
  repair(b, a, repair_goal::unite);
  BOOST_TEST(tag_of(b, 1) == "old");
  BOOST_TEST(b.now().held_back.quarantined == 1);
  BOOST_TEST(b.data->settled());
  const auto digest = a.now().digest;
  repair(a, b, repair_goal::adopt); // b holds it, though it stands in no row there
  BOOST_TEST(tag_of(a, 1) == "new");
  BOOST_TEST((a.now().digest == digest));
  repair(b, a, repair_goal::adopt); // what it superseded at a is gone here now too
  BOOST_TEST(!b.data->settled());
  b.wall = a.wall;
  b.release();
  BOOST_TEST(b.data->settled());
  BOOST_TEST((b.now().digest == digest));
}

// The superseded op is another device's, and the future one was here before.
BOOST_AUTO_TEST_CASE(rows_that_were_read_where_a_held_op_is_merged_are_not_complete_here) {
  replica_node a(0);
  replica_node b(1);
  replica_node c(2);
  b.write(named_tag(1, "of b"));
  a.fetch(b, b.stream);
  a.wall += story_hour_ms;
  const auto future = a.write(named_tag(1, "of a"));
  BOOST_REQUIRE(c.apply({future}).ok());
  BOOST_TEST(c.data->settled());
  a.prune({{a.stream, 1}, {b.stream, 1}});
  c.fetch(a, b.stream);
  BOOST_TEST(seq_of(c.data->held(), b.stream) == 1);
  BOOST_TEST(!c.data->settled());
  c.wall = a.wall;
  c.release();
  BOOST_TEST(c.data->settled());
  BOOST_TEST((c.now().digest == a.now().digest));
}

BOOST_AUTO_TEST_CASE(device_owned_records_are_never_held_for_their_stamps) {
  replica_node a(0);
  replica_node b(1);
  a.wall += story_hour_ms;
  BOOST_REQUIRE(b.apply({a.write(entry(0, "x"))}).ok());
  BOOST_TEST(name_of(b, record_class::owned, "entry", owned_id(0, 2)) == "x");
  BOOST_TEST((b.now().held_back == held_counts{}));
  BOOST_TEST((b.now().digest == a.now().digest));
}

BOOST_AUTO_TEST_CASE(an_atomic_batch_is_released_whole) {
  replica_node a(0);
  replica_node b(1);
  a.wall += story_hour_ms;
  const auto batch = a.try_write({named_tag(1, "x"), named_tag(2, "x"), named_tag(3, "x")});
  BOOST_REQUIRE(b.apply({batch->covered}).ok());
  BOOST_REQUIRE(b.apply({a.write(named_tag(4, "x"))}).ok());
  b.wall = a.wall;
  BOOST_TEST(b.release(1) == 3);
  BOOST_TEST(tag_of(b, 3) == "x");
  BOOST_TEST(tag_of(b, 4).empty());
  BOOST_TEST(b.release(1) == 1);
  BOOST_TEST((b.now().digest == a.now().digest));
}

BOOST_AUTO_TEST_CASE(a_batch_that_shows_in_half_is_counted_until_all_of_it_shows) {
  replica_node a(0);
  replica_node b(1);
  a.wall += story_hour_ms;
  BOOST_REQUIRE(b.apply({a.try_write({named_tag(8, "x"), named_tag(9, "x")})->covered}).ok());
  BOOST_TEST(b.now().held_back.halves == 0); // none of it shows
  BOOST_REQUIRE(
      b.apply({a.try_write({entry(0, "x"), named_tag(1, "x"), named_tag(2, "x")})->covered}).ok());
  BOOST_REQUIRE(b.apply({a.write(named_tag(3, "x"))}).ok());
  BOOST_TEST(name_of(b, record_class::owned, "entry", owned_id(0, 2)) == "x");
  BOOST_TEST(tag_of(b, 1).empty());
  BOOST_TEST(b.now().held_back.halves == 2);
  BOOST_TEST(b.data->settled());
  b.reopen(8);
  BOOST_TEST(b.now().held_back.halves == 2);
  b.wall = a.wall;
  b.release();
  BOOST_TEST(tag_of(b, 2) == "x");
  BOOST_TEST((b.now().held_back == held_counts{}));
  BOOST_TEST((b.now().digest == a.now().digest));
}

BOOST_AUTO_TEST_CASE(an_operator_who_releases_or_drops_the_held_half_has_seen_to_it) {
  replica_node a(0);
  a.wall += story_hour_ms;
  const auto batch = a.try_write({entry(0, "x"), named_tag(1, "x")})->covered;
  const dot held{a.stream.origin, a.stream.epoch, 2};
  for (const bool release : {true, false}) {
    replica_node b(1);
    BOOST_REQUIRE(b.apply({batch}).ok());
    BOOST_TEST(b.now().held_back.halves == 1);
    b.in_group([&](kv_transaction& txn) {
      if (release)
        BOOST_TEST(b.data->recommit(txn, held, b.wall).ok());
      else
        BOOST_TEST(b.data->hide(txn, held).ok());
      return 0;
    });
    BOOST_TEST(b.now().held_back.halves == 0);
    BOOST_TEST(tag_of(b, 1) == (release ? "x" : ""));
    b.reopen(8);
    b.wall = a.wall;
    b.release();
    BOOST_TEST((b.now().held_back == held_counts{}));
  }
}

// A counter's totals include those of the op before.
BOOST_AUTO_TEST_CASE(a_stream_merges_in_its_order_also_when_its_time_comes_between) {
  replica_node a(0);
  replica_node b(1);
  a.wall += story_hour_ms;
  BOOST_REQUIRE(b.apply({a.write(named_tag(1, "x"))}).ok());
  b.wall = a.wall; // the wall has caught up, nobody has looked yet
  BOOST_REQUIRE(b.apply({a.write(named_tag(2, "x"))}).ok());
  BOOST_TEST(tag_of(b, 2).empty());
  BOOST_TEST(b.now().held_back.quarantined == 2);
  BOOST_TEST(b.release() == 2);
  BOOST_TEST((b.now().digest == a.now().digest));
}

BOOST_AUTO_TEST_CASE(an_op_of_an_unknown_form_blocks_nothing_and_goes_on_as_it_came) {
  replica_node a(0);
  replica_node b(1);
  replica_node c(2);
  const auto strange = from_the_future(2);
  a.write(named_tag(1, "x"));
  auto first = encode_op(
      decode_ops((*read_range(a.disk, a.stream, 0, 1000, 1000)).front())->front().decoded);
  const auto r = range_of(a.stream, {first, strange});
  BOOST_REQUIRE(b.apply({r}).ok());
  BOOST_TEST(seq_of(b.data->held(), a.stream) == 2);
  BOOST_TEST(tag_of(b, 1) == "x");
  BOOST_TEST(b.now().held_back.unmergeable == 1);
  const auto held = get_held(b.disk, {a.stream.origin, a.stream.epoch, 2});
  BOOST_REQUIRE((held.ok() && *held));
  BOOST_TEST((*held)->bytes == strange);
  BOOST_TEST((*held)->reason.find("field kind") != std::string::npos, (*held)->reason);

  const auto parts = *read_range(b.disk, a.stream, 0, 1000, 1000);
  BOOST_TEST(parts.front().log_complete);
  BOOST_TEST(ops_in(parts) == r.ops);
  c.fetch(b, a.stream);
  BOOST_TEST(c.now().held_back.hash == b.now().held_back.hash);
  b.prune({{a.stream, 2}}); // from rows too
  BOOST_TEST(ops_in(*read_range(b.disk, a.stream, 1, 1000, 1000)) == strange);
}

BOOST_AUTO_TEST_CASE(bytes_that_are_no_ops_are_refused_and_change_nothing) {
  replica_node a(0);
  replica_node b(1);
  auto r = a.write(named_tag(1, "x"));
  for (const auto& bytes :
       {r.ops.substr(0, r.ops.size() - 1), std::string("\xc1"), std::string("\x90"),
        std::string("\x91\xa1x"), std::string("\x91\x00", 2)}) {
    auto broken = r;
    broken.ops = bytes;
    const auto before = b.disk.of(family::deadletter);
    BOOST_TEST(!b.apply({broken}).ok());
    BOOST_TEST(b.data->held().empty());
    BOOST_TEST((b.disk.of(family::deadletter) == before));
  }
  BOOST_TEST(b.apply({r}).ok());
}

BOOST_AUTO_TEST_CASE(another_version_of_the_program_tries_dead_letters_again) {
  replica_node a(0);
  replica_node b(1);
  const auto sent = a.write(named_tag(1, "x"));
  // The disk of a version that could not read it.
  held_op h;
  h.at = {a.stream.origin, a.stream.epoch, 1};
  h.why = held_why::unmergeable;
  h.bytes = sent.ops;
  const auto name = keys::by_seq(a.stream, 1);
  held_counts counts;
  counts.unmergeable = 1;
  (void)b.in_group([](kv_transaction&) { return 0; }); // writes its own version
  (void)b.disk.commit(
      {{family::deadletter, keys::tagged('h', name), encode(h)},
       {family::deadletter, keys::tagged('d', name), ""},
       {family::meta, "held", encode(counts).substr(0, 48)},
       {family::frontiers, keys::tagged('f', keys::stream(a.stream)), keys::u64(1)}});
  b.reopen(8, "1");
  BOOST_TEST(!b.data->retrying());
  BOOST_TEST(b.release() == 0);
  b.reopen(8, "2");
  BOOST_TEST(b.data->retrying());
  BOOST_TEST(b.release(1) == 1);
  BOOST_TEST(b.release(1) == 0);
  BOOST_TEST(!b.data->retrying());
  BOOST_TEST(tag_of(b, 1) == "x");
  BOOST_TEST((b.now().held_back == held_counts{}));
  BOOST_TEST(b.now().log_entries == 1);
  BOOST_TEST((b.now().digest == a.now().digest));
  b.reopen(9, "2");
  BOOST_TEST(!b.data->retrying());
}

BOOST_AUTO_TEST_CASE(what_is_retried_too_early_or_hidden_stays_held) {
  replica_node a(0);
  replica_node b(1);
  a.wall += story_hour_ms;
  BOOST_REQUIRE(b.apply({a.write(named_tag(1, "x"))}).ok());
  const dot at{a.stream.origin, a.stream.epoch, 1};
  const auto retry = [&](const dot& d) {
    return b.in_group([&](kv_transaction& txn) { return b.data->retry(txn, d, b.wall); });
  };
  BOOST_TEST(!*retry(at));
  BOOST_TEST((retry({a.stream.origin, a.stream.epoch, 2}).err().code == ec::not_found));
  BOOST_TEST(b.in_group([&](kv_transaction& txn) { return b.data->hide(txn, at); }).ok());
  BOOST_TEST(b.now().held_back.hidden == 1);
  BOOST_TEST(b.now().held_back.quarantined == 1);
  b.wall = a.wall;
  BOOST_TEST(*retry(at));
  BOOST_TEST((b.now().held_back == held_counts{}));
  BOOST_TEST(!b.data->next_release_ms());
  BOOST_TEST((b.now().digest == a.now().digest));
}

BOOST_AUTO_TEST_CASE(at_the_bound_ops_of_that_origin_stay_with_their_sender_and_no_others) {
  replica_node a(0);
  replica_node b(1);
  replica_node c(2);
  b.max_quarantined = 3;
  b.reopen(8);
  a.wall += story_hour_ms;
  c.wall += story_hour_ms;
  std::vector<range> of_a;
  for (uint64_t n = 1; n <= 5; ++n)
    of_a.push_back(a.write(named_tag(n, "a")));
  for (size_t n = 0; n < 3; ++n)
    BOOST_TEST((*b.apply({of_a[n]}) == applied_as::applied));
  const auto before = b.disk;
  BOOST_TEST((*b.apply({of_a[3]}) == applied_as::no_room));
  BOOST_TEST((b.disk.of(family::deadletter) == before.of(family::deadletter)));
  BOOST_TEST((b.disk.of(family::frontiers) == before.of(family::frontiers)));
  BOOST_TEST(seq_of(b.data->held(), a.stream) == 3);
  BOOST_TEST(b.now().held_back.quarantined == 3);
  // Another's room is its own, and what can be merged at once needs none.
  BOOST_TEST((*b.apply({c.write(named_tag(9, "c"))}) == applied_as::applied));
  replica_node a_again(0, 20); // its clock was set right, and it was started again
  BOOST_TEST((*b.apply({a_again.write(named_tag(8, "right"))}) == applied_as::applied));
  BOOST_TEST(tag_of(b, 8) == "right");
  // The count is what is on disk.
  b.reopen(9);
  BOOST_TEST((*b.apply({of_a[3]}) == applied_as::no_room));
  // Merged ops leave room.
  b.wall = a.wall;
  BOOST_TEST(b.release(1) == 1);
  b.wall -= story_hour_ms;
  BOOST_TEST((*b.apply({of_a[3]}) == applied_as::applied));
  BOOST_TEST((*b.apply({of_a[4]}) == applied_as::no_room));
  b.wall = a.wall;
  b.release();
  BOOST_TEST((*b.apply({of_a[4]}) == applied_as::applied));
  BOOST_TEST((b.now().held_back == held_counts{}));
  for (uint64_t n = 1; n <= 5; ++n)
    BOOST_TEST(tag_of(b, n) == "a");
}

BOOST_AUTO_TEST_CASE(device_owned_ops_and_those_of_a_later_version_need_no_room) {
  replica_node a(0);
  replica_node b(1);
  b.max_quarantined = 1;
  b.reopen(8);
  a.wall += story_hour_ms;
  BOOST_TEST((*b.apply({a.write(named_tag(1, "waits"))}) == applied_as::applied));
  BOOST_TEST((*b.apply({a.write(entry(0, "mine"))}) == applied_as::applied));
  auto unread = range_of(a.stream, {from_the_future(3), from_the_future(4)});
  unread.from = 2;
  unread.to = 4;
  BOOST_TEST((*b.apply({unread}) == applied_as::applied));
  BOOST_TEST(b.now().held_back.unmergeable == 2);
  BOOST_TEST(b.now().held_back.quarantined == 1);
  // And they are passed on: whoever comes later gets them from here.
  replica_node c(2);
  c.fetch(b, a.stream);
  BOOST_TEST(c.now().held_back.unmergeable == 2);
}

BOOST_AUTO_TEST_CASE(a_range_beyond_the_bound_by_itself_is_taken_where_nothing_else_is_held) {
  replica_node a(0);
  replica_node b(1);
  b.max_quarantined = 2;
  b.reopen(8);
  a.wall += story_hour_ms;
  const auto batch = a.try_write({named_tag(1, "x"), named_tag(2, "y"), named_tag(3, "z")});
  BOOST_TEST((*b.apply({batch->covered}) == applied_as::applied));
  BOOST_TEST((*b.apply({a.write(named_tag(4, "next"))}) == applied_as::no_room));
}

BOOST_AUTO_TEST_SUITE_END()
