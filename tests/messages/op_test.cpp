#include "bytes.hpp"
#include "generator.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::tests;

namespace {

const device_id origin = id_of<device_id>(0xaa);

/// An op with one field of every kind.
op sample() {
  op o;
  o.seq = 300;
  o.batch_rest = 2;
  o.stamp = {1000, 5, origin};
  o.cls = record_class::shared;
  o.kind = op_kind::update;
  o.model = "tag";
  o.id = id_of<record_id>(0x11);
  field_op a;
  a.name = "a";
  a.value = hex("a178");
  field_op b;
  b.name = "b";
  b.kind = field_kind::set;
  b.elements = {{hex("07"), true, {{origin, 1, 2}}}};
  field_op c;
  c.name = "c";
  c.kind = field_kind::counter;
  c.added = 9;
  c.subtracted = 4;
  field_op d;
  d.name = "d";
  d.kind = field_kind::map;
  d.keys = {{"k", hex("c0"), {previous::state::unknown, {}}}};
  field_op e;
  e.name = "e";
  e.kind = field_kind::parent;
  e.value = hex("c0");
  e.prev = {previous::state::stamp, {8, 1, origin}};
  e.parent_model = "p";
  o.fields = {a, b, c, d, e};
  return o;
}

const auto read_one = [](reader& in) { read_op(in, origin); };

std::string fault_after(void (*change)(op&)) {
  auto o = sample();
  change(o);
  return fault_of(encode_op(o), read_one);
}

/// A range over ops with the given seqs.
range range_of(std::initializer_list<uint64_t> seqs, uint64_t from, uint64_t to) {
  range r;
  r.stream = {origin, 1};
  r.from = from;
  r.to = to;
  for (auto seq : seqs) {
    auto o = sample();
    o.seq = seq;
    r.ops += encode_op(o);
    ++r.count;
  }
  return r;
}

} // namespace

BOOST_AUTO_TEST_SUITE(ops)

BOOST_AUTO_TEST_CASE(the_wire_form_is_golden) {
  const std::string device = "c410aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
  BOOST_TEST(
      to_hex(encode_op(sample()))
      == "99cd012c02cd03e8050101a3746167c41011111111111111111111111111111111" // up to the record id
         "95"
         "94a16100a178c0" // lww: nothing stood before
         "93a162019193"
         "07"
         "c391"
         "93" + device
             + "0102"                 // set: adds 7, removes one dot
             + "94a163020904"         // counter
               "93a164039193a16bc0c2" // map: clears k, prev not known
               "95a16504c0930801"
             + device + "a170"); // parent
}

BOOST_AUTO_TEST_CASE(every_op_survives_its_wire_form) {
  generator g(test_seed());
  for (int i = 0; i < 3000; ++i) {
    const auto o = g.make_op();
    const auto raw = encode_op(o);
    reader in(raw);
    const auto back = read_op(in, o.stamp.device);
    in.finish("op");
    BOOST_REQUIRE_MESSAGE(!in.failed(), in.err().message);
    BOOST_REQUIRE(back == o);
    BOOST_REQUIRE(encode_op(back) == raw);
  }
}

BOOST_AUTO_TEST_CASE(an_op_cut_at_any_byte_is_refused) {
  generator g(test_seed());
  for (int i = 0; i < 60; ++i) {
    const auto raw = i == 0 ? encode_op(sample()) : encode_op(g.make_op());
    for (size_t size = 0; size < raw.size(); ++size)
      BOOST_REQUIRE(fault_of(std::string_view(raw).substr(0, size), read_one) == "truncated");
    BOOST_REQUIRE(fault_of(raw + '\0', read_one) == "trailing_bytes");
  }
}

BOOST_AUTO_TEST_CASE(an_op_with_a_byte_changed_is_refused_or_read_as_what_it_says) {
  generator g(test_seed());
  for (int i = 0; i < 3000; ++i) {
    auto raw = encode_op(g.make_op());
    for (auto n = g.upto(3) + 1; n > 0; --n)
      raw[g.upto(raw.size() - 1)] = static_cast<char>(g.upto(255));
    reader in(raw);
    const auto o = read_op(in, origin);
    if (in.failed())
      continue;
    const auto again = encode_op(o);
    reader in_again(again);
    BOOST_REQUIRE(read_op(in_again, origin) == o);
    BOOST_REQUIRE(!in_again.failed());
  }
}

