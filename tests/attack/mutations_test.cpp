// Every field of every message, wrong in every way: sampled by a seed, all of it with
// SHOAL_MUTATIONS=100000.

#include "tests/attack/lab.hpp"
#include "tests/attack/mutation.hpp"
#include "tests/messages/generator.hpp"

#include <random>

namespace shoal::attack {

namespace {

std::string value(const tree& t) {
  std::string out;
  tree::to_msgpack(t, out);
  return out;
}

field_op lww(const std::string& name, const tree& t) {
  field_op f;
  f.name = name;
  f.value = value(t);
  return f;
}

/// An op of each kind of field.
std::vector<op> shared_ops(const rogue& r) {
  auto tag = r.made(record_class::shared, "tag", 1);
  tag.fields.push_back(lww("canonical_name", "by the rogue"));
  field_op aliases;
  aliases.name = "aliases";
  aliases.kind = field_kind::set;
  aliases.elements.push_back({value("one"), true, {}});
  tag.fields.push_back(aliases);
  auto counter = r.made(record_class::shared, "later_model", 2);
  field_op count;
  count.name = "count";
  count.kind = field_kind::counter;
  count.added = 3;
  counter.fields.push_back(count);
  field_op custom;
  custom.name = "custom";
  custom.kind = field_kind::map;
  custom.keys.push_back({"key", value(1), {}});
  counter.fields.push_back(custom);
  auto gone = r.made(record_class::shared, "collection", 3);
  gone.kind = op_kind::remove;
  return {tag, counter, gone};
}

std::vector<op> owned_ops(const rogue& r, size_t count) {
  std::vector<op> out;
  for (size_t n = 1; n <= count; ++n) {
    auto o = r.made(record_class::owned, n == 1 ? "volume" : "location", n);
    o.fields.push_back(lww(n == 1 ? "fingerprint" : "name", "by the rogue"));
    if (n > 1) {
      o.fields.push_back(lww("path", "/x"));
      auto parent =
          lww("volume_id", tree::binary({out[0].id.bytes.begin(), out[0].id.bytes.end()}));
      parent.kind = field_kind::parent;
      parent.parent_model = "volume";
      o.fields.push_back(parent);
    }
    out.push_back(std::move(o));
  }
  return out;
}

/// As an honest member would say it now.
message honest(rogue& r, message_kind kind) {
  const auto ranged = [&](std::vector<op> ops) { return range_message{kind, r.range_of(ops)}; };
  const auto& held = r.seen().held;
  const stream_id theirs = held.empty() ? r.stream() : held.begin()->first;
  switch (kind) {
  case message_kind::hello: return r.greeting();
  case message_kind::goodbye: return goodbye{"tired", held};
  case message_kind::error: return error_message{"of_no_meaning", "nothing"};
  case message_kind::heartbeat: {
    heartbeat m;
    m.ping = 3;
    m.frontier_hash = hash_of(held);
    m.members_hash = hash_of(r.seen().members);
    m.digest = std::string(16, 'd');
    return m;
  }
  case message_kind::statement: return r.word(held);
  case message_kind::watermark_exchange_request:
  case message_kind::watermark_exchange_response: {
    watermark_exchange m;
    m.is_response = kind == message_kind::watermark_exchange_response;
    m.held = held;
    m.members = r.seen().members;
    m.statements.push_back(r.word(held));
    return m;
  }
  case message_kind::state_change: return ranged(owned_ops(r, 1));
  case message_kind::state_batch: return ranged(owned_ops(r, 2));
  case message_kind::state_response: {
    auto m = ranged(owned_ops(r, 2));
    m.body.until = {{r.stream(), m.body.to}};
    m.body.log_complete = false;
    m.body.unmerged = {{theirs.origin, theirs.epoch, 1}};
    return m;
  }
  case message_kind::shared_change: return ranged({shared_ops(r)[0]});
  case message_kind::shared_change_batch: return ranged(shared_ops(r));
  case message_kind::shared_change_response: {
    auto m = ranged(shared_ops(r));
    m.body.repair = true;
    return m;
  }
  case message_kind::state_request: {
    state_request m;
    m.origin = r.target();
    for (const auto& [stream, seq] : held)
      if (stream.origin == m.origin)
        m.from[stream.epoch] = seq;
    return m;
  }
  case message_kind::shared_change_request: return shared_change_request{theirs, 0, 5};
  case message_kind::ack_shared_changes: return link_ack{held, 5};
  case message_kind::compare_request: return compare_request{theirs, 0, 5};
  case message_kind::compare_response:
    return compare_response{theirs, 0, 5, {{2, 1, 7}, {5, 2, 8}}};
  case message_kind::snapshot_required: return snapshot_required{held};
  }
  return goodbye{};
}

/// Removing members and moving them elsewhere is any member's right, and would end this test.
bool is_allowed_to_hurt(const std::string& payload, const member_set& before) {
  const auto decoded = decode_envelope(payload);
  if (!decoded)
    return false;
  const member_set* set = nullptr;
  if (const auto* h = std::get_if<hello>(&decoded->body))
    set = &h->members;
  if (const auto* x = std::get_if<watermark_exchange>(&decoded->body))
    set = &x->members;
  auto after = before;
  if (set == nullptr || !merge(after, *set))
    return false;
  return std::any_of(before.begin(), before.end(),
                     [&](const auto& m) { return after.at(m.first) != m.second; });
}

} // namespace

BOOST_AUTO_TEST_SUITE(attack_mutations)

BOOST_AUTO_TEST_CASE(a_tree_that_was_not_changed_is_the_message_it_came_from) {
  attacked_lab lab;
  BOOST_REQUIRE(lab.intruder.meet(lab.a().port()));
  for (const auto kind : tests::all_kinds) {
    const auto payload = lab.intruder.encoded(honest(lab.intruder, kind));
    BOOST_TEST(payload_of(tree_of(payload)) == payload, to_string(kind) << " changed");
    BOOST_TEST(decode_envelope(payload).ok());
  }
}

BOOST_AUTO_TEST_CASE(no_field_of_any_message_of_a_member_hurts_the_others) {
  attacked_lab lab;
  std::mt19937_64 random(nodes::test_seed());
  auto& r = lab.intruder;
  const std::vector<device_id> ids{lab.a_id, lab.b_id, r.device()};
  // All there are, shuffled.
  std::vector<std::pair<message_kind, size_t>> cases;
  BOOST_REQUIRE(r.meet(lab.a().port()));
  for (const auto kind : tests::all_kinds) {
    const auto n = mutations(tree_of(r.encoded(honest(r, kind))), ids);
    for (size_t k = 0; k < n; ++k)
      cases.emplace_back(kind, k);
  }
  std::shuffle(cases.begin(), cases.end(), random);
  std::map<reaction, size_t> seen;
  size_t skipped = 0;
  nodes::rounds rounds("SHOAL_MUTATIONS", 500);
  size_t done = 0;
  for (; done < cases.size() && rounds.next(); ++done) {
    const auto& [kind, number] = cases[done];
    auto& target = done % 2 == 0 ? lab.a() : lab.b();
    if (!lab.meet(target)) {
      BOOST_ERROR(target.name() << " does not greet the rogue any more");
      break;
    }
    const auto whole = tree_of(r.encoded(honest(r, kind)));
    const auto count = mutations(whole, ids); // may be fewer by now
    const auto wrong = mutate(whole, ids, number % count);
    if (is_allowed_to_hurt(wrong.payload, r.seen().members)) {
      ++skipped;
      continue;
    }
    (void)r.say_payload(wrong.payload);
    const auto what = r.after();
    ++seen[what];
    if (what == reaction::silent)
      BOOST_TEST_MESSAGE(to_string(kind) << " " << wrong.what << ": silent");
    if (done % 250 == 249)
      lab.check_at_work(std::to_string(done + 1) + " mutations, the last of "
                        + std::string(to_string(kind)) + " " + wrong.what);
  }
  lab.check_honest("all mutations");
  const auto counted = lab.breaches(lab.a()) + lab.breaches(lab.b());
  BOOST_TEST_MESSAGE(done << " of " << cases.size() << " mutations (" << skipped
                          << " a member's right): " << seen[reaction::cut_off] << " cut off, "
                          << counted << " of them counted as breaches, " << seen[reaction::answered]
                          << " without effect on the link, " << seen[reaction::silent]
                          << " silent");
  BOOST_TEST(seen[reaction::silent] == 0U);
  BOOST_TEST(seen[reaction::cut_off] > done / 10);
  BOOST_TEST(seen[reaction::answered] > done / 20);
  BOOST_TEST(counted > 0);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::attack
