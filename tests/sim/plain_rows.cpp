// Plain inserts take a short way into the store. It leaves there what the general way leaves, byte
// for byte: the same ops come to a second replica with an item more, which nobody reads and which
// keeps them from being plain.

#include "lone_replica.hpp"
#include "messages/range_walk.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace shoal;
using namespace shoal::sim;

namespace {

constexpr uint64_t wall = 1'700'000'000'000;

field_op single(std::string name, std::string value, std::string parent_model = {}) {
  field_op f;
  f.name = std::move(name);
  f.kind = parent_model.empty() ? field_kind::lww : field_kind::parent;
  f.value = std::move(value);
  f.parent_model = std::move(parent_model);
  return f;
}

std::string encoded_id(const record_id& id) {
  std::string out;
  writer w(out);
  w.bin(id.view());
  return out;
}

/// An item more at the end of the op's array of nine.
std::string longer(std::string op_bytes) {
  if (op_bytes[0] == '\x99') {
    op_bytes[0] = '\x9a';
    op_bytes += '\xc0';
  }
  return op_bytes;
}

record_id id_of(uint64_t n) {
  record_id id;
  id.bytes[15] = static_cast<uint8_t>(n);
  id.bytes[0] = 1;
  return id;
}

/// Mostly inserts of records that are not there; some of them wait for their parents, others come
/// twice, are changed or die.
op any_op(std::mt19937_64& random, record_class cls, uint64_t seq) {
  const auto upto = [&](uint64_t most) { return random() % (most + 1); };
  op o;
  o.seq = seq;
  o.cls = cls;
  o.stamp = {wall + seq, static_cast<uint32_t>(upto(2)), device_of(1)};
  o.model = cls == record_class::owned ? "file" : "note";
  o.id = id_of(upto(60));
  const auto kind = upto(9);
  o.kind = kind == 0 ? op_kind::remove : kind == 1 ? op_kind::update : op_kind::insert;
  if (o.kind == op_kind::remove)
    return o;
  std::string text;
  writer(text).str("text " + std::to_string(upto(1000)));
  if (upto(2) > 0)
    o.fields.push_back(single("a", upto(20) == 0 ? "\xc0" : text));
  if (upto(2) > 0)
    o.fields.push_back(single("in", encoded_id(id_of(upto(60))), o.model));
  o.fields.push_back(single("z", text));
  return o;
}

/// The same plain insert in other bytes, as another program may write it: items longer than they
/// need be, numbers of the same length that could be below 0, and what fields say of the value
/// before. Another op stays as it is.
std::string in_other_bytes(std::string op_bytes, std::mt19937_64& random) {
  plain_op o;
  if (!read_plain_insert(op_bytes, device_of(1), o) || random() % 2 == 0)
    return op_bytes;
  std::string out;
  writer w(out);
  const auto long_str = [&](std::string_view text) {
    if (random() % 8 != 0)
      return w.str(text);
    out += '\xd9';
    out += static_cast<char>(text.size());
    out += text;
  };
  const auto long_uint = [&](uint64_t n) {
    if (random() % 8 != 0 || n > UINT8_MAX)
      return w.uint(n);
    out += '\xcc';
    out += static_cast<char>(n);
  };
  const auto signed_uint = [&](uint64_t n) {
    if (random() % 8 != 0 || n <= UINT32_MAX || n > INT64_MAX)
      return w.uint(n);
    const auto at = out.size();
    w.uint(n);
    out[at] = '\xd3';
  };
  w.array(9);
  w.uint(o.seq), long_uint(o.batch_rest);
  signed_uint(o.stamp.wall_ms), long_uint(o.stamp.counter);
  w.uint(static_cast<uint64_t>(o.cls)), long_uint(static_cast<uint64_t>(op_kind::insert));
  long_str(o.model), w.bin(o.id.view());
  w.array(o.fields.size());
  for (const auto& f : o.fields) {
    const bool parent = f.kind == field_kind::parent;
    w.array(parent ? 5 : 4);
    long_str(f.name), long_uint(static_cast<uint64_t>(f.kind)), w.raw(f.value);
    if (const auto prev = random() % 8; prev > 1) {
      prev % 2 == 0 ? w.nil() : w.boolean(false);
    } else {
      w.array(3);
      w.uint(wall), w.uint(0), w.bin(device_of(1).view());
    }
    if (parent)
      long_str(f.parent_model);
  }
  return out;
}

/// All keys and values, but for the ops themselves, which are an item longer in one of the stores.
std::string contents(const kv_view& store) {
  std::string out;
  for (size_t f = 0; f < family_count; ++f) {
    if (static_cast<family>(f) == family::log)
      continue;
    const auto c = store.cursor(static_cast<family>(f));
    for (c->seek(""); c->valid(); c->next())
      out.append(to_string(static_cast<family>(f)))
          .append(" ")
          .append(c->key())
          .append(" = ")
          .append(c->value())
          .append("\n");
  }
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(plain_rows)

BOOST_AUTO_TEST_CASE(the_short_way_leaves_the_bytes_that_the_general_way_leaves) {
  size_t plain = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed)
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937_64 random(seed);
      // Every second one knows from some time on which records are not there.
      lone_replica by_short(
          2, {.fresh_epoch = 7, .names_known_after = seed % 4 < 2 ? seed % 50 : SIZE_MAX});
      lone_replica by_general(2);
      const auto cls = seed % 2 == 0 ? record_class::owned : record_class::shared;
      const stream_id stream{device_of(1), 5};
      for (uint64_t seq = 0; seq < 100;) {
        range r;
        r.stream = stream;
        r.from = seq;
        range other = r;
        for (uint64_t n = 1 + random() % 12; n > 0; --n) {
          const auto bytes = in_other_bytes(encode_op(any_op(random, cls, ++seq)), random);
          r.ops += bytes;
          other.ops += longer(bytes);
        }
        r.to = other.to = seq;
        r.count = other.count = static_cast<uint32_t>(seq - r.from);
        for (range_walk walk(r); *walk.next();)
          plain += walk.plain() != nullptr;
        for (range_walk walk(other); *walk.next();)
          BOOST_REQUIRE(walk.plain() == nullptr);
        const auto a = by_short.in_group([&](kv_transaction& txn) {
          return by_short.data->apply(txn, {&r, 1}, wall);
        });
        const auto b = by_general.in_group([&](kv_transaction& txn) {
          return by_general.data->apply(txn, {&other, 1}, wall);
        });
        BOOST_REQUIRE(a.ok());
        BOOST_REQUIRE(b.ok());
      }
      BOOST_REQUIRE(contents(by_short.disk) == contents(by_general.disk));
      BOOST_REQUIRE(by_short.data->summary().digest == by_general.data->summary().digest);
      BOOST_REQUIRE(by_short.data->summary().records == by_general.data->summary().records);
    }
  BOOST_TEST(plain > 10'000U);
}

BOOST_AUTO_TEST_CASE(a_new_record_is_committed_as_the_op_that_says_all_of_it) {
  const auto set = [](std::string name, std::string value, std::string parent_model = {}) {
    field_edit f;
    f.name = std::move(name);
    f.kind = parent_model.empty() ? field_kind::lww : field_kind::parent;
    f.value = std::move(value);
    f.parent_model = std::move(parent_model);
    return f;
  };
  const auto id_of_any = [](record_class cls, uint64_t n) {
    edit e;
    e.cls = cls;
    e.model = "thing";
    e.id = id_of(n);
    return e;
  };
  for (const auto cls : {record_class::owned, record_class::shared}) {
    lone_replica node(1);
    lone_replica peer(2);
    auto first = id_of_any(cls, 1);
    auto second = id_of_any(cls, 2);
    second.fields = {set("z", "\xc0"), set("in", encoded_id(id_of(1)), "thing"), set("b", "\x07"),
                     set("a", "\xc3")};
    auto with_more = id_of_any(cls, 3); // no plain one
    with_more.fields = {set("up", "\xc0", "thing"), set("c", "\x07")};
    const std::vector<edit> edits{first, second, with_more};
    const auto made = node.in_group(
        [&](kv_transaction& txn) { return node.data->commit(txn, edits, wall, std::nullopt); });
    BOOST_REQUIRE(made.ok());

    op told;
    told.cls = cls;
    told.kind = op_kind::insert;
    told.model = "thing";
    std::string all;
    const std::vector<std::vector<field_op>> fields{
        {},
        {single("a", "\xc3"), single("b", "\x07"), single("in", encoded_id(id_of(1)), "thing")},
        {single("c", "\x07"), single("up", "\xc0", "thing")}};
    BOOST_REQUIRE(made->results.size() == 3U);
    for (size_t i = 0; i < 3; ++i) {
      const auto& result = made->results[i];
      BOOST_TEST(result.seq == i + 1);
      BOOST_TEST((result.id == edits[i].id));
      BOOST_TEST(result.model == "thing");
      told.seq = result.seq;
      told.stamp = result.stamp;
      told.batch_rest = static_cast<uint32_t>(2 - i);
      told.id = result.id;
      told.fields = fields[i];
      all += encode_op(told);
    }
    BOOST_TEST((made->covered.ops == all));
    BOOST_TEST((made->any_owned == (cls == record_class::owned)));
    BOOST_TEST((made->any_shared == (cls == record_class::shared)));

    auto orphan = id_of_any(cls, 4);
    orphan.fields = {set("in", encoded_id(id_of(9)), "thing")};
    const std::vector<edit> refused{id_of_any(cls, 5), orphan};
    const auto none = node.in_group(
        [&](kv_transaction& txn) { return node.data->commit(txn, refused, wall, std::nullopt); });
    BOOST_REQUIRE(!none.ok());
    BOOST_TEST((none.err().code == ec::missing_parent));

    const auto taken = peer.in_group([&](kv_transaction& txn) {
      return peer.data->apply(txn, {&made->covered, 1}, wall);
    });
    BOOST_REQUIRE(taken.ok());
    BOOST_TEST((node.data->summary().digest == peer.data->summary().digest));
    BOOST_TEST((node.data->summary().records == peer.data->summary().records));
  }
}

BOOST_AUTO_TEST_CASE(a_row_says_the_op_that_made_it_as_the_general_way_says_it) {
  std::mt19937_64 random(7);
  size_t plain = 0;
  for (uint64_t seq = 1; seq <= 2000; ++seq) {
    const auto o = any_op(random, record_class::owned, seq);
    const version v{o.stamp, 5, o.seq};
    row r;
    merge(r, o, v);
    if (seq % 3 == 0) { // and something later
      const auto later = any_op(random, record_class::owned, seq + 1);
      merge(r, later, {later.stamp, 5, later.seq});
    }
    const dot at{device_of(1), 5, seq};
    const auto bytes = encode_row(r);
    auto general = extract(r, at, o.cls, o.model, o.id);
    general.batch_rest = 3;
    const auto said = plain_op_in(bytes, at, 3, o.cls, o.model, o.id);
    plain += said.has_value();
    if (said)
      BOOST_REQUIRE(*said == encode_op(general));
    else
      BOOST_REQUIRE(r.removed || standing(r) != std::vector<dot>{at} || !r.insert);
  }
  BOOST_TEST(plain > 800U);
}

BOOST_AUTO_TEST_SUITE_END()