BOOST_AUTO_TEST_CASE(numbers_outside_their_enumeration_are_too_large) {
  BOOST_TEST(fault_after([](op& o) { o.cls = static_cast<record_class>(2); }) == "too_large");
  BOOST_TEST(fault_after([](op& o) { o.kind = static_cast<op_kind>(3); }) == "too_large");
  auto raw = encode_op(sample());
  const auto at = raw.find(hex("94a16100")) + 3;
  raw[at] = 5;
  BOOST_TEST(fault_of(raw, read_one) == "too_large");
}

BOOST_AUTO_TEST_CASE(seq_zero_is_no_seq) {
  BOOST_TEST(fault_after([](op& o) { o.seq = 0; }) == "bad_value");
}

BOOST_AUTO_TEST_CASE(a_counter_of_a_stamp_has_32_bits) {
  auto raw = encode_op(sample());
  raw.replace(raw.find(hex("cd03e805")) + 3, 1, hex("cf0000000100000000"));
  BOOST_TEST(fault_of(raw, read_one) == "too_large");
  raw = encode_op(sample());
  raw.replace(raw.find(hex("930801")) + 2, 1, hex("cf0000000100000000"));
  BOOST_TEST(fault_of(raw, read_one) == "too_large");
}

BOOST_AUTO_TEST_CASE(the_fields_of_an_op_strictly_ascend_by_name) {
  BOOST_TEST(fault_after([](op& o) { o.fields[1].name = "a"; }) == "duplicate_key");
  BOOST_TEST(fault_after([](op& o) { std::swap(o.fields[0], o.fields[1]); }) == "duplicate_key");
}

BOOST_AUTO_TEST_CASE(a_value_that_no_field_can_have_is_refused) {
  BOOST_TEST(fault_after([](op& o) { o.fields[0].value = hex("cb7ff8000000000000"); })
             == "not_a_number");
  BOOST_TEST(fault_after([](op& o) { o.fields[0].value = hex("d40000"); }) == "wrong_type");
  BOOST_TEST(fault_after([](op& o) { o.fields[0].value = hex("a1ff"); }) == "bad_utf8");
  BOOST_TEST(fault_after([](op& o) { o.fields[1].elements[0].element = hex("c400"); })
             == "bad_value");
  BOOST_TEST(fault_after([](op& o) { o.fields[3].keys[0].value = hex("82a16101a16101"); })
             == "duplicate_key");
  BOOST_TEST(fault_after([](op& o) { o.fields[3].keys[0].key = "\xff"; }) == "bad_utf8");
}

BOOST_AUTO_TEST_CASE(prev_is_nil_false_or_a_stamp) {
  const auto with_prev = [](std::string_view digits) {
    auto raw = encode_op(sample());
    const auto at = raw.find(hex("94a16100a178c0")) + 6;
    raw.replace(at, 1, hex(digits));
    return raw;
  };
  BOOST_TEST(fault_of(with_prev("c0"), read_one) == "none");
  BOOST_TEST(fault_of(with_prev("c2"), read_one) == "none");
  BOOST_TEST(fault_of(with_prev("c3"), read_one) == "wrong_type");
  BOOST_TEST(fault_of(with_prev("00"), read_one) == "wrong_type");
  BOOST_TEST(fault_of(with_prev("920801"), read_one) == "bad_value");
  BOOST_TEST(fault_of(with_prev("930801c0"), read_one) == "wrong_type");
}

BOOST_AUTO_TEST_CASE(further_items_of_ops_and_fields_are_skipped) {
  auto raw = encode_op(sample());
  raw[0] = '\x9a';
  raw += hex("81a1789301c0d40000");
  raw.replace(raw.find(hex("94a16100")), 1, hex("95"));
  const auto at = raw.find(hex("a178c093a162"));
  BOOST_REQUIRE(at != std::string::npos);
  raw.insert(at + 3, hex("92c2ff"));
  reader in(raw);
  const auto o = read_op(in, origin);
  in.finish("op");
  BOOST_REQUIRE_MESSAGE(!in.failed(), in.err().message);
  BOOST_TEST((o == sample()));
}

