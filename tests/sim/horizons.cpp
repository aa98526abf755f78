// One replicator, message by message: horizons of deletes, lost ops, retention.

#include "tests/sim/member_node.hpp"

using namespace shoal;
using namespace shoal::protocol;
using namespace shoal::protocol::tests;

BOOST_AUTO_TEST_SUITE(horizons)

BOOST_AUTO_TEST_CASE(who_lacks_a_forgotten_delete_is_told_and_served_nothing_before_it_compares) {
  member_node n({{own, 9}}, forgot({{own, 4}}));
  n.greet(holding({{own, 3}}));
  const auto told = sent<snapshot_required>(n.last);
  BOOST_REQUIRE(told.size() == 1);
  BOOST_TEST((told[0].deletes_from == frontier{{own, 4}}));
  BOOST_TEST(all_of<load>(n.last).empty());
  state_request ask;
  ask.origin = self;
  ask.from = {{own.epoch, 3}};
  n.hear(ask);
  BOOST_TEST(sent<snapshot_required>(n.last).size() == 1);
  BOOST_TEST(all_of<load>(n.last).empty());
  ask.comparing = true;
  n.hear(ask);
  BOOST_TEST(sent<snapshot_required>(n.last).empty());
  BOOST_TEST(all_of<load>(n.last).size() == 1);
}

// Its old statement had covered the delete; this copy of it has not.
BOOST_AUTO_TEST_CASE(a_delete_that_is_forgotten_while_a_restored_peer_catches_up_is_noticed) {
  member_node n({{own, 9}});
  n.greet(holding({{own, 3}}));
  const auto reads = all_of<load>(n.last);
  BOOST_REQUIRE(reads.size() == 1);
  loaded answer{peer, own, 3, {}, false, 4};
  answer.parts.emplace_back();
  answer.parts.back().stream = own;
  answer.parts.back().from = 3;
  answer.parts.back().to = 9;
  n.last = n.core.step(loaded(answer), n.now);
  BOOST_TEST(sent<range_message>(n.last).empty());
  const auto told = sent<snapshot_required>(n.last);
  BOOST_REQUIRE(told.size() == 1);
  BOOST_TEST((told[0].deletes_from == frontier{{own, 4}}));
  state_request ask;
  ask.origin = self;
  ask.from = {{own.epoch, 3}};
  ask.comparing = true;
  n.hear(ask);
  n.last = n.core.step(loaded(answer), n.now);
  BOOST_TEST(sent<range_message>(n.last).size() == 1);
}

BOOST_AUTO_TEST_CASE(a_demand_to_compare_comes_with_the_peers_own_word) {
  member_node n({{own, 9}}, forgot({{own, 4}}));
  statement once;
  once.member = peer;
  once.number = 3;
  once.held.open = {{own, 9}};
  n.disk.statements = {once};
  n.tell();
  n.greet(holding({{own, 3}}));
  const auto told = sent<snapshot_required>(n.last);
  BOOST_REQUIRE(told.size() == 1);
  BOOST_TEST((told[0].said == once));
}

BOOST_AUTO_TEST_CASE(who_holds_all_forgotten_deletes_or_is_empty_is_served_at_once) {
  member_node n({{own, 9}}, forgot({{own, 4}}));
  n.greet(holding({{own, 4}}));
  BOOST_TEST(sent<snapshot_required>(n.last).empty());
  BOOST_TEST(all_of<load>(n.last).size() == 1);
  auto fresh = holding({});
  fresh.filling = true;
  n.greet(fresh, far);
  BOOST_TEST(sent<snapshot_required>(n.last).empty());
  BOOST_TEST(all_of<load>(n.last).size() == 1);
}

