// One replicator, message by message: what the seeds found in its sessions, kept as the shortest
// story that shows it.

#include "sim/workload.hpp"
#include "tests/sim/linked_node.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::protocol;
using shoal::sim::all_of;
using shoal::sim::far;
using shoal::sim::linked_node;
using shoal::sim::peer;
using shoal::sim::self;
using shoal::sim::sent;

namespace {

/// A part of a range (0, 9] of the peer's own stream.
range_message part(uint32_t n, bool more) {
  range r;
  r.stream = {peer, 5};
  r.to = 9;
  r.ops = std::string(100, 'x');
  r.part = n;
  r.more = more;
  return {message_kind::state_response, std::move(r)};
}

} // namespace

BOOST_AUTO_TEST_SUITE(sessions)

BOOST_AUTO_TEST_CASE(a_range_of_which_a_part_is_missing_is_asked_for_again_and_never_applied) {
  linked_node node;
  const auto cost = cost_of(part(0, true).body);
  uint64_t credit = 0;
  std::vector<state_request> asked;
  for (auto m : {part(0, true), part(2, true), part(3, false)}) {
    const auto out = node.hear(std::move(m));
    BOOST_TEST(all_of<apply>(out).empty());
    for (const auto& ack : sent<link_ack>(out))
      credit += ack.credit;
    for (const auto& r : sent<state_request>(out))
      asked.push_back(r);
  }
  BOOST_TEST(credit == 3 * cost);
  BOOST_REQUIRE(asked.size() == 1);
  BOOST_TEST((asked.front().origin == peer));

  const auto first = node.hear(part(0, true));
  BOOST_TEST(all_of<apply>(first).empty());
  const auto applied = all_of<apply>(node.hear(part(1, false)));
  BOOST_REQUIRE(applied.size() == 1);
  BOOST_TEST(applied.front().parts.size() == 2);
  BOOST_TEST(applied.front().cost == 2 * cost);
}

BOOST_AUTO_TEST_CASE(a_second_hello_ends_the_session_instead_of_being_answered_for_ever) {
  linked_node node;
  const auto answer = node.greet({});
  BOOST_REQUIRE(answer.size() >= 1);
  BOOST_TEST(std::holds_alternative<close_link>(answer.front()));
  BOOST_TEST(sent<hello>(answer).empty());
  BOOST_TEST(node.core.sessions().empty());
}

BOOST_AUTO_TEST_CASE(a_store_from_before_a_removal_greets_nobody_once_it_knows_of_the_return) {
  linked_node node;
  stored told; // by the peer: it may take seconds until the node has begun anew
  told.members = node.core.members();
  (*told.members)[self].generation += 1;
  const auto out = node.core.step(std::move(told), node.now);
  BOOST_TEST(node.core.superseded());
  const auto byes = sent<goodbye>(out);
  BOOST_REQUIRE(byes.size() == 1);
  BOOST_TEST(byes.front().reason == begins_anew);
  BOOST_TEST(node.core.sessions().empty());
  BOOST_TEST(node.core.own_ops_taken());

  node.core.step(link_up{far}, node.now);
  hello m;
  m.members = node.core.members();
  const auto answer = node.core.step(received{far, 0, 0, std::move(m)}, node.now);
  BOOST_TEST(sent<hello>(answer).empty());
  BOOST_TEST(sent<goodbye>(answer).size() == 1);
  BOOST_TEST(!node.core.greets(far));
}