BOOST_AUTO_TEST_CASE(too_few_items_are_a_fault) {
  auto raw = encode_op(sample());
  raw[0] = '\x98';
  BOOST_TEST(fault_of(raw, read_one) == "bad_value");
  raw = encode_op(sample());
  raw[raw.find(hex("94a16302"))] = '\x93'; // a counter without its second total
  BOOST_TEST(fault_of(raw, read_one) == "bad_value");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(ranges)

BOOST_AUTO_TEST_CASE(the_ops_of_a_range_come_out_with_the_bytes_they_came_in) {
  const auto r = range_of({11, 14, 20}, 10, 20);
  const auto ops = decode_ops(r);
  BOOST_REQUIRE(ops.ok());
  BOOST_REQUIRE(ops->size() == 3U);
  std::string joined;
  for (const auto& o : *ops) {
    BOOST_TEST((o.decoded.stamp.device == origin));
    BOOST_TEST((encode_op(o.decoded) == o.bytes));
    joined += o.bytes;
  }
  BOOST_TEST((joined == r.ops));
  BOOST_TEST((*ops)[1].decoded.seq == 14U);
}

BOOST_AUTO_TEST_CASE(a_range_of_no_ops_is_a_hole) {
  const auto ops = decode_ops(range_of({}, 10, 20));
  BOOST_REQUIRE(ops.ok());
  BOOST_TEST(ops->empty());
}

BOOST_AUTO_TEST_CASE(seqs_ascend_inside_the_range) {
  BOOST_TEST(fault_of(decode_ops(range_of({11, 12}, 10, 12))) == "none");
  BOOST_TEST(fault_of(decode_ops(range_of({10}, 10, 12))) == "bad_value");
  BOOST_TEST(fault_of(decode_ops(range_of({13}, 10, 12))) == "bad_value");
  BOOST_TEST(fault_of(decode_ops(range_of({12, 11}, 10, 12))) == "bad_value");
  BOOST_TEST(fault_of(decode_ops(range_of({11, 11}, 10, 12))) == "bad_value");
}

BOOST_AUTO_TEST_CASE(the_count_is_what_is_there) {
  auto r = range_of({11, 12}, 10, 12);
  r.count = 1;
  BOOST_TEST(fault_of(decode_ops(r)) == "bad_value");
  r.count = 3;
  BOOST_TEST(fault_of(decode_ops(r)) == "bad_value");
  r.count = UINT32_MAX; // must not be believed before the ops were read
  BOOST_TEST(fault_of(decode_ops(r)) == "bad_value");
}

BOOST_AUTO_TEST_CASE(an_op_that_only_a_later_version_reads_does_not_fail_the_others) {
  auto r = range_of({11, 12, 13}, 10, 20);
  const auto good = encode_op((*decode_ops(r))[1].decoded);
  std::string deep(200, '\x91'); // nested beyond any limit, NaN inside
  deep += hex("cb7ff8000000000000");
  const auto strange = hex("930c") + "\xa1?" + deep; // seq 12, then what nobody knows
  r.ops.replace(r.ops.find(good), good.size(), strange);
  const auto ops = frame_ops(r);
  BOOST_REQUIRE_MESSAGE(ops.ok(), (ops.ok() ? "" : ops.err().message));
  BOOST_REQUIRE(ops->size() == 3U);
  BOOST_TEST(!(*ops)[0].fault.has_value());
  BOOST_TEST((*ops)[1].fault.has_value());
  BOOST_TEST((*ops)[1].decoded.seq == 12U);
  BOOST_TEST(((*ops)[1].bytes == strange));
  BOOST_TEST(!(*ops)[2].fault.has_value());
  BOOST_TEST(!decode_ops(r).ok());
}

BOOST_AUTO_TEST_CASE(what_is_no_item_with_a_seq_is_no_op) {
  for (const char* bytes : {"c1", "90", "91a178", "9100", "92cf", "dd7fffffff0b", "0b"}) {
    auto r = range_of({11}, 10, 20);
    r.ops = hex(bytes);
    BOOST_TEST(!frame_ops(r).ok(), bytes);
  }
}

BOOST_AUTO_TEST_CASE(a_delete_may_say_what_its_author_had_seen) {
  auto o = sample();
  o.kind = op_kind::remove;
  o.fields.clear();
  const auto without = encode_op(o);
  o.seen = {previous::state::stamp, {1234, 5, origin}};
  const auto with = encode_op(o);
  BOOST_TEST(with.size() > without.size());
  for (const auto& [raw, known] :
       {std::pair{without, previous::state::unknown}, {with, previous::state::stamp}}) {
    reader in(raw);
    const auto back = read_op(in, origin);
    in.finish("op");
    BOOST_REQUIRE(!in.failed());
    BOOST_TEST((back.seen.known == known));
    BOOST_TEST((encode_op(back) == raw));
  }
}

BOOST_AUTO_TEST_CASE(a_fault_in_any_op_is_the_fault_of_the_range) {
  auto r = range_of({11, 12}, 10, 12);
  r.ops.pop_back();
  BOOST_TEST(fault_of(decode_ops(r)) == "truncated");
  r = range_of({11, 12}, 10, 12);
  r.ops[0] = '\xc1';
  BOOST_TEST(fault_of(decode_ops(r)) == "wrong_type");
}

BOOST_AUTO_TEST_SUITE_END()