BOOST_AUTO_TEST_CASE(a_node_below_the_horizon_compares_what_it_held_before_it_takes_or_gives_more) {
  member_node n({{own, 2}, {theirs, 3}}, {}, restored());
  n.greet(holding({{own, 1}, {theirs, 8}}));
  n.hear(snapshot_required{{{theirs, 5}}});
  BOOST_REQUIRE(n.kept().has_value());
  BOOST_REQUIRE(n.kept()->resync.has_value());
  BOOST_TEST((n.kept()->resync->base == frontier{{own, 2}, {theirs, 3}}));
  auto asked = sent<compare_request>(n.last);
  BOOST_REQUIRE(asked.size() == 1);
  BOOST_TEST((asked[0] == compare_request{own, 0, 2}));
  BOOST_TEST((n.core.state(n.now) == library_state::backfilling));
  // Meanwhile what is pushed is refused: the sender gets its credit back, the store sees nothing.
  range_message pushed;
  pushed.body.stream = theirs;
  pushed.body.from = 3;
  pushed.body.to = 8;
  n.hear(pushed);
  BOOST_TEST(all_of<apply>(n.last).empty());
  BOOST_TEST(sent<link_ack>(n.last).size() == 1);

  // Its own stream: the peer holds one of two, and that is equal.
  n.hear(compare_response{own, 0, 1, {{1, 1, 77}}});
  auto sums = all_of<sum>(n.last);
  BOOST_REQUIRE(sums.size() == 1);
  BOOST_TEST(!sums[0].for_peer);
  n.last = n.core.step(summed{peer, own, 0, 1, false, {{1, 1, 77}}, false}, n.now);
  asked = sent<compare_request>(n.last);
  BOOST_REQUIRE(asked.size() == 1);
  BOOST_TEST((asked[0] == compare_request{theirs, 0, 3}));
  // The other stream differs: its interval is fetched, and what the peer no longer has is dropped.
  n.hear(compare_response{theirs, 0, 3, {{3, 1, 5}}});
  n.last = n.core.step(summed{peer, theirs, 0, 3, false, {{3, 2, 6}}, false}, n.now);
  const auto wanted = sent<shared_change_request>(n.last);
  BOOST_REQUIRE(wanted.size() == 1);
  BOOST_TEST((wanted[0] == shared_change_request{theirs, 0, 3}));
  n.hear(repair_of(theirs, 0, 3));
  const auto repairs = all_of<repair>(n.last);
  BOOST_REQUIRE(repairs.size() == 1);
  BOOST_TEST((repairs[0].goal == repair_goal::adopt));
  n.disk.repairs = {{peer, theirs, 0, 3, repairs[0].cost, 1, false, repair_goal::adopt, {}}};
  n.tell();
  n.disk.repairs.clear();
  // Now it asks for the rest, saying that it has compared.
  BOOST_REQUIRE(all_of<compared>(n.last).size() == 1);
  BOOST_TEST(all_of<compared>(n.last)[0].report.records_changed == 1);
  const auto requests = sent<state_request>(n.last);
  BOOST_TEST(requests.size() == 3); // every origin, from this peer alone
  for (const auto& r : requests)
    BOOST_TEST(r.comparing);
  BOOST_TEST((n.core.state(n.now) == library_state::backfilling));
  n.disk.held[theirs] = 8;
  n.tell();
  BOOST_REQUIRE(n.kept().has_value());
  BOOST_TEST(n.kept()->change_resync);
  BOOST_TEST(!n.kept()->resync.has_value());
  BOOST_TEST((n.kept()->deletes_from == frontier{{theirs, 5}}));
  BOOST_TEST((n.core.state(n.now) != library_state::backfilling));
}

// Found by shoal sim: what was left of a record that nobody sees shows in no digest, until it is
// written anew.
BOOST_AUTO_TEST_CASE(an_old_copy_of_a_node_that_was_being_filled_compares_before_it_goes_on) {
  durable_state filling;
  filling.filling = true;
  auto source = holding({{theirs, 8}});
  source.deletes_from = {{theirs, 5}};
  for (const frontier& held : {frontier{{theirs, 3}}, frontier{{theirs, 5}}, frontier{}}) {
    const bool stale = seq_of(held, theirs) == 3;
    member_node n(held, filling);
    n.greet(source);
    BOOST_TEST(sent<compare_request>(n.last).size() == (stale ? 1U : 0U));
    BOOST_REQUIRE(n.kept().has_value());
    BOOST_TEST(n.kept()->resync.has_value() == stale);
    if (!stale)
      BOOST_TEST((n.kept()->deletes_from == source.deletes_from));
  }
}

