// Quarantined ops that an operator releases: their edits are committed anew, as of now.

#include "store/sync/keys.hpp"
#include "store/sync/records.hpp"
#include "tests/sim/replica_node.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

namespace {

edit update(uint64_t n, field_edit f) {
  edit e = named_tag(n, "");
  e.missing_required = {"name"};
  e.fields = {std::move(f)};
  return e;
}
edit removal(uint64_t n) {
  edit e = named_tag(n, "");
  e.fields.clear();
  e.remove = true;
  return e;
}
field_edit elements(const std::vector<std::string>& add, const std::vector<std::string>& remove) {
  field_edit f;
  f.name = "aliases";
  f.kind = field_kind::set;
  for (const auto& a : add)
    f.add.push_back(encoded(a));
  for (const auto& r : remove)
    f.remove.push_back(encoded(r));
  return f;
}
field_edit count(int64_t by) {
  field_edit f;
  f.name = "uses";
  f.kind = field_kind::counter;
  f.delta = by;
  return f;
}
field_edit pairs(std::vector<std::pair<std::string, std::string>> keys) {
  field_edit f;
  f.name = "custom";
  f.kind = field_kind::map;
  for (auto& [key, value] : keys)
    f.keys.emplace_back(key, value.empty() ? "\xc0" : encoded(value));
  return f;
}

record_view record(const replica_node& n, uint64_t id) {
  auto r = get_record(n.disk, record_class::shared, "tag", tag_id(id));
  BOOST_REQUIRE((r.ok() && *r));
  return **r;
}
std::string name_of(const replica_node& n, uint64_t id) {
  const auto r = get_record(n.disk, record_class::shared, "tag", tag_id(id));
  if (!r || !*r || (*r)->deleted)
    return {};
  reader in((*r)->fields.at("name"));
  return std::string(in.str(1000, "name"));
}

/// A device that is an hour ahead, the node whose operator releases, and one more.
struct story {
  replica_node ahead{0};
  replica_node here{1};
  replica_node other{2};
  story() { ahead.wall += story_hour_ms; }

