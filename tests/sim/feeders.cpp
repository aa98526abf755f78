// Of whom a node asks an origin's ops that is not linked to it: relays that form a tree.

#include "sim/workload.hpp"
#include "tests/sim/effects.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::protocol;
using shoal::sim::device_of;
using shoal::sim::sent;

namespace {

const device_id self = device_of(0);
const device_id left = device_of(1);
const device_id right = device_of(2);
const device_id far = device_of(3); // behind one of them

/// A relay between two others.
struct relay {
  replicator core{sim::settings_of(self), 0};
  uint64_t now = 1'000'000;
  std::map<device_id, device_id> asked; // who was asked last to tell of an origin, and not to stop

  relay() {
    stored first;
    first.members = member_set{{self, {}}, {left, {}}, {right, {}}, {far, {}}};
    step(std::move(first));
    for (const auto& p : {left, right}) {
      step(link_up{p});
      hello m;
      m.members = core.members();
      step(received{p, 0, 0, std::move(m)});
    }
  }
  void step(event e) {
    const auto out = core.step(std::move(e), now);
    for (const auto& s : sim::all_of<protocol::send>(out))
      if (const auto* m = std::get_if<state_request>(&s.body)) {
        if (!m->stop)
          asked[m->origin] = s.to.front();
        else if (asked[m->origin] == s.to.front())
          asked.erase(m->origin);
      }
  }
  void later(uint64_t us) {
    now += us;
    step(tick{1});
  }
  device_id other_than(const device_id& peer) const { return peer == left ? right : left; }
};

} // namespace

BOOST_AUTO_TEST_SUITE(feeders)

// Found by benches/fanout: relays asked their leaves, and a tree of 100 nodes took 14 s for a
// write.
BOOST_AUTO_TEST_CASE(who_follows_an_origin_through_this_node_is_not_asked_for_it) {
  relay n;
  BOOST_REQUIRE(n.asked.contains(far));
  const auto first = n.asked[far];
  state_request follows;
  follows.origin = far;
  n.step(received{first, 0, 0, follows});
  n.later(10'000);
  BOOST_TEST((n.asked[far] == n.other_than(first)));
  // Where both do, one of them may still have a way that is not known here: it stays.
  const auto second = n.asked[far];
  n.step(received{second, 0, 0, follows});
  n.later(1'000'000);
  BOOST_TEST((n.asked[far] == second));
}

BOOST_AUTO_TEST_CASE(a_feeder_that_does_not_bring_what_another_holds_is_left_after_a_moment) {
  relay n;
  const auto first = n.asked[far];
  const auto other = n.other_than(first);
  watermark_exchange m;
  m.is_response = true;
  m.members = n.core.members();
  m.held = {{{far, 5}, 3}};
  n.step(received{other, 0, 0, std::move(m)});
  n.later(50'000);
  BOOST_TEST((n.asked[far] == first)); // it may be about to send just that
  n.later(100'000);
  BOOST_TEST((n.asked[far] == other));
}

// Found by nodes: traffic/what_was_missed_comes_once, once in five runs: a feeder was given up
// while its origin, which had been told not to push, still greeted; both sent all.
BOOST_AUTO_TEST_CASE(a_feeder_stays_while_the_origin_that_was_told_not_to_push_greets) {
  for (const bool ahead : {true, false}) {
    relay n;
    const auto first = n.asked[far];
    if (ahead) {
      watermark_exchange m;
      m.is_response = true;
      m.members = n.core.members();
      m.held = {{{far, 5}, 3}};
      n.step(received{first, 0, 0, std::move(m)});
    }
    n.step(link_up{far});
    n.later(10'000);
    BOOST_TEST(n.asked.contains(far) == ahead); // who has nothing to bring is not waited for
    if (ahead)
      BOOST_TEST((n.asked[far] == first));
  }
}

BOOST_AUTO_TEST_SUITE_END()