BOOST_AUTO_TEST_CASE(a_comparison_goes_on_with_another_peer_when_its_link_ends) {
  durable_state s;
  s.resync = resync_state{{{theirs, 3}}, {}, {{theirs, 5}}};
  member_node n({{theirs, 3}}, s);
  n.greet(holding({{theirs, 4}}), far); // lacks the delete itself
  BOOST_TEST(sent<compare_request>(n.last).empty());
  n.greet(holding({{theirs, 8}}));
  BOOST_TEST(sent<compare_request>(n.last).size() == 1);
  n.last = n.core.step(link_down{peer}, n.now);
  BOOST_TEST(sent<compare_request>(n.last).empty());
  n.greet(holding({{theirs, 5}}), far);
  BOOST_TEST(sent<compare_request>(n.last).size() == 1);
}

// Found by shoal sim (seed 8142): beside one that has forgotten a delete, another still has in its
// log what that took.
BOOST_AUTO_TEST_CASE(what_a_forgotten_delete_may_cover_comes_from_the_peer_that_forgot_it) {
  const stream_id from_far{far, 9};
  member_node n({{theirs, 3}}, {}, restored());
  n.greet(holding({{theirs, 5}, {from_far, 1}}));
  n.hear(snapshot_required{{{theirs, 5}}});
  n.hear(compare_response{theirs, 0, 3, {{3, 1, 5}}});
  n.last = n.core.step(summed{peer, theirs, 0, 3, false, {{3, 1, 5}}, false}, n.now);
  n.disk.held[theirs] = 5;
  n.tell();
  BOOST_TEST((n.core.state(n.now) == library_state::backfilling));
  n.greet(holding({{theirs, 5}, {from_far, 1}}), far);
  range_message pushed;
  pushed.body.stream = from_far;
  pushed.body.to = 1;
  n.hear(pushed, far);
  BOOST_TEST(all_of<apply>(n.last).empty());
  n.hear(pushed, peer);
  BOOST_TEST(all_of<apply>(n.last).size() == 1);
  n.disk.held[from_far] = 1;
  n.tell();
  BOOST_REQUIRE(n.kept().has_value());
  BOOST_TEST(!n.kept()->resync.has_value());
}

