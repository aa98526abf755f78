// Every bound of messages/wire_limits.hpp that decoding holds: at the bound it is taken, one beyond
// it refused.

#include "bytes.hpp"
#include "generator.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>

using namespace shoal;
using namespace shoal::tests;

namespace {

const device_id origin = id_of<device_id>(0xaa);

std::string fault(const op& o) {
  return fault_of(encode_op(o), [](reader& in) { read_op(in, origin); });
}

std::string fault(message m) {
  const auto frame = encode_frame({id_of<library_id>(1), origin, 1, std::move(m)});
  return fault_of(decode_envelope(std::string_view(*frame).substr(4)));
}

op empty_op() {
  op o;
  o.seq = 1;
  o.stamp.device = origin;
  o.model = "m";
  o.id = id_of<record_id>(1);
  return o;
}

field_op nil_field(std::string name) {
  field_op f;
  f.name = std::move(name);
  f.value = "\xc0";
  return f;
}

/// Names in ascending order.
std::string nth_name(size_t n) {
  std::string out = std::to_string(n);
  return std::string(8 - out.size(), '0') + out;
}

frontier streams(size_t n) {
  frontier f;
  for (size_t i = 0; i < n; ++i)
    f.emplace_hint(f.end(), stream_id{origin, i}, 1);
  return f;
}

member_set members(size_t n) {
  member_set set;
  for (size_t i = 0; i < n; ++i) {
    device_id d;
    d.bytes[0] = static_cast<uint8_t>(i >> 8);
    d.bytes[1] = static_cast<uint8_t>(i);
    set.emplace_hint(set.end(), d, member{1, false, false, 0, "10.0.0.1:7420", "alice"});
  }
  return set;
}

/// `n` elements that take four bytes each.
field_op small_set(std::string name, size_t n) {
  field_op f;
  f.name = std::move(name);
  f.kind = field_kind::set;
  f.elements.resize(n, {"\x01", true, {}});
  return f;
}

field_op small_map(std::string name, size_t n) {
  field_op f;
  f.name = std::move(name);
  f.kind = field_kind::map;
  f.keys.resize(n, {"k", "\xc0", {}});
  return f;
}

} // namespace

BOOST_AUTO_TEST_SUITE(limits_of_the_wire)