// Found by shoal sim (seed 65537): a read and what was written meanwhile went out on top of a
// window that either of them filled.
BOOST_AUTO_TEST_CASE(what_a_read_will_bring_counts_as_being_on_its_way) {
  for (const uint64_t window : {uint64_t{1000}, wire_limits::window_bytes}) {
    const stream_id old{self, 1};
    const stream_id fresh{self, 2};
    settings how;
    how.self = self;
    replicator core(how, 0);
    uint64_t now = 1'000'000;
    stored first;
    first.members = member_set{{self, {}}, {peer, {}}};
    first.held = {{old, 10}};
    core.step(std::move(first), now);
    core.step(link_up{peer}, now);
    hello m;
    m.members = core.members();
    m.window = window;
    const auto out = core.step(received{peer, 0, 0, std::move(m)}, now);
    BOOST_REQUIRE(all_of<load>(out).size() == 1);

    stored next;
    next.held = {{old, 10}, {fresh, 1}};
    range r;
    r.stream = fresh;
    r.to = r.count = 1;
    r.ops = std::string(1, '\x90');
    next.local.push_back(r);
    const bool room = window > how.load_bytes;
    const auto at_once = core.step(std::move(next), now);
    BOOST_TEST(sent<range_message>(at_once).size() == (room ? 1 : 0));
    range read = r;
    read.stream = old;
    read.to = 10;
    const auto then = core.step(loaded{peer, old, 0, {read}, false, 0}, now);
    BOOST_TEST(sent<range_message>(then).size() == (room ? 1 : 2));
  }
}

BOOST_AUTO_TEST_CASE(a_peer_on_a_new_connection_is_asked_anew_to_feed) {
  linked_node node;
  const auto before = sent<state_request>(node.after_hello);
  BOOST_REQUIRE(before.size() == 1);
  BOOST_TEST((before.front().origin == far));
  node.core.step(link_up{peer}, node.now); // without a word on the end of the old one
  const auto again = sent<state_request>(node.greet({}));
  BOOST_REQUIRE(again.size() == 1);
  BOOST_TEST((again.front().origin == far));
}

BOOST_AUTO_TEST_CASE(other_statements_in_a_heartbeat_are_answered_with_an_exchange) {
  linked_node node;
  node.now += 2'000'000;
  heartbeat m;
  m.frontier_hash = hash_of(frontier{});
  m.members_hash = hash_of(node.core.members());
  BOOST_TEST(sent<watermark_exchange>(node.hear(m)).empty());
  m.statements_hash = 4711;
  BOOST_TEST(sent<watermark_exchange>(node.hear(m)).size() == 1);
}

BOOST_AUTO_TEST_CASE(a_peer_whose_heartbeat_names_this_frontier_holds_all_of_it) {
  linked_node node;
  stored more;
  more.held = {{{far, 5}, 3}};
  node.core.step(std::move(more), node.now);
  BOOST_TEST(node.core.held_by(peer).empty());
  heartbeat m;
  m.frontier_hash = hash_of(node.core.held());
  node.hear(m);
  BOOST_TEST((node.core.held_by(peer) == node.core.held()));
}

BOOST_AUTO_TEST_CASE(a_restored_node_learns_the_number_of_its_last_statement_from_its_peers) {
  linked_node node;
  statement lost;
  lost.member = self;
  lost.number = 40;
  lost.held.open = {{{self, 5}, 99}};
  const auto kept = all_of<keep_statement>(node.hear(lost));
  BOOST_REQUIRE(kept.size() == 1);
  BOOST_TEST((kept.front().what == lost));
  stored done;
  done.statements.push_back(lost);
  node.now += 2'000'000;
  const auto next = node.core.step(std::move(done), node.now);
  BOOST_TEST(all_of<make_statement>(next).size() == 1); // what it says is not so any more
}

BOOST_AUTO_TEST_CASE(who_asks_for_an_origin_gets_its_last_statement_with_it) {
  linked_node node;
  statement st;
  st.member = far;
  st.number = 3;
  stored kept;
  kept.statements.push_back(st);
  node.core.step(std::move(kept), node.now);
  state_request m;
  m.origin = far;
  const auto told = sent<statement>(node.hear(m));
  BOOST_REQUIRE(told.size() == 1);
  BOOST_TEST((told.front() == st));
}

