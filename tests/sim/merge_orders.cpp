// Merging does not depend on order or repetition: all n! orders of a few ops, each with ops that
// come twice, end in one state. The ops are each a stream of their own, so that every order is one
// that can happen between nodes; those of one device-owned tree are one stream, whose rows come in
// any order as they do when ranges are read from rows.

#include "sim/sim_store.hpp"
#include "sim/workload.hpp"
#include "store/sync/records.hpp"
#include "store/sync/replica.hpp"
#include "store/sync/stored_row.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <numeric>

using namespace shoal;
using namespace shoal::sim;

namespace {

constexpr uint64_t wall = 1'700'000'000'000;
constexpr record_class shared = record_class::shared;
const std::string nil = "\xc0";

/// An op of device `writer`, stamped `at` ms behind `wall`; its dot is (writer, at, 1).
struct written {
  size_t writer;
  uint64_t at;
  op what;
};

dot dot_of(size_t writer, uint64_t at) { return {device_of(writer), at, 1}; }

written write(size_t writer, uint64_t at, op_kind kind, std::vector<field_op> fields = {}) {
  op o;
  o.seq = 1;
  o.kind = kind;
  o.stamp = {wall + at, 0, device_of(writer)};
  o.model = "tag";
  o.id = tag_id(1);
  o.fields = std::move(fields);
  return {writer, at, std::move(o)};
}
field_op plain(std::string name, std::string value) {
  field_op f;
  f.name = std::move(name);
  f.value = std::move(value);
  return f;
}
field_op element(uint64_t value, bool adds, std::vector<dot> removes = {}) {
  field_op f;
  f.name = "set";
  f.kind = field_kind::set;
  f.elements = {{encoded(value), adds, std::move(removes)}};
  return f;
}
field_op counter(uint64_t added, uint64_t subtracted) {
  field_op f;
  f.name = "uses";
  f.kind = field_kind::counter;
  f.added = added;
  f.subtracted = subtracted;
  return f;
}
field_op key(std::string name, std::string value) {
  field_op f;
  f.name = "notes";
  f.kind = field_kind::map;
  f.keys = {{std::move(name), std::move(value), {}}};
  return f;
}

/// Rows and digest after the ops came in the order given.
struct state {
  digest_value digest;
  std::map<std::string, std::string> shared_rows;
  std::map<std::string, std::string> owned_rows;
  bool operator==(const state&) const = default;
};

/// The ops as ranges of one op each, into a fresh replica. `repeat`: bit i has op i come again at
/// once, and the whole order comes a second time in the end.
state deliver(const std::vector<range>& ranges, const std::vector<size_t>& order, unsigned repeat) {
  sim_store disk;
  auto data = std::move(*replica::open(disk, device_of(9), {}));
  kv_transaction txn(disk);
  const auto come = [&](size_t i, applied_as expected) {
    auto done = data->apply(txn, {&ranges[i], 1}, wall);
    BOOST_REQUIRE(done.ok());
    BOOST_REQUIRE((*done == expected));
  };
  for (size_t i : order) {
    come(i, applied_as::applied);
    if ((repeat >> i) & 1)
      come(i, applied_as::duplicate);
  }
  if (repeat != 0)
    for (size_t i : order)
      come(i, applied_as::duplicate);
  const auto digest = data->summary().digest;
  data->seal(txn);
  (void)disk.commit(txn.take());
  state out{digest, {}, {}};
  out.shared_rows.insert(disk.of(family::shared).begin(), disk.of(family::shared).end());
  out.owned_rows.insert(disk.of(family::owned).begin(), disk.of(family::owned).end());
  return out;
}

std::vector<range> as_ranges(const std::vector<written>& ops) {
  std::vector<range> out;
  for (const auto& w : ops) {
    range r;
    r.stream = {device_of(w.writer), w.at};
    r.to = 1;
    r.ops = encode_op(w.what);
    r.count = 1;
    out.push_back(std::move(r));
  }
  return out;
}

/// Every order, without and with repetition; returns the one state there is.
state one_state(const std::vector<written>& ops) {
  const auto ranges = as_ranges(ops);
  std::vector<size_t> order(ops.size());
  std::iota(order.begin(), order.end(), size_t{0});
  auto first = deliver(ranges, order, 0);
  size_t orders = 0;
  size_t others = 0;
  do {
    others += deliver(ranges, order, 0) != first;
    const auto some = static_cast<unsigned>(orders * 7 + 1) & ((1U << ops.size()) - 1);
    others += deliver(ranges, order, some == 0 ? 1 : some) != first;
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  BOOST_TEST(others == 0U);
  size_t factorial = 1;
  for (size_t n = 2; n <= ops.size(); ++n)
    factorial *= n;
  BOOST_TEST(orders == factorial);
  return first;
}

row only_row(const state& s) {
  BOOST_REQUIRE(s.shared_rows.size() == 1);
  return *decode_row(s.shared_rows.begin()->second);
}
std::map<std::string, std::string> fields(const state& s) {
  return view_of(only_row(s), shared, "tag", tag_id(1), std::nullopt).fields;
}

} // namespace

BOOST_AUTO_TEST_SUITE(merge_orders)

BOOST_AUTO_TEST_CASE(of_plain_values_the_newest_stands) {
  const auto s = one_state({write(0, 1, op_kind::insert, {plain("name", encoded(1))}),
                            write(1, 4, op_kind::update, {plain("name", encoded(4))}),
                            write(2, 4, op_kind::update, {plain("name", encoded(5))}),
                            write(0, 3, op_kind::insert, {plain("name", encoded(3))}),
                            write(1, 2, op_kind::update, {plain("color", encoded(2))}),
                            write(2, 6, op_kind::update, {plain("color", nil)})});
  BOOST_TEST(fields(s).at("name") == encoded(5)); // one ms, the higher device
  BOOST_TEST(!fields(s).contains("color"));
}

BOOST_AUTO_TEST_CASE(an_element_added_again_outlives_the_removal_of_what_was_seen) {
  const auto s = one_state({write(0, 1, op_kind::insert, {element(1, true)}),
                            write(1, 2, op_kind::update, {element(1, true)}),
                            write(2, 3, op_kind::update, {element(1, false, {dot_of(0, 1)})}),
                            write(0, 4, op_kind::update, {element(2, true)}),
                            write(1, 5, op_kind::update, {element(2, false, {dot_of(0, 4)})}),
                            write(2, 6, op_kind::update, {element(2, false, {dot_of(0, 4)})})});
  const auto r = only_row(s);
  const auto& elements = r.fields.at({"set", field_kind::set}).elements;
  BOOST_TEST(elements.at(encoded(1)).live.size() == 1);
  BOOST_TEST(elements.at(encoded(2)).live.empty());
}

BOOST_AUTO_TEST_CASE(counters_add_up_and_each_writer_has_its_newest_total) {
  const auto s = one_state({write(0, 1, op_kind::insert, {counter(5, 0)}),
                            write(1, 2, op_kind::update, {counter(0, 3)}),
                            write(2, 3, op_kind::update, {counter(10, 1)}),
                            write(0, 4, op_kind::update, {counter(2, 2)}),
                            write(1, 5, op_kind::update, {counter(1, 0)})});
  std::string expected;
  writer(expected).integer(5 - 3 + 9 + 0 + 1);
  BOOST_TEST(fields(s).at("uses") == expected);
}

BOOST_AUTO_TEST_CASE(each_key_of_a_map_is_a_value_of_its_own) {
  const auto s = one_state({write(0, 1, op_kind::insert, {key("a", encoded(1))}),
                            write(1, 2, op_kind::update, {key("b", encoded(2))}),
                            write(2, 3, op_kind::update, {key("a", nil)}),
                            write(0, 4, op_kind::update, {key("b", encoded(4))}),
                            write(1, 5, op_kind::update, {key("c", encoded(5))}),
                            write(2, 6, op_kind::update, {key("c", nil)})});
  std::string expected;
  writer w(expected);
  w.map(1), w.str("b"), w.uint(4);
  BOOST_TEST(fields(s).at("notes") == expected);
}

BOOST_AUTO_TEST_CASE(a_delete_masks_what_is_older_and_only_an_insert_revives) {
  const auto s =
      one_state({write(0, 1, op_kind::insert, {plain("name", encoded(1)), counter(5, 0)}),
                 write(1, 2, op_kind::update, {element(1, true)}), write(2, 3, op_kind::remove),
                 write(0, 4, op_kind::update, {plain("color", encoded(4))}),
                 write(1, 5, op_kind::insert, {plain("name", encoded(5))}),
                 write(2, 6, op_kind::update, {plain("size", encoded(6))})});
  BOOST_TEST(only_row(s).exists());
  BOOST_TEST(fields(s).size() == 3);
  BOOST_TEST(fields(s).at("color") == encoded(4)); // newer than the delete, so it counts again
}

BOOST_AUTO_TEST_CASE(an_update_after_a_delete_revives_nothing) {
  const auto s = one_state({write(0, 1, op_kind::insert, {plain("name", encoded(1))}),
                            write(1, 2, op_kind::insert, {plain("name", encoded(2))}),
                            write(2, 3, op_kind::remove), write(0, 4, op_kind::remove),
                            write(1, 5, op_kind::update, {plain("name", encoded(5))}),
                            write(2, 6, op_kind::update, {counter(1, 0)})});
  BOOST_TEST(!only_row(s).exists());
  BOOST_TEST((s.digest == digest_value{}));
}

BOOST_AUTO_TEST_CASE(a_delete_takes_a_subtree_whatever_comes_first) {
  // All of one owner; each op its own epoch, as if every write had followed a restart.
  const auto make = [](uint64_t at, op_kind kind, std::string model, uint64_t n,
                       std::vector<field_op> f) {
    auto w = write(0, at, kind, std::move(f));
    w.what.cls = record_class::owned;
    w.what.model = std::move(model);
    w.what.id = owned_id(0, n);
    return w;
  };
  const auto up = [](std::string field, std::string model, uint64_t n) {
    auto f = plain(std::move(field), encoded(owned_id(0, n)));
    f.kind = field_kind::parent;
    f.parent_model = std::move(model);
    return f;
  };
  const auto s = one_state({make(1, op_kind::insert, "location", 0, {}),
                            make(2, op_kind::insert, "entry", 2, {up("in", "location", 0)}),
                            make(3, op_kind::insert, "entry", 3, {up("up", "entry", 2)}),
                            make(4, op_kind::remove, "location", 0, {}),
                            make(5, op_kind::insert, "location", 0, {}),
                            make(6, op_kind::insert, "entry", 4, {up("in", "location", 0)})});
  std::map<std::string, bool> visible;
  for (const auto& [k, raw] : s.owned_rows)
    visible[k] = read_brief(raw)->visible;
  const auto seen = [&](std::string_view model, uint64_t n) {
    std::string name(1, static_cast<char>(model.size()));
    name += model;
    name += owned_id(0, n).view();
    name += device_of(0).view();
    return visible.at(name);
  };
  BOOST_TEST(seen("location", 0));
  BOOST_TEST(!seen("entry", 2));
  BOOST_TEST(!seen("entry", 3));
  BOOST_TEST(seen("entry", 4));
}

BOOST_AUTO_TEST_CASE(a_shared_delete_takes_what_others_hung_below_it_whatever_comes_first) {
  const auto make = [](size_t writer, uint64_t at, op_kind kind, std::string model, uint64_t n,
                       std::vector<field_op> f) {
    auto w = write(writer, at, kind, std::move(f));
    w.what.model = std::move(model);
    w.what.id = tag_id(n);
    return w;
  };
  const auto of_book = [](uint64_t n) {
    auto f = plain("book", encoded(tag_id(n)));
    f.kind = field_kind::parent;
    f.parent_model = "book";
    return f;
  };
  const auto s = one_state({make(0, 1, op_kind::insert, "book", 1, {}),
                            make(1, 2, op_kind::insert, "book", 2, {}),
                            make(1, 3, op_kind::insert, "review", 3, {of_book(1)}),
                            make(0, 4, op_kind::remove, "book", 1, {}),
                            make(2, 5, op_kind::insert, "review", 4, {of_book(1)}), // unaware
                            make(2, 6, op_kind::update, "review", 3, {of_book(2)})});
  const auto seen = [&](std::string_view model, uint64_t n) {
    std::string name(1, static_cast<char>(model.size()));
    name += model;
    name += tag_id(n).view();
    return decode_row(s.shared_rows.at(name))->visible;
  };
  BOOST_TEST(!seen("book", 1));
  BOOST_TEST(seen("book", 2));
  BOOST_TEST(seen("review", 3)); // was moved away in time
  BOOST_TEST(!seen("review", 4));
}

BOOST_AUTO_TEST_SUITE_END()