BOOST_AUTO_TEST_CASE(an_op_has_op_bytes) {
  auto o = empty_op();
  o.fields = {nil_field("f")};
  const auto pad = [&](size_t size) {
    std::string value;
    writer w(value);
    w.str(std::string(size, 'x'));
    o.fields[0].value = value;
    return encode_op(o).size();
  };
  const size_t overhead = pad(100'000) - 100'000;
  range r;
  r.to = o.seq;
  r.count = 1;
  BOOST_REQUIRE(pad(wire_limits::op_bytes - overhead) == wire_limits::op_bytes);
  BOOST_TEST(fault(o) == "none");
  r.ops = encode_op(o);
  BOOST_TEST(frame_ops(r).ok());
  BOOST_REQUIRE(pad(wire_limits::op_bytes - overhead + 1) == wire_limits::op_bytes + 1);
  BOOST_TEST(fault(o) == "too_large");
  // Not one that a later version may read: the range is refused, not kept as a dead letter.
  r.ops = encode_op(o);
  const auto framed = frame_ops(r);
  BOOST_REQUIRE(!framed.ok());
  BOOST_TEST((framed.err().code == ec::too_large));
}

BOOST_AUTO_TEST_CASE(an_atomic_batch_has_batch_ops) {
  auto o = empty_op();
  o.batch_rest = wire_limits::batch_ops;
  BOOST_TEST(fault(o) == "none");
  o.batch_rest = wire_limits::batch_ops + 1;
  BOOST_TEST(fault(o) == "too_large");
}

BOOST_AUTO_TEST_CASE(names_have_name_bytes) {
  const std::string longest(wire_limits::name_bytes, 'n');
  auto o = empty_op();
  o.model = longest;
  o.fields = {nil_field(longest)};
  o.fields[0].kind = field_kind::parent;
  o.fields[0].parent_model = longest;
  BOOST_TEST(fault(o) == "none");
  auto bad = o;
  bad.model += 'n';
  BOOST_TEST(fault(bad) == "too_large");
  bad = o;
  bad.fields[0].name += 'n';
  BOOST_TEST(fault(bad) == "too_large");
  bad = o;
  bad.fields[0].parent_model += 'n';
  BOOST_TEST(fault(bad) == "too_large");
}

BOOST_AUTO_TEST_CASE(an_op_has_fields) {
  auto o = empty_op();
  for (size_t i = 0; i < wire_limits::fields; ++i)
    o.fields.push_back(nil_field(nth_name(i)));
  BOOST_TEST(fault(o) == "none");
  o.fields.push_back(nil_field(nth_name(wire_limits::fields)));
  BOOST_TEST(fault(o) == "too_large");
}

BOOST_AUTO_TEST_CASE(an_op_has_elements_and_keys_in_one_field_or_in_several) {
  auto o = empty_op();
  o.fields = {small_set("a", wire_limits::elements)};
  BOOST_TEST(fault(o) == "none");
  o.fields = {small_set("a", wire_limits::elements + 1)};
  BOOST_TEST(fault(o) == "too_large");
  o.fields = {small_map("a", wire_limits::elements)};
  BOOST_TEST(fault(o) == "none");
  o.fields = {small_map("a", wire_limits::elements + 1)};
  BOOST_TEST(fault(o) == "too_large");
  o.fields = {small_set("a", wire_limits::elements / 2), small_map("b", wire_limits::elements / 2)};
  BOOST_TEST(fault(o) == "none");
  o.fields = {small_set("a", wire_limits::elements / 2),
              small_map("b", wire_limits::elements / 2 + 1)};
  BOOST_TEST(fault(o) == "too_large");
}

BOOST_AUTO_TEST_CASE(a_frontier_has_streams) {
  const auto fault_with = [](size_t n) {
    std::string raw;
    writer w(raw);
    encode(w, streams(n));
    return fault_of(raw, [](reader& in) { read_frontier(in); });
  };
  BOOST_TEST(fault_with(wire_limits::streams) == "none");
  BOOST_TEST(fault_with(wire_limits::streams + 1) == "too_large");
}

BOOST_AUTO_TEST_CASE(a_request_has_streams) {
  state_request m;
  m.origin = origin;
  for (size_t i = 0; i < wire_limits::streams; ++i)
    m.from.emplace_hint(m.from.end(), (uint64_t{1} << 40) + i, 1000);
  BOOST_TEST(fault(m) == "none");
  m.from[1] = 1000;
  BOOST_TEST(fault(m) == "too_large");
}

BOOST_AUTO_TEST_CASE(a_member_set_and_an_exchange_have_members) {
  hello m;
  m.members = members(wire_limits::members);
  BOOST_TEST(fault(m) == "none");
  m.members = members(wire_limits::members + 1);
  BOOST_TEST(fault(m) == "too_large");
  watermark_exchange x;
  statement said;
  said.public_key.assign(44, 'k');
  said.signature.assign(64, 's');
  x.statements.assign(wire_limits::members, said);
  BOOST_TEST(fault(x) == "none");
  x.statements.push_back(said);
  BOOST_TEST(fault(x) == "too_large");
}

// tests/fuzz/envelope.cpp measures what the charges add up to.
BOOST_AUTO_TEST_CASE(entries_that_say_next_to_nothing_may_not_cost_many_times_their_bytes) {
  hello m;
  m.members = members(wire_limits::members);
  for (auto& [device, entry] : m.members)
    entry.address = entry.name = "";
  BOOST_TEST(fault(m) == "too_large");
  m.members.erase(std::next(m.members.begin(), 1500), m.members.end());
  BOOST_TEST(fault(m) == "none");
  watermark_exchange x;
  x.statements.resize(wire_limits::members); // unsigned, about nothing
  BOOST_TEST(fault(x) == "too_large");
  state_request r;
  r.origin = origin;
  for (uint64_t epoch = 0; epoch < wire_limits::streams; ++epoch)
    r.from[epoch] = 1;
  BOOST_TEST(fault(r) == "too_large");
  link_ack a;
  a.held = streams(wire_limits::streams);
  BOOST_TEST(fault(a) == "none");
}

BOOST_AUTO_TEST_CASE(texts_have_text_bytes) {
  const std::string longest(wire_limits::text_bytes, 't');
  const auto beyond = longest + 't';
  hello h;
  h.name = longest;
  h.members[origin].address = longest;
  h.members[origin].name = longest;
  BOOST_TEST(fault(h) == "none");
  auto bad = h;
  bad.name = beyond;
  BOOST_TEST(fault(bad) == "too_large");
  bad = h;
  bad.members[origin].address = beyond;
  BOOST_TEST(fault(bad) == "too_large");
  bad = h;
  bad.members[origin].name = beyond;
  BOOST_TEST(fault(bad) == "too_large");
  BOOST_TEST(fault(goodbye{longest}) == "none");
  BOOST_TEST(fault(goodbye{beyond}) == "too_large");
  BOOST_TEST(fault(error_message{longest, longest}) == "none");
  BOOST_TEST(fault(error_message{beyond, ""}) == "too_large");
  BOOST_TEST(fault(error_message{"", beyond}) == "too_large");
}

BOOST_AUTO_TEST_CASE(a_range_has_range_ops_and_fits_a_frame) {
  range r{{origin, 1}, 0,     100'000, {},    true, false, {}, wire_limits::range_ops,
          0,           false, 0,       false, {}};
  BOOST_TEST(fault(range_message{message_kind::state_batch, r}) == "none");
  r.count = wire_limits::range_ops + 1;
  BOOST_TEST(fault(range_message{message_kind::state_batch, r}) == "too_large");
  r.count = 0;
  r.ops.assign(wire_limits::frame_bytes, 'x');
  BOOST_TEST(fault(range_message{message_kind::state_batch, r}) == "none");
  r.ops += 'x';
  BOOST_TEST(fault(range_message{message_kind::state_batch, r}) == "too_large");
}

BOOST_AUTO_TEST_CASE(keys_and_signatures_of_a_statement_are_short) {
  statement s;
  s.public_key.assign(256, 'k');
  s.signature.assign(256, 's');
  BOOST_TEST(fault(s) == "none");
  auto bad = s;
  bad.public_key += 'k';
  BOOST_TEST(fault(bad) == "too_large");
  bad = s;
  bad.signature += 's';
  BOOST_TEST(fault(bad) == "too_large");
}

BOOST_AUTO_TEST_CASE(a_digest_has_16_bytes_or_none) {
  heartbeat h;
  BOOST_TEST(fault(h) == "none");
  h.digest.assign(16, 'd');
  BOOST_TEST(fault(h) == "none");
  h.digest.assign(15, 'd');
  BOOST_TEST(fault(h) == "bad_value");
  h.digest.assign(17, 'd');
  BOOST_TEST(fault(h) == "too_large");
}

BOOST_AUTO_TEST_SUITE_END()