BOOST_AUTO_TEST_CASE(digests_say_nothing_where_other_ops_are_held_back) {
  linked_node node;
  heartbeat beat;
  beat.frontier_hash = hash_of(node.core.held());
  beat.members_hash = hash_of(node.core.members());
  beat.digest = std::string(16, 'd');
  const auto diverged = [&] { return node.core.diverged_from(node.core.sessions().at(peer)); };
  beat.quarantine_hash = 1;
  node.hear(beat);
  BOOST_TEST(!diverged());
  beat.quarantine_hash = 0;
  node.hear(beat);
  BOOST_TEST(diverged());
  stored held;
  held.quarantine = 1;
  node.core.step(std::move(held), node.now);
  BOOST_TEST(!diverged());
}

BOOST_AUTO_TEST_CASE(
    an_origin_that_is_linked_while_another_sends_its_ops_is_asked_when_those_are_here) {
  linked_node node({{{far, 5}, 9}});
  const auto told = node.core.step(link_up{far}, node.now);
  BOOST_REQUIRE(sent<hello>(told).size() == 1);
  BOOST_TEST(sent<hello>(told).front().asks);
  hello m;
  m.members = node.core.members();
  m.held = {{{far, 5}, 11}};
  const auto greeted = node.core.step(received{far, 0, 0, std::move(m)}, node.now);
  BOOST_TEST(sent<state_request>(greeted).empty());
  auto from_feeder = part(0, false);
  from_feeder.body.stream.origin = far;
  const auto out = node.hear(std::move(from_feeder));
  BOOST_TEST(all_of<apply>(out).size() == 1);
  const auto asked = sent<state_request>(out);
  BOOST_REQUIRE(asked.size() == 2);
  BOOST_TEST((asked.front().origin == far && asked.front().from.at(5) == 9));
  BOOST_TEST(asked.back().stop); // the feeder
}

BOOST_AUTO_TEST_CASE(nothing_is_pushed_to_who_will_ask_for_it) {
  linked_node node;
  stored made;
  made.held = {{{self, 5}, 1}};
  made.local = {range{}};
  made.local.front().stream = {self, 5};
  made.local.front().to = made.local.front().count = 1;
  node.core.step(std::move(made), node.now);
  node.core.step(link_up{far}, node.now);
  hello m;
  m.members = node.core.members();
  m.asks = true;
  BOOST_TEST(sent<range_message>(node.core.step(received{far, 0, 0, m}, node.now)).empty());
  state_request r;
  r.origin = self;
  BOOST_TEST(sent<range_message>(node.core.step(received{far, 0, 0, r}, node.now)).size() == 1);
}

BOOST_AUTO_TEST_CASE(a_peer_that_holds_more_and_sends_nothing_is_asked_again_with_growing_waits) {
  linked_node node({{{peer, 5}, 9}});
  std::vector<uint64_t> asked;
  for (const auto until = node.now + 900'000'000; node.now < until; node.now += 1'000'000) {
    node.hear(heartbeat{});
    for (const auto& r : sent<state_request>(node.core.step(tick{}, node.now)))
      if (r.origin == peer)
        asked.push_back(node.now);
  }
  BOOST_REQUIRE(asked.size() > 5);
  BOOST_TEST(asked.size() < 30);
  for (size_t i = 1; i < asked.size(); ++i) // the timeout and a random part of at most the cap
    BOOST_TEST((asked[i] - asked[i - 1] >= 30'000'000 && asked[i] - asked[i - 1] <= 92'000'000));
  BOOST_TEST(node.core.retries() == 1);
  node.hear(part(0, false));
  BOOST_TEST(node.core.retries() == 0);
}

BOOST_AUTO_TEST_CASE(a_peer_that_misses_a_beat_is_stale_and_asked_for_a_sign_of_life) {
  linked_node node;
  node.core.step(tick{}, node.now + 14'000'000);
  BOOST_TEST(!node.core.sessions().at(peer).stale);
  const auto out = node.core.step(tick{}, node.now + 16'000'000);
  BOOST_TEST(node.core.sessions().at(peer).stale);
  BOOST_TEST(sent<heartbeat>(out).size() == 1);
  node.now += 17'000'000;
  node.hear(heartbeat{});
  BOOST_TEST(!node.core.sessions().at(peer).stale);
  node.core.step(tick{}, node.now + 31'000'000);
  BOOST_TEST(node.core.sessions().empty());
}