// Found by shoal sim (seed 11739): it waited for ever for another peer.
BOOST_AUTO_TEST_CASE(a_comparison_begins_with_a_peer_that_is_through_with_its_own_filling) {
  durable_state s;
  s.resync = resync_state{{{theirs, 3}}, {}, {{theirs, 5}}};
  member_node n({{theirs, 3}}, s);
  auto source = holding({{theirs, 8}});
  source.filling = true;
  n.greet(source);
  BOOST_TEST(sent<compare_request>(n.last).empty());
  auto filled = n.beat(one);
  filled.frontier_hash = hash_of(source.held);
  n.hear(filled);
  n.later(50'000);
  BOOST_TEST(sent<compare_request>(n.last).size() == 1);
}

BOOST_AUTO_TEST_CASE(
    a_node_that_was_filled_counts_once_its_digest_agrees_and_adopts_if_it_does_not) {
  durable_state s;
  s.filling = true;
  member_node n({{theirs, 2}}, s);
  n.greet(holding({{theirs, 2}}));
  n.hear(n.beat(two));
  BOOST_REQUIRE(n.kept().has_value());
  BOOST_TEST(n.kept()->resync.has_value());
  member_node m({{theirs, 2}}, s);
  m.greet(holding({{theirs, 2}}));
  m.hear(m.beat(one));
  BOOST_REQUIRE(m.kept().has_value());
  BOOST_TEST(m.kept()->filled);
}

BOOST_AUTO_TEST_CASE(what_nobody_has_any_more_is_not_waited_for_once_all_has_been_compared) {
  member_node n({{theirs, 3}});
  n.disk.settled = false;
  n.disk.until = {{theirs, 7}}; // left out of a range that the peer sent before it was restored
  n.tell();
  n.greet(holding({{theirs, 3}}));
  n.later(10'000);
  BOOST_TEST(sent<compare_request>(n.last).empty());
  n.later(4'000'000);
  BOOST_REQUIRE(sent<compare_request>(n.last).size() == 1);
  n.hear(compare_response{theirs, 0, 3, {{3, 2, 1}}});
  n.last = n.core.step(summed{peer, theirs, 0, 3, false, {{3, 2, 1}}, false}, n.now);
  BOOST_REQUIRE(n.kept().has_value());
  BOOST_TEST((n.kept()->lost == std::vector<stream_id>{theirs}));
}

// Found by shoal sim: one of the two was an old copy, and what it had missed the deletes of came
// back.
BOOST_AUTO_TEST_CASE(
    who_is_being_filled_learns_nothing_from_another_such_beside_one_that_is_through) {
  durable_state filling;
  filling.filling = true;
  for (const bool beside : {true, false}) {
    member_node n({{own, 2}}, filling);
    auto empty = holding({{own, 2}});
    empty.filling = true;
    n.greet(empty);
    if (beside)
      n.greet(holding({{own, 2}}), far);
    auto other = n.beat(two);
    other.filling = true;
    n.hear(other);
    BOOST_TEST(sent<compare_request>(n.last).size() == (beside ? 0U : 1U));
  }
}

// Found by shoal sim: in a line, the end that is not linked to the origin hoped for ever.
BOOST_AUTO_TEST_CASE(
    what_a_settled_neighbour_does_without_is_not_waited_for_from_an_origin_far_off) {
  const stream_id from_far{far, 9};
  member_node n({{own, 1}});
  n.disk.settled = false;
  n.disk.until = {{from_far, 5}};
  n.tell();
  n.greet(holding({{own, 1}}));
  n.later(10'000'000);
  n.later(4'000'000);
  BOOST_TEST(sent<compare_request>(n.last).empty()); // the origin may come
  n.hear(n.beat(two));
  n.later(1'000'000);
  n.hear(n.beat(two));
  n.later(4'000'000);
  BOOST_REQUIRE(sent<compare_request>(n.last).size() == 1);
  n.hear(compare_response{own, 0, 1, {{1, 1, 1}}});
  n.last = n.core.step(summed{peer, own, 0, 1, false, {{1, 1, 1}}, false}, n.now);
  BOOST_REQUIRE(n.kept().has_value());
  BOOST_TEST((n.kept()->lost == std::vector<stream_id>{from_far}));
}

// Found by shoal sim (seed 22141): a new member and one that was being rebuilt met while both held
// nothing. The new one took itself for filled, was given a record by the other whose delete a third
// had forgotten, and kept it.
BOOST_AUTO_TEST_CASE(two_nodes_that_are_being_filled_do_not_find_each_other_whole) {
  durable_state filling;
  filling.filling = true;
  hello also_filling;
  also_filling.filling = true;
  const auto filled = [](const member_node& n) { return n.kept() && n.kept()->filled; };
  const auto hear_filling = [](member_node& n) {
    auto m = n.beat(one);
    m.filling = true;
    n.hear(m);
  };
  {
    member_node empty({}, filling);
    empty.greet(also_filling);
    hear_filling(empty);
    BOOST_TEST(!filled(empty));
    empty.greet({}, far); // one that is through, and as empty
    empty.hear(empty.beat(one), far);
    BOOST_TEST(filled(empty));
  }
  member_node some({{own, 2}}, filling);
  hello through;
  also_filling.held = through.held = {{own, 2}};
  some.greet(also_filling);
  some.greet(through, far);
  hear_filling(some); // there is one who knows better
  BOOST_TEST(!filled(some));
  member_node first({{own, 2}}, filling);
  first.greet(also_filling);
  hear_filling(first); // a library that has only begun
  BOOST_TEST(filled(first));
}

BOOST_AUTO_TEST_CASE(a_member_that_is_away_is_passed_over_only_beyond_retention_and_after_a_while) {
  settings s;
  s.max_log_entries = 10;
  s.passed_over_after_us = 1'000'000;
  member_node n({{own, 20}}, {}, s);
  n.greet(holding({{own, 20}}));
  n.disk.log_entries = 5;
  n.tell();
  n.later(20'000'000);
  BOOST_TEST(!n.kept().has_value());
  n.disk.log_entries = 11;
  n.tell();
  n.hear(n.beat(one)); // linked: it is waited for
  n.later(1);
  BOOST_REQUIRE(n.kept().has_value());
  BOOST_REQUIRE(n.kept()->passed_over.has_value());
  BOOST_TEST((n.kept()->passed_over->first == far));
  n.disk.state = durable_state{};
  n.disk.state->passed_over = {{far, 1}};
  n.tell();
  n.later(1);
  BOOST_TEST(!n.kept().has_value());
  BOOST_TEST(n.core.passed_over().contains(far));
}

BOOST_AUTO_TEST_SUITE_END()
