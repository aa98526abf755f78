// When a node knows that all is level, message by message: what a peer said once is enough, and
// what changed is told soon, for the next heartbeat of an idle peer is ten seconds away.

#include "sim/workload.hpp"
#include "tests/sim/effects.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::protocol;
using shoal::sim::device_of;
using shoal::sim::sent;

namespace {

const device_id self = device_of(0);
const device_id peer = device_of(1);
const stream_id foreign{device_of(2), 5}; // of a device that is no member any more
const std::string digest(16, 'd');

/// One of two members, linked to the other.
struct node_of_two {
  settings bounds;
  replicator core;
  uint64_t now = 1'000'000;

  node_of_two() : bounds(sim::settings_of(self)), core(bounds, 0) {
    stored first;
    first.members = member_set{{self, {}}, {peer, {}}};
    first.digest = std::string(16, '0');
    core.step(std::move(first), now);
    core.step(link_up{peer}, now);
    hello m;
    m.members = core.members();
    hear(std::move(m));
  }
  effects hear(message m) { return core.step(received{peer, 0, 0, std::move(m)}, now); }
  /// A group that leaves the store at `held`.
  effects store(frontier held) {
    stored s;
    s.held = std::move(held);
    s.digest = digest;
    return core.step(std::move(s), now);
  }
  effects tick_after(uint64_t us) {
    now += us;
    return core.step(tick{}, now);
  }
  heartbeat beat_at(const frontier& held) const {
    heartbeat m;
    m.frontier_hash = hash_of(held);
    m.members_hash = hash_of(core.members());
    m.digest = digest;
    return m;
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(level)

BOOST_AUTO_TEST_CASE(all_members_that_are_away_are_named_and_who_is_alone_is_told_so) {
  replicator core(sim::settings_of(self), 0);
  stored first;
  first.members = member_set{{self, {}}};
  for (const auto& [n, name] : {std::pair{1, "anna"}, {2, "ben"}, {3, "carl"}})
    (*first.members)[device_of(static_cast<size_t>(n))].name = name;
  core.step(std::move(first), 1'000'000);
  const auto link = [&](size_t n) {
    core.step(link_up{device_of(n)}, 1'000'000);
    hello m;
    m.members = core.members();
    core.step(received{device_of(n), 0, 0, std::move(m)}, 1'000'000);
  };
  BOOST_TEST(core.not_converged()
             == "none of the 3 other members is connected: this node may be cut off");
  link(2);
  BOOST_TEST(core.not_converged() == "anna and carl are not connected");
  link(3);
  BOOST_TEST(core.not_converged() == "anna is not connected");
}

BOOST_AUTO_TEST_CASE(a_peer_that_was_level_first_is_known_to_be_without_another_word) {
  node_of_two node;
  const frontier all{{foreign, 9}};
  node.hear(node.beat_at(all)); // less than a second after Hello: no exchange tells more
  BOOST_TEST(!node.core.not_converged().empty());
  node.store(all);
  BOOST_TEST(node.core.not_converged() == "");
  BOOST_TEST((node.core.held_by(peer) == all));
}

BOOST_AUTO_TEST_CASE(a_heartbeat_at_another_frontier_says_nothing_of_this_one) {
  node_of_two node;
  node.hear(node.beat_at({{foreign, 8}}));
  node.store({{foreign, 9}});
  BOOST_TEST(!node.core.not_converged().empty());
  BOOST_TEST(node.core.held_by(peer).empty());
}

BOOST_AUTO_TEST_CASE(a_member_set_that_changed_is_told_in_a_heartbeat_soon) {
  node_of_two node;
  node.tick_after(node.bounds.beat_after_change_us); // what came before is told
  stored told;
  told.members = node.core.members();
  (*told.members)[peer].name = "bob";
  told.digest = std::string(16, '0');
  node.core.step(std::move(told), node.now);
  BOOST_TEST(node.core.next_tick_us(node.now) == node.now + node.bounds.beat_after_change_us);
  const auto beats = sent<heartbeat>(node.tick_after(node.bounds.beat_after_change_us));
  BOOST_REQUIRE(beats.size() == 1);
  BOOST_TEST(beats.front().members_hash == hash_of(node.core.members()));
  BOOST_TEST(sent<heartbeat>(node.tick_after(node.bounds.beat_after_change_us)).empty());
}

BOOST_AUTO_TEST_CASE(an_idle_node_beats_no_more_often_than_it_has_to) {
  node_of_two node;
  node.store({{foreign, 9}});
  node.tick_after(node.bounds.beat_after_change_us);
  size_t beats = 0;
  for (uint64_t passed = 0; passed < 60'000'000; passed += 1'000'000) {
    node.hear(node.beat_at({{foreign, 9}})); // the link lives
    beats += sent<heartbeat>(node.tick_after(1'000'000)).size();
  }
  BOOST_TEST(beats <= 60'000'000 / node.bounds.heartbeat_us);
}

BOOST_AUTO_TEST_SUITE_END()