BOOST_AUTO_TEST_CASE(while_an_origin_is_stale_another_is_asked_for_its_ops) {
  linked_node node;
  node.core.step(link_up{far}, node.now);
  hello m;
  m.members = node.core.members();
  node.core.step(received{far, 0, 0, m}, node.now);
  const auto asks_peer = [&](const effects& out, bool stop) {
    for (const auto& s : all_of<shoal::protocol::send>(out))
      if (const auto* r = std::get_if<state_request>(&s.body);
          r && r->origin == far && r->stop == stop && s.to == std::vector{peer})
        return true;
    return false;
  };
  node.now += 14'000'000;
  BOOST_TEST(!asks_peer(node.hear(heartbeat{}), false)); // this one is not stale
  node.now += 2'000'000;
  BOOST_TEST(asks_peer(node.core.step(tick{}, node.now), false));
  BOOST_TEST(asks_peer(node.core.step(received{far, 0, 0, heartbeat{}}, node.now), true));
}

BOOST_AUTO_TEST_CASE(a_statement_of_folded_epochs_counts_for_what_is_certain) {
  linked_node node;
  const frontier lived = {{{far, 1}, 7}, {{far, 2}, 7}, {{far, 3}, 7}};
  statement st;
  st.member = peer;
  st.number = 1;
  st.membership = membership_hash(node.core.members());
  st.held = fold(lived, {{far, 3}});
  stored kept;
  kept.statements.push_back(st);
  node.core.step(std::move(kept), node.now);
  BOOST_TEST((node.core.held_by(peer) == frontier{{{far, 3}, 7}}));
  stored more; // what the fold stands for arrives here, too
  more.held = lived;
  node.core.step(std::move(more), node.now);
  BOOST_TEST((node.core.held_by(peer) == lived));
}

BOOST_AUTO_TEST_CASE(epochs_fold_once_every_member_holds_them_to_their_end) {
  linked_node node;
  const frontier lived = {{{far, 1}, 7}, {{far, 2}, 7}, {{far, 3}, 7}};
  stored s;
  s.held = lived;
  const auto state = [&](frontier held_by_far) {
    uint64_t number = node.now;
    for (const auto& [member, held] :
         std::map<device_id, frontier>{{self, lived}, {peer, lived}, {far, held_by_far}}) {
      statement st;
      st.member = member;
      st.number = number;
      st.membership = membership_hash(node.core.members());
      st.held.open = held;
      s.statements.push_back(st);
    }
    node.core.step(s, node.now);
    s.statements.clear();
    node.now += 1'000'000;
    std::map<device_id, uint64_t> ended;
    for (const auto& k : all_of<keep_state>(node.core.step(tick{}, node.now)))
      ended.insert(k.ended.begin(), k.ended.end());
    return ended;
  };
  auto behind = lived;
  behind[{far, 2}] = 6;
  BOOST_TEST(state(behind).empty());
  BOOST_TEST((state(lived) == std::map<device_id, uint64_t>{{far, 3}}));
  BOOST_TEST(state(lived).empty()); // said once
}

BOOST_AUTO_TEST_CASE(who_is_removed_learns_that_and_nothing_else) {
  linked_node node;
  stored s;
  s.held = {{{self, 5}, 3}};
  s.members = member_set{{self, {}}, {peer, {}}, {far, {}}};
  s.members->at(peer).removed = true;
  statement st;
  st.member = far;
  st.number = 1;
  s.statements.push_back(st);
  const auto out = node.core.step(s, node.now);
  const auto told = sent<watermark_exchange>(out);
  BOOST_REQUIRE(told.size() == 1);
  BOOST_TEST((told.front().members == *s.members));
  BOOST_TEST(told.front().held.empty());
  BOOST_TEST(told.front().statements.empty());
  BOOST_TEST(sent<goodbye>(out).size() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
