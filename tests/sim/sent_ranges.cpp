// One replicator, message by message: what ranges go out, in which parts, and how they are packed.

#include "tests/sim/linked_node.hpp"

#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::protocol;
using shoal::sim::all_of;
using shoal::sim::far;
using shoal::sim::linked_node;
using shoal::sim::peer;
using shoal::sim::self;
using shoal::sim::sent;

BOOST_AUTO_TEST_SUITE(sent_ranges)

// Commits of what others push to all of a mesh are nothing that goes out.
BOOST_DATA_TEST_CASE(what_is_not_linked_is_relayed_while_somebody_follows_it,
                     boost::unit_test::data::make({false, true}), followed_first) {
  linked_node node;
  const stream_id stream{far, 3};
  uint64_t seq = 0;
  const auto relayed = [&] {
    op o;
    o.model = "tag";
    o.stamp.device = far;
    o.seq = ++seq;
    apply_result a;
    a.peer = far; // whose link has gone since
    a.stream = stream;
    a.to = seq;
    a.what = outcome::applied;
    a.relay = range{};
    a.relay->stream = stream;
    a.relay->from = seq - 1;
    a.relay->to = seq;
    a.relay->count = 1;
    a.relay->ops = encode_op(o);
    stored got;
    got.held = {{stream, seq}};
    got.applied.push_back(std::move(a));
    return sent<range_message>(node.core.step(std::move(got), node.now)).size();
  };
  state_request ask;
  ask.origin = far;
  if (followed_first) {
    ask.follow = true;
    node.hear(ask);
    BOOST_TEST(relayed() == 1U); // the very first of its ops
  } else {
    BOOST_TEST(relayed() == 0U);
  }
  for (int round = 0; round < 3; ++round) {
    ask.follow = true;
    ask.stop = false;
    ask.from = {{stream.epoch, seq}};
    node.hear(ask);
    BOOST_TEST(relayed() == 1U);
    BOOST_TEST(relayed() == 1U);
    ask.follow = false;
    ask.stop = true;
    node.hear(ask);
    BOOST_TEST(relayed() == 0U);
    BOOST_TEST(relayed() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(own_ops_that_came_back_from_another_go_to_the_rest) {
  linked_node node;
  stored back; // as after a restore: the store has them, and they are not in the ring
  back.held = {{{self, 4}, 7}};
  const auto loads = all_of<load>(node.core.step(std::move(back), node.now));
  BOOST_REQUIRE(loads.size() == 1U);
  BOOST_TEST((loads[0].peer == peer && loads[0].from == 0U));
}

BOOST_AUTO_TEST_CASE(what_a_member_lacks_is_known_from_acks_and_from_statements) {
  const stream_id a{self, 2};
  const stream_id b{far, 1};
  linked_node node({{a, 5}, {b, 1}});
  BOOST_TEST((!node.core.lacks(peer, {{a, 5}, {b, 1}})));
  BOOST_TEST((!node.core.lacks(peer, {})));
  BOOST_TEST((node.core.lacks(peer, {{a, 6}, {b, 2}}) == a));
  BOOST_TEST((node.core.lacks(peer, {{a, 6}, {b, 2}}, b) == b)); // the one that is looked at first
  BOOST_TEST((node.core.lacks(peer, {{a, 5}, {b, 2}}, a) == b));
  BOOST_TEST((node.core.lacks(peer, {{a, 6}}, b) == a)); // which need not be among them
  BOOST_TEST((node.core.lacks(far, {{b, 1}}) == b));     // never heard of
  BOOST_TEST((node.core.lacks(self, {{a, 1}}) == a));
  stored got;
  got.held = {{a, 5}, {b, 2}};
  statement st;
  st.member = far;
  st.number = 1;
  st.held.open = {{b, 2}};
  got.statements.push_back(st);
  st.member = peer;
  st.held.open = {{b, 2}};
  got.statements.push_back(st);
  node.core.step(std::move(got), node.now);
  BOOST_TEST((!node.core.lacks(self, {{a, 5}, {b, 2}})));
  BOOST_TEST((!node.core.lacks(far, {{b, 2}})));
  BOOST_TEST((node.core.lacks(far, {{a, 1}, {b, 2}}) == a));
  BOOST_TEST((!node.core.lacks(peer, {{a, 5}, {b, 2}}))); // one by its Hello, one by its word
}

BOOST_AUTO_TEST_CASE(a_long_live_range_is_cut_into_parts_that_hold_all_its_ops) {
  linked_node node;
  op o;
  o.model = "tag";
  o.stamp.device = self;
  field_op f;
  f.name = "deep"; // as deep as a value may be, inside its op deeper than any value
  f.value = std::string(wire_limits::depth, '\x91') + '\x01';
  field_op bulk;
  bulk.name = "text";
  bulk.value = shoal::sim::encoded(std::string(1000, 'x'));
  o.fields = {f, bulk};
  range r;
  r.stream = {self, 5};
  for (o.seq = 1; o.seq <= 400; ++o.seq) {
    o.cls = o.seq <= 300 ? record_class::owned : record_class::shared;
    r.ops += encode_op(o);
    ++r.count;
  }
  r.to = r.count;
  stored made;
  made.held = {{r.stream, r.to}};
  made.local = {r};
  uint32_t count = 0;
  std::string ops;
  for (const auto& m : sent<range_message>(node.core.step(std::move(made), node.now))) {
    BOOST_TEST(m.body.ops.size() <= wire_limits::range_part_bytes);
    const auto in_it = decode_ops(m.body);
    BOOST_REQUIRE(in_it.ok());
    const bool owned = in_it->back().decoded.cls == record_class::owned;
    BOOST_TEST((m.kind == (owned ? message_kind::state_batch : message_kind::shared_change_batch)));
    count += m.body.count;
    ops += m.body.ops;
  }
  BOOST_TEST(count == r.count);
  BOOST_TEST((ops == r.ops));
}

BOOST_AUTO_TEST_CASE(ops_that_this_version_cannot_read_are_sent_on_whole) {
  for (const bool from_store : {false, true}) {
    linked_node node;
    op o;
    o.stamp.device = self;
    field_op bulk;
    bulk.name = "text";
    bulk.value = shoal::sim::encoded(std::string(200'000, 'x'));
    o.fields = {bulk};
    range r;
    r.stream = {self, 5};
    for (o.seq = 1; o.seq <= 6; ++o.seq) {
      o.model = std::string(o.seq % 3 == 2 ? wire_limits::name_bytes + 1 : 5, 'm');
      r.ops += encode_op(o);
      ++r.count;
    }
    r.to = r.count;
    BOOST_REQUIRE(frame_ops(r).ok());
    BOOST_REQUIRE(!decode_ops(r).ok());
    stored made;
    made.held = {{r.stream, r.to}};
    if (!from_store)
      made.local = {r};
    auto out = node.core.step(std::move(made), node.now);
    if (from_store)
      out = node.core.step(loaded{peer, r.stream, 0, {r}}, node.now);
    uint32_t count = 0;
    std::string ops;
    for (const auto& m : sent<range_message>(out)) {
      count += m.body.count;
      ops += m.body.ops;
      BOOST_TEST(m.body.more == (ops.size() < r.ops.size()));
    }
    BOOST_TEST(count == r.count);
    BOOST_TEST((ops == r.ops));
  }
}

BOOST_AUTO_TEST_CASE(live_changes_of_some_size_go_out_compressed_to_those_who_can_take_them) {
  for (const size_t bytes : {size_t{100}, size_t{5000}}) {
    linked_node node; // says nothing of compression
    hello m;
    m.members = node.core.members();
    m.capabilities = capability::zstd;
    node.core.step(link_up{far}, node.now);
    node.core.step(received{far, 0, 0, m}, node.now);
    const stream_id own{self, 5};
    op o;
    o.seq = 1;
    o.stamp.wall_ms = 1;
    o.model = "tag";
    o.kind = op_kind::insert;
    field_op f;
    f.name = "name";
    writer(f.value).str(std::string(bytes, 'x'));
    o.fields.push_back(f);
    stored written;
    written.held = {{own, 1}};
    written.local.emplace_back();
    written.local[0].stream = own;
    written.local[0].to = written.local[0].count = 1;
    written.local[0].ops = encode_op(o);
    const auto out = node.core.step(std::move(written), node.now);
    std::map<device_id, bool> compressed; // peer → how it got it
    size_t encodings = 0;
    for (const auto& s : all_of<protocol::send>(out))
      if (const auto* r = std::get_if<range_message>(&s.body)) {
        ++encodings;
        for (const auto& to : s.to)
          compressed[to] = r->body.compressed;
      }
    const bool large = bytes > 1000;
    BOOST_TEST((compressed == std::map<device_id, bool>{{peer, false}, {far, large}}));
    BOOST_TEST(encodings == (large ? 2U : 1U));
  }
}

BOOST_AUTO_TEST_SUITE_END()
