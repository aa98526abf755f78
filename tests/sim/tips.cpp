// Members that alter other devices' records as they relay them: what came of it is dropped and
// taken anew, and those who brought it are named.

#include "sim/node.hpp"
#include "sim/shrink.hpp"
#include "sim/world.hpp"
#include "tests/sim/planted.hpp"
#include "tests/sim/replica_node.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>

using namespace shoal;
using namespace shoal::sim;

namespace {

struct tally {
  int lies = 0;
  int found = 0;
  int named = 0; // with somebody that relayed
};

/// Alters the records in one relayed range on its way into a node.
class liar final : public saboteur {
public:
  liar(sim_node& node, tally& t, random_source r) : node_(node), tally_(t), random_(r) {}
  bool asking(store_request& request) override {
    auto* a = std::get_if<protocol::apply>(&request);
    // A node that is being filled knows of others only what it is told.
    if (!a || done_ || node_.filling() || a->peer == a->parts.front().stream.origin
        || a->parts.front().stream.origin == node_.device() || !random_.chance(300))
      return true;
    for (auto& part : a->parts)
      done_ = alter_owned(part) || done_;
    tally_.lies += done_;
    return true;
  }
  bool caught(const protocol::forged& f) override {
    ++tally_.found;
    tally_.named += !f.by.empty();
    return true;
  }
  bool lied_to() const override { return true; }

private:
  sim_node& node_;
  tally& tally_;
  random_source random_;
  bool done_ = false;
};

/// SHOAL_SEED=N alone, if set.
std::pair<uint64_t, uint64_t> wanted_seeds(uint64_t from, uint64_t to) {
  if (const char* one = std::getenv("SHOAL_SEED"))
    from = to = std::strtoull(one, nullptr, 10);
  return {from, to};
}

edit entry(size_t node, uint64_t n, const std::string& name) {
  edit e;
  e.cls = record_class::owned;
  e.model = "entry";
  e.id = owned_id(node, n);
  e.fields = {lww("name", encoded(name))};
  return e;
}

statement signed_by(replica_node& n) {
  auto s = *n.data->next_statement();
  n.in_group([&](kv_transaction& txn) { return n.data->keep_statement(txn, s); });
  return s;
}

bool holds(replica_node& at, const statement& s) {
  at.in_group([&](kv_transaction& txn) { return at.data->keep_statement(txn, s); });
  const auto checked = at.data->take_tips();
  BOOST_REQUIRE(checked.size() == 1U);
  return checked.front().holds;
}

} // namespace

BOOST_AUTO_TEST_SUITE(tips)

BOOST_AUTO_TEST_CASE(what_relays_alter_is_found_and_mended) {
  tally t;
  const sabotage lying = [&](sim_node& node, surroundings&, random_source r) {
    return std::make_unique<liar>(node, t, r);
  };
  const auto [from, to] = wanted_seeds(1, 300);
  for (auto seed = from; seed <= to; ++seed) {
    auto p = make_plan(seed);
    // A device that has its own records back from others has only their word for them.
    p.restore_permille = p.lose_tail_permille = p.damage_every_us = p.churn_every_us = 0;
    p.restore_late = p.catch_up_phase = false; // what was altered comes twice
    const auto seen = world(p, lying).run();
    if (seen.found && from == to)
      if (const auto told = shrink(p, lying, 2000))
        BOOST_TEST_MESSAGE(to_string(told->planned) << "\n" << text_of(told->lines, false));
    if (seen.found)
      BOOST_ERROR("SHOAL_SEED=" << seed << " " << seen.found->checker << ": " << seen.found->what);
  }
  BOOST_TEST_MESSAGE(t.lies << " lies, " << t.found << " times found, " << t.named
                            << " with somebody named");
  BOOST_TEST(t.lies > 100);
  BOOST_TEST(t.named > 20); // what is replaced before its owner signs again harms nobody
}

BOOST_AUTO_TEST_CASE(a_tip_holds_where_the_rows_are_what_was_signed_and_only_there) {
  for (const bool altered : {false, true})
    BOOST_TEST_CONTEXT((altered ? "altered" : "as it was")) {
      replica_node owner(0);
      replica_node other(1);
      member_set both{{device_of(0), {}}, {device_of(1), {}}};
      for (auto* n : {&owner, &other})
        n->in_group([&](kv_transaction& txn) {
          n->data->set_filled(txn);
          return *n->data->merge_members(txn, both);
        });
      auto first = owner.write(entry(0, 1, "a"));
      if (altered)
        BOOST_REQUIRE(alter_owned(first));
      BOOST_REQUIRE(other.apply({first}).ok());
      BOOST_TEST(holds(other, signed_by(owner)) == !altered);
      other.reopen(9); // the digests are on disk
      other.in_group([](kv_transaction&) { return true; });
      const auto again = other.data->take_tips();
      BOOST_REQUIRE(again.size() == 1U);
      BOOST_TEST(again.front().holds == !altered);
      BOOST_REQUIRE(other.apply({owner.write(entry(0, 2, "b"))}).ok());
      BOOST_TEST(holds(other, signed_by(owner)) == !altered);
      // Ahead of what was signed nothing can be said.
      const auto old = *owner.data->next_statement();
      BOOST_REQUIRE(other.apply({owner.write(entry(0, 3, "c"))}).ok());
      other.data->take_tips();
      other.in_group([&](kv_transaction& txn) { return other.data->keep_statement(txn, old); });
      BOOST_TEST(other.data->take_tips().empty());
    }
}

BOOST_AUTO_TEST_SUITE_END()