  dot at(uint64_t seq) const { return {ahead.stream.origin, ahead.stream.epoch, seq}; }
  void hand_out(const range& r) {
    BOOST_REQUIRE(here.apply({r}).ok());
    BOOST_REQUIRE(other.apply({r}).ok());
  }
  /// Everyone gets what `n` wrote.
  void spread(const replica_node& n) {
    for (auto* to : {&ahead, &here, &other})
      to->fetch(n, n.stream);
  }
  result<recommitted> release(uint64_t seq) {
    auto made = here.in_group(
        [&](kv_transaction& txn) { return here.data->recommit(txn, at(seq), here.wall); });
    spread(here);
    return made;
  }
  /// As the store writer does it.
  static void merge_due(replica_node& n) {
    n.in_group([&](kv_transaction& txn) {
      BOOST_REQUIRE(n.data->release(txn, n.wall, 1000).ok());
      const auto edits = n.data->given_back(txn);
      BOOST_REQUIRE(edits.ok());
      for (const auto& e : *edits)
        BOOST_TEST(n.data->commit(txn, std::span(&e, 1), n.wall).ok());
      return 0;
    });
  }
  void time_comes() {
    here.wall = other.wall = ahead.wall - story_drift_ms;
    merge_due(here);
    merge_due(other);
    spread(here);
    spread(other);
    check_equal();
  }
  void check_equal() {
    for (auto* n : {&ahead, &here, &other}) {
      BOOST_TEST((n->now().held_back == held_counts{}));
      BOOST_TEST((n->now().digest == here.now().digest));
    }
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(recommits)

BOOST_AUTO_TEST_CASE(a_released_op_is_in_use_on_every_node_at_once) {
  story s;
  s.hand_out(s.ahead.write(named_tag(1, "early")));
  BOOST_TEST(name_of(s.here, 1).empty());
  const auto made = s.release(1);
  BOOST_REQUIRE(made.ok());
  BOOST_TEST(made->ops == 1U);
  BOOST_TEST(made->made.results.front().stamp.wall_ms == story_wall_ms);
  BOOST_TEST(name_of(s.here, 1) == "early");
  BOOST_TEST(name_of(s.other, 1) == "early");
  BOOST_TEST(s.here.now().held_back.quarantined == 1); // nobody can forget it
  BOOST_TEST((*get_held(s.here.disk, s.at(1)))->released);
  BOOST_TEST(!(*get_held(s.other.disk, s.at(1)))->released);
  BOOST_TEST((s.release(1).err().code == ec::conflict));
  BOOST_TEST((s.release(2).err().code == ec::not_found));
  const auto writes = seq_of(s.here.data->held(), s.here.stream);
  s.time_comes();
  BOOST_TEST(seq_of(s.here.data->held(), s.here.stream) == writes); // nothing to write back
  BOOST_TEST(name_of(s.other, 1) == "early");
}

BOOST_AUTO_TEST_CASE(what_was_written_since_a_release_stays_when_the_ops_time_comes) {
  story s;
  auto first = s.ahead.write(named_tag(1, "early"));
  s.hand_out(first);
  s.hand_out(s.ahead.write(named_tag(2, "gone soon")));
  edit wide = update(1, pairs({{"k", "early"}, {"l", "early"}}));
  wide.fields.push_back(elements({"a", "b"}, {}));
  s.hand_out(s.ahead.write(wide));
  for (uint64_t seq = 1; seq <= 3; ++seq)
    BOOST_REQUIRE(s.release(seq).ok());
  s.here.wall += 1000;
  s.other.wall += 1000;
  s.other.write(named_tag(1, "since"));
  s.other.write(removal(2));
  edit since = update(1, pairs({{"k", "since"}}));
  since.fields.push_back(elements({}, {"a"}));
  s.other.write(since);
  s.spread(s.other);
  const auto before = record(s.here, 1).fields;
  s.here.reopen(8); // the mark of the release is durable
  s.time_comes();
  for (auto* n : {&s.ahead, &s.here, &s.other}) {
    BOOST_TEST(name_of(*n, 1) == "since");
    BOOST_TEST(name_of(*n, 2).empty());
    BOOST_TEST((record(*n, 1).fields == before));
  }
}

BOOST_AUTO_TEST_CASE(what_was_made_anew_since_a_delete_was_released_stays) {
  story s;
  const auto made = s.here.write(named_tag(1, "old"));
  s.spread(s.here);
  s.here.write(update(1, count(5)));
  s.spread(s.here);
  s.hand_out(s.ahead.write(removal(1)));
  BOOST_REQUIRE(s.release(1).ok());
  BOOST_TEST(name_of(s.other, 1).empty());
  s.other.wall += 1000;
  s.other.write(named_tag(1, "anew"));
  s.other.write(update(1, count(3)));
  s.other.write(update(1, elements({"x"}, {})));
  s.spread(s.other);
  const auto before = record(s.here, 1).fields;
  s.time_comes();
  for (auto* n : {&s.ahead, &s.here, &s.other}) {
    BOOST_TEST(name_of(*n, 1) == "anew");
    BOOST_TEST((record(*n, 1).fields == before));
  }
}

// Totals that are in use before their time would count twice when it comes.
BOOST_AUTO_TEST_CASE(counts_of_a_released_op_are_added_once_when_its_time_comes) {
  story s;
  edit e = named_tag(1, "early");
  e.fields.push_back(count(4));
  s.hand_out(s.ahead.write(e));
  s.hand_out(s.ahead.write(update(1, count(2))));
  const auto made = s.release(1);
  BOOST_REQUIRE(made.ok());
  BOOST_TEST(made->left_out == (std::vector<std::string>{"tag.uses"}),
             boost::test_tools::per_element());
  BOOST_TEST((s.release(2).err().code == ec::conflict));
  BOOST_TEST(!record(s.here, 1).fields.contains("uses"));
  s.time_comes();
  const auto uses = record(s.other, 1).fields.at("uses");
  reader in(uses);
  BOOST_TEST(in.uint("uses") == 6U);
}

BOOST_AUTO_TEST_CASE(an_atomic_batch_is_released_whole_and_in_its_order) {
  story s;
  const auto batch =
      s.ahead.try_write({named_tag(1, "x"), update(1, elements({"a"}, {})), named_tag(2, "y")});
  s.hand_out(batch->covered);
  s.hand_out(s.ahead.write(named_tag(3, "z")));
  const auto made = s.release(2); // any of them names it
  BOOST_REQUIRE(made.ok());
  BOOST_TEST(made->ops == 3U);
  BOOST_TEST(made->made.covered.count == 3U);
  BOOST_TEST(name_of(s.other, 1) == "x");
  BOOST_TEST(name_of(s.other, 2) == "y");
  BOOST_TEST(name_of(s.other, 3).empty());
  s.time_comes();
  BOOST_TEST(name_of(s.other, 3) == "z");
}

BOOST_AUTO_TEST_CASE(an_edit_of_a_record_that_is_held_as_well_cannot_be_released_before_it) {
  story s;
  s.hand_out(s.ahead.write(named_tag(1, "x")));
  s.hand_out(s.ahead.write(update(1, lww("color", encoded("red")))));
  const auto refused = s.release(2);
  BOOST_TEST((refused.err().code == ec::conflict));
  BOOST_TEST(refused.err().message.find("release the op that makes it first") != std::string::npos);
  BOOST_TEST(s.release(1).ok());
  BOOST_TEST(s.release(2).ok());
  BOOST_TEST(record(s.other, 1).fields.contains("color"));
  s.time_comes();
}

// It knows nothing of what the others wrote since the op's time, and must not write over that.
BOOST_AUTO_TEST_CASE(a_node_that_was_off_when_the_time_came_writes_nothing_back) {
  story s;
  s.hand_out(s.ahead.write(named_tag(1, "early")));
  BOOST_REQUIRE(s.release(1).ok());
  s.here.wall += 1000;
  s.here.write(named_tag(1, "since"));
  s.spread(s.here);
  const auto writes = seq_of(s.here.data->held(), s.here.stream);
  s.other.wall = s.ahead.wall;
  story::merge_due(s.other);
  s.other.write(named_tag(1, "later"));
  s.here.wall = s.ahead.wall + story_hour_ms;
  story::merge_due(s.here);
  BOOST_TEST(seq_of(s.here.data->held(), s.here.stream) == writes);
  s.spread(s.other);
  s.check_equal();
  BOOST_TEST(name_of(s.here, 1) == "later");
}

BOOST_AUTO_TEST_CASE(a_held_op_on_the_disk_of_an_earlier_version_is_not_released) {
  std::string raw;
  std::string stamp;
  append_hlc(stamp, {story_wall_ms, 0, device_of(0)});
  writer w(raw);
  w.array(8), w.uint(0), w.uint(0), w.bin(stamp), w.uint(1);
  w.boolean(false), w.boolean(true), w.str("why"), w.bin("op");
  const auto h = read_held({device_of(0), 7, 1}, raw);
  BOOST_REQUIRE(h.ok());
  BOOST_TEST(!h->released);
  BOOST_TEST(h->bytes == "op");
}

BOOST_AUTO_TEST_SUITE_END()
