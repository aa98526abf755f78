// Deletes that a peer has merged and lost: found by whoever compares with it, and told it again.

#include "store/sync/keys.hpp"
#include "tests/sim/repair_node.hpp"

using namespace shoal;
using namespace shoal::sim;
using namespace shoal::sim::repair_stories;

BOOST_AUTO_TEST_SUITE(reminders)

// Found by seed 783: a node that was to become equal to a peer that had lost a delete compared for
// ever, for its own mark masked what stood there. A delete that is given up instead stays with
// others: two settled nodes disagreed.
BOOST_AUTO_TEST_CASE(adopting_finds_deletes_that_the_peer_has_merged_and_lost) {
  node a(0);
  node b(1);
  a.write({tag(1, 1), tag(2, 2), tag(3, 3)});
  const auto row_key = keys::row(record_class::shared, "tag", tag_id(1), {});
  const auto seq_key = keys::by_seq(stream, 1);
  const auto row = a.disk.of(family::shared).at(row_key);
  const auto entry = a.disk.of(family::shared_by_seq).at(seq_key);
  b.take(a);
  b.write({without(tag(1, 1)), without(tag(2, 2))});
  a.take(b);
  b.write({without(tag(3, 3))}); // nobody has that yet
  a.disk.of(family::shared)[row_key] = row;
  a.disk.of(family::shared_by_seq)[seq_key] = entry;
  BOOST_TEST(a.in_group([&](kv_transaction& txn) { return a.data->reindex(txn); }).ok());
  BOOST_TEST(a.has("tag", 1));
  const auto found = b.repair_from(a, repair_goal::adopt, stream, 0, 3);
  BOOST_TEST(found.changed == 0);
  const auto mine = b.data->held().rbegin()->first;
  BOOST_REQUIRE(found.lost_there.size() == 1);
  BOOST_TEST((found.lost_there[0] == dot{mine.origin, mine.epoch, 1}));
  for (uint64_t n = 1; n <= 3; ++n)
    BOOST_TEST(!b.has("tag", n));
  BOOST_TEST(a.repair_from(b, repair_goal::remind, mine, 0, 1).changed == 1);
  BOOST_TEST(b.problems() == 0);
  a.take(b);
  BOOST_TEST((a.data->summary().digest == b.data->summary().digest));
}

// Two that were settled disagreed for ever: digests say nothing of deletes, so nobody asked for one
// that was lost.
BOOST_AUTO_TEST_CASE(uniting_finds_the_deletes_that_the_peer_has_merged_and_lost) {
  node a(0);
  node b(1);
  a.write({tag(1, 1), full_tag(2), tag(3, 3)});
  const auto rows = a.disk.of(family::shared);
  b.take(a);
  b.write({without(tag(1, 1))});
  for (const auto& cleared : clearing(2).fields) { // each by an op of its own
    auto edited = update(tag(2, 2));
    edited.fields = {cleared};
    if (cleared.name == "color")
      edited.fields.push_back(lww("size", encoded("new")));
    b.write({edited});
  }
  a.take(b);
  b.write({without(tag(3, 3))}); // nobody has that yet: it comes by itself
  const auto equal = a.data->summary().digest;
  for (uint64_t n = 1; n <= 2; ++n) {
    const auto key = keys::row(record_class::shared, "tag", tag_id(n), {});
    a.disk.of(family::shared)[key] = rows.at(key);
  }
  BOOST_TEST(a.in_group([&](kv_transaction& txn) { return a.data->reindex(txn); }).ok());
  BOOST_TEST(a.has("tag", 1));
  const auto mine = b.data->held().rbegin()->first;
  BOOST_REQUIRE((mine.origin == device_of(1)));
  const auto found = b.repair_from(a, repair_goal::unite, stream, 0, 3);
  BOOST_TEST(found.changed == 0);
  BOOST_REQUIRE(found.lost_there.size() == 4);
  for (uint64_t n = 1; n <= 4; ++n)
    BOOST_TEST((found.lost_there[n - 1] == dot{mine.origin, mine.epoch, n}));
  BOOST_TEST(a.repair_from(b, repair_goal::unite, stream, 0, 3).lost_there.empty());
  // The delete, and of the edits only what they cleared.
  BOOST_TEST(a.repair_from(b, repair_goal::remind, mine, 0, 4).changed == 4);
  BOOST_TEST(!a.has("tag", 1));
  BOOST_TEST(a.has("tag", 3));
  const auto fields_of_2 = [&](const node& n) {
    return (**get_record(n.disk, record_class::shared, "tag", tag_id(2))).fields;
  };
  BOOST_TEST(fields_of_2(a).size() == 3U); // name, aliases, notes
  BOOST_TEST(fields_of_2(b).size() == 4U);
  BOOST_TEST(a.repair_from(b, repair_goal::unite, mine, 0, 4).changed == 1);
  BOOST_TEST((a.data->summary().digest == equal));
  BOOST_TEST((fields_of_2(a) == fields_of_2(b)));
  BOOST_TEST(a.repair_from(b, repair_goal::remind, mine, 0, 4).changed == 0);
  BOOST_TEST(a.problems() == 0);
  // What was written and is forgotten since does not come back by a word that was under way, nor is
  // anything waited for because of that.
  auto late = *read_standing(a.disk, stream, 0, 3, 1 << 20);
  late.back().until[{device_of(2), 3}] = 9;
  a.take(b);
  a.prune_marks();
  a.in_group([&](kv_transaction& txn) {
    return a.data->repair(txn, late, repair_goal::remind, wall)->changed;
  });
  BOOST_TEST(!a.has("tag", 3));
  BOOST_TEST(a.data->summary().settled);
}

// Met in review: what nobody asked for could delete a device's own records, and it signed for that.
BOOST_AUTO_TEST_CASE(a_reminder_deletes_no_record_that_belongs_to_a_device) {
  node a(0);
  node b(1);
  a.write({tag(1, 1)});
  a.write({owned("location", 1)});
  b.take(a);
  auto forged = *read_standing(a.disk, stream, 0, 1, 1 << 20);
  forged.front().ops = encode_op(delete_of("location", owned_id(0, 1), 1));
  for (auto* n : {&a, &b}) {
    const auto changed = n->in_group([&](kv_transaction& txn) {
      return n->data->repair(txn, forged, repair_goal::remind, wall)->changed;
    });
    BOOST_TEST(changed == 0U);
    BOOST_TEST(n->has("location", 1));
  }
  // Nor is a delete of one told to others.
  const auto before = *read_standing(b.disk, stream, 0, 2, 1 << 20);
  a.write({without(owned("location", 1))});
  auto told = before;
  told.back().until[stream] = 3;
  const auto found = a.in_group([&](kv_transaction& txn) {
    return a.data->repair(txn, told, repair_goal::unite, wall)->lost_there;
  });
  BOOST_TEST(found.empty());
  BOOST_TEST(!a.has("location", 1));
}

BOOST_AUTO_TEST_SUITE_END()
