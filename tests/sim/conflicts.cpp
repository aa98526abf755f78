// Which writes count as concurrent, on whichever side and in whatever order they meet.

#include "store/sync/conflicts.hpp"

#include "config/limits.hpp"
#include "tests/sim/replica_node.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

namespace {

edit tag(const std::string& name, uint64_t id = 1) {
  edit e;
  e.model = "tag";
  e.id = tag_id(id);
  e.fields = {lww("name", encoded(name))};
  return e;
}
edit note(const std::string& key, const std::string& value) {
  edit e = tag("x");
  field_edit f;
  f.name = "notes";
  f.kind = field_kind::map;
  f.keys = {{key, encoded(value)}};
  e.fields = {f};
  e.missing_required = {"name"};
  return e;
}
edit removal() {
  edit e = tag("");
  e.remove = true;
  return e;
}
std::vector<conflict> seen_by(const replica_node& n) {
  std::vector<conflict> out;
  BOOST_REQUIRE(list_conflicts(n.disk, [&](conflict&& c) {
                  out.push_back(std::move(c));
                  return true;
                }).ok());
  return out;
}

/// a wrote "first", and both have it.
struct two_nodes {
  replica_node a{0};
  replica_node b{1};
  two_nodes() {
    a.write(tag("first"));
    b.fetch(a, a.stream);
  }
  void meet() {
    a.fetch(b, b.stream);
    b.fetch(a, a.stream);
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(conflicts)

BOOST_FIXTURE_TEST_CASE(two_writers_who_had_not_seen_each_other_are_told_once_on_each_node,
                        two_nodes) {
  const auto of_a = a.write(tag("of a"));
  b.wall += 5;
  const auto of_b = b.write(tag("of b"));
  meet();
  BOOST_REQUIRE(a.apply({of_b}).ok()); // what comes twice is told once
  for (auto* n : {&a, &b}) {
    const auto all = seen_by(*n);
    BOOST_REQUIRE(all.size() == 1);
    const auto& c = all.front();
    BOOST_TEST(c.model == "tag");
    BOOST_TEST((c.id == tag_id(1)));
    BOOST_TEST(c.field == "name");
    BOOST_TEST(c.winner.value == encoded(std::string_view("of b")));
    BOOST_TEST(c.loser.value == encoded(std::string_view("of a")));
    BOOST_TEST((c.winner.stamp == decode_ops(of_b)->front().decoded.stamp));
    BOOST_TEST((c.loser.stamp == decode_ops(of_a)->front().decoded.stamp));
    BOOST_TEST(!c.resolved);
    BOOST_TEST(n->now().conflicts == 1);
    n->reopen(9);
    BOOST_TEST(seen_by(*n).size() == 1);
    BOOST_TEST(n->now().conflicts == 1);
  }
}

BOOST_FIXTURE_TEST_CASE(writes_that_follow_each_other_or_agree_are_none, two_nodes) {
  a.write(tag("second"));
  b.fetch(a, a.stream);
  b.write(tag("third"));
  a.fetch(b, b.stream);
  a.write(tag("same"));
  b.write(tag("same"));
  meet();
  BOOST_TEST(seen_by(a).empty());
  BOOST_TEST(seen_by(b).empty());
}

// c hears the answer before the question.
BOOST_FIXTURE_TEST_CASE(a_write_that_comes_after_the_one_that_replaced_it_is_none, two_nodes) {
  replica_node c(2);
  c.fetch(a, a.stream);
  a.write(tag("second"));
  b.fetch(a, a.stream);
  b.write(tag("third"));
  a.fetch(b, b.stream);
  a.write(tag("fourth"));
  b.fetch(a, a.stream);
  b.write(tag("fifth"));
  c.fetch(b, b.stream);
  c.fetch(a, a.stream);
  BOOST_TEST(seen_by(c).empty());
}

BOOST_FIXTURE_TEST_CASE(a_loser_that_comes_late_is_told_too, two_nodes) {
  replica_node c(2);
  c.fetch(a, a.stream);
  a.write(tag("of a"));
  b.wall += 5;
  b.write(tag("of b"));
  c.fetch(b, b.stream);
  c.fetch(a, a.stream);
  const auto all = seen_by(c);
  BOOST_REQUIRE(all.size() == 1);
  BOOST_TEST(all.front().winner.value == encoded(std::string_view("of b")));
  BOOST_TEST(all.front().loser.value == encoded(std::string_view("of a")));
}

BOOST_FIXTURE_TEST_CASE(keys_of_a_map_are_compared_one_by_one, two_nodes) {
  a.write(note("k", "of a"));
  a.write(note("only a", "x"));
  b.wall += 5;
  b.write(note("k", "of b"));
  b.write(note("only b", "x"));
  meet();
  for (auto* n : {&a, &b}) {
    const auto all = seen_by(*n);
    BOOST_REQUIRE(all.size() == 1);
    BOOST_TEST(all.front().field == "notes");
    BOOST_TEST(all.front().key.value_or("") == "k");
    BOOST_TEST(all.front().winner.value == encoded(std::string_view("of b")));
  }
}

BOOST_FIXTURE_TEST_CASE(a_delete_that_takes_an_unseen_edit_along_is_told, two_nodes) {
  a.write(tag("unseen"));
  b.wall += 5;
  b.write(removal());
  meet(); // a meets the delete, b the edit
  for (auto* n : {&a, &b}) {
    const auto all = seen_by(*n);
    BOOST_REQUIRE(all.size() == 1);
    BOOST_TEST(all.front().field.empty());
    BOOST_TEST(all.front().winner.removed);
    reader in(all.front().loser.value);
    BOOST_TEST(in.map(1, "fields") == 1);
    BOOST_TEST(in.str(10, "name") == "name");
    BOOST_TEST(in.str(10, "value") == "unseen");
  }
  BOOST_REQUIRE(a.try_write({tag("back")}).ok());
  b.fetch(a, a.stream);
  BOOST_TEST(seen_by(a).front().resolved.has_value());
  BOOST_TEST(seen_by(b).front().resolved.has_value());
}

BOOST_FIXTURE_TEST_CASE(a_delete_of_what_was_seen_is_none, two_nodes) {
  a.write(tag("seen"));
  b.fetch(a, a.stream);
  b.write(removal());
  meet();
  BOOST_TEST(seen_by(a).empty());
  BOOST_TEST(seen_by(b).empty());
}

BOOST_FIXTURE_TEST_CASE(a_later_write_of_one_who_saw_the_winner_resolves_it_everywhere, two_nodes) {
  a.write(tag("of a"));
  b.wall += 5;
  b.write(tag("of b"));
  meet();
  a.wall += 10;
  a.write(tag("of a")); // the loser's value, put again
  BOOST_TEST(seen_by(a).front().resolved.has_value());
  BOOST_TEST(!seen_by(b).front().resolved);
  b.fetch(a, a.stream);
  BOOST_REQUIRE(seen_by(b).size() == 1);
  BOOST_TEST((seen_by(b).front().resolved == a.data->last_stamp()));
}

BOOST_FIXTURE_TEST_CASE(what_was_read_from_rows_tells_nothing, two_nodes) {
  a.write(tag("of a"));
  b.wall += 5;
  b.write(tag("of b"));
  b.prune({{a.stream, 1}, {b.stream, 1}});
  a.fetch(b, b.stream);
  BOOST_TEST(seen_by(a).empty());
}

BOOST_AUTO_TEST_CASE(only_the_newest_conflicts_are_kept) {
  replica_node a(0);
  replica_node b(1);
  const auto some = limits::conflicts_kept_max + 50;
  for (uint64_t n = 0; n < some; ++n)
    for (auto* node : {&a, &b}) {
      edit e = tag(node == &a ? "of a" : "of b");
      e.id.bytes[14] = static_cast<uint8_t>(n >> 8);
      e.id.bytes[15] = static_cast<uint8_t>(n);
      node->write(e);
    }
  replica_node c(2);
  c.fetch(a, a.stream);
  c.fetch(b, b.stream);
  const auto all = seen_by(c);
  BOOST_TEST(c.now().conflicts == some);
  BOOST_TEST(all.size() == limits::conflicts_kept_max);
  BOOST_TEST(all.back().number == c.now().conflicts - 1);
}

BOOST_AUTO_TEST_SUITE_END()
