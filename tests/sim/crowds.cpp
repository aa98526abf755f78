// What a large mesh does less of, or not all at one moment: each node speaks to all others, so that
// whatever one of them says again and again goes by the square of their number.

#include "sim/workload.hpp"
#include "tests/sim/effects.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

using namespace shoal;
using namespace shoal::protocol;
using shoal::sim::device_of;
using shoal::sim::sent;

namespace {

constexpr size_t members = 40;
constexpr uint64_t crowd = 4; // so much less often than in a mesh of ten, or fewer

settings settings_of_node(size_t self) {
  auto s = sim::settings_of(device_of(self));
  s.boot_nonce = self + 1; // what a node draws begins with it
  return s;
}

/// One of forty members, linked to all the others, at rest for longer than an exchange takes to be
/// due again.
struct node_of_many {
  settings bounds;
  replicator core;
  uint64_t now = 1'000'000;

  /// Of that many, the last ones may have been removed.
  explicit node_of_many(size_t self = 0, size_t removed = 0)
      : bounds(settings_of_node(self)), core(bounds, 0) {
    stored first;
    first.members.emplace();
    for (size_t i = 0; i < members; ++i)
      (*first.members)[device_of(i)].removed = i >= members - removed;
    first.digest = std::string(16, '0');
    core.step(std::move(first), now);
    for (size_t i = 0; i < members - removed; ++i)
      if (i != self) {
        core.step(link_up{device_of(i)}, now);
        hello m;
        m.members = core.members();
        hear(i, std::move(m));
      }
    now += 2 * bounds.exchange_every_us * crowd;
    core.step(tick{}, now); // asks for its first statement
    statement own;
    own.member = device_of(self);
    own.number = 1;
    store({}, {own});
  }
  effects hear(size_t peer, message m) {
    return core.step(received{device_of(peer), 0, 0, std::move(m)}, now);
  }
  void store(frontier held, std::vector<statement> statements = {}) {
    stored s;
    s.statements = std::move(statements);
    s.held = std::move(held);
    s.digest = std::string(16, 'd');
    core.step(std::move(s), now);
  }
  effects next_tick() {
    now = core.next_tick_us(now);
    return core.step(tick{}, now);
  }
};

/// To whom a message of the kind goes, once for each.
template <class Message>
std::vector<device_id> told(const effects& all) {
  std::vector<device_id> out;
  for (const auto& e : all)
    if (const auto* s = std::get_if<protocol::send>(&e);
        s && std::holds_alternative<Message>(s->body))
      out.insert(out.end(), s->to.begin(), s->to.end());
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(crowds)

BOOST_AUTO_TEST_CASE(peers_whose_beats_all_differ_are_asked_for_an_exchange_one_after_another) {
  node_of_many node;
  std::vector<device_id> asked;
  const auto note = [&](const effects& all) {
    const auto now = told<watermark_exchange>(all);
    BOOST_TEST(now.size() <= 1);
    asked.insert(asked.end(), now.begin(), now.end());
  };
  for (size_t i = 1; i < members; ++i) {
    heartbeat m;
    m.frontier_hash = 17;
    m.members_hash = hash_of(node.core.members());
    note(node.hear(i, std::move(m)));
  }
  BOOST_TEST(asked.empty()); // it may come by itself
  const auto end = node.now + (1 + crowd) * node.bounds.exchange_every_us;
  while (node.now < end)
    note(node.next_tick());
  BOOST_TEST(asked.size() == members - 1);
  BOOST_TEST(std::set(asked.begin(), asked.end()).size() == members - 1); // each of them once
}

BOOST_AUTO_TEST_CASE(
    who_lacks_more_than_statements_is_asked_first_and_who_is_level_by_then_is_not) {
  node_of_many node;
  const frontier later{{{device_of(9), 5}, 3}};
  uint64_t statements = 0; // of those that are known here, as its own beats tell
  const auto beat = [&](size_t from, uint64_t frontier_hash, bool differs) {
    heartbeat m;
    m.frontier_hash = frontier_hash;
    m.members_hash = hash_of(node.core.members());
    m.statements_hash = differs ? 17 : statements;
    const auto out = node.hear(from, std::move(m));
    for (const auto& own : sent<heartbeat>(out))
      statements = own.statements_hash;
    return told<watermark_exchange>(out);
  };
  const auto here = hash_of(node.core.held());
  for (size_t i = 1; i < 20; ++i) {
    BOOST_TEST(beat(i, here, true).empty()); // one or another statement is always on its way
    if (i < 10)
      BOOST_TEST(beat(i, here, true).empty());
  }
  for (size_t i = 20; i < 30; ++i)
    BOOST_TEST(beat(i, hash_of(later), false).empty());
  BOOST_TEST(beat(30, 17, false).empty()); // of what nobody else tells
  node.store(later);                       // what those from 20 on had comes here
  std::vector<device_id> asked;
  const auto end = node.now + (1 + crowd) * node.bounds.exchange_every_us;
  while (node.now < end)
    for (const auto& peer : told<watermark_exchange>(node.next_tick()))
      asked.push_back(peer);
  BOOST_REQUIRE(!asked.empty());
  BOOST_TEST((asked.front() == device_of(30)));
  BOOST_TEST(asked.size() == 10); // and those of whom statements are missing again
}

// One that writes and is heard of in turn by a hundred made each of them ask the others.
BOOST_AUTO_TEST_CASE(a_peer_that_is_where_this_node_was_a_moment_ago_is_not_asked) {
  node_of_many node;
  const stream_id writer{device_of(9), 5};
  std::vector<uint64_t> hashes;
  for (uint64_t seq = 1; seq <= 3; ++seq) {
    node.now += 100'000;
    node.store({{writer, seq}});
    hashes.push_back(hash_of(node.core.held()));
  }
  const auto asked_in = [&](uint64_t us) {
    size_t asked = 0;
    for (const auto end = node.now + us; node.now < end;)
      asked += told<watermark_exchange>(node.next_tick()).size();
    return asked;
  };
  const auto beat = [&](size_t from, uint64_t frontier_hash) {
    heartbeat m;
    m.frontier_hash = frontier_hash;
    m.members_hash = hash_of(node.core.members());
    return told<watermark_exchange>(node.hear(from, std::move(m))).size();
  };
  BOOST_TEST(beat(1, hashes[0]) == 0);
  BOOST_TEST(beat(2, hashes[1]) == 0);
  BOOST_TEST(beat(3, hash_of(frontier{{writer, 4}})) == 0); // it has what is on its way here
  node.store({{writer, 4}});
  BOOST_TEST(asked_in(2'000'000) == 0);
  // Whoever stays there lacks something.
  (void)asked_in(node.bounds.heartbeat_us);
  BOOST_TEST(beat(1, hashes[0]) == 0);
  BOOST_TEST(asked_in(2'000'000) == 1);
}

// Met in review: with each heartbeat the patience began anew.
BOOST_AUTO_TEST_CASE(a_peer_that_beats_again_and_again_is_asked_all_the_same) {
  node_of_many node;
  size_t asked = 0;
  const auto begin = node.now;
  for (uint64_t n = 0; asked == 0 && n < 10; ++n) {
    heartbeat m;
    m.frontier_hash = 17 + n;
    m.members_hash = hash_of(node.core.members());
    asked += told<watermark_exchange>(node.hear(1, std::move(m))).size();
    for (const auto end = node.now + 400'000; asked == 0 && node.now < end;)
      asked += told<watermark_exchange>(node.next_tick()).size();
  }
  BOOST_TEST(asked == 1);
  BOOST_TEST(node.now - begin < 2'500'000);
}

BOOST_AUTO_TEST_CASE(members_that_were_removed_make_no_crowd) {
  node_of_many node(0, members - 5);
  size_t asked = 0;
  for (size_t i = 1; i < 5; ++i) {
    heartbeat m;
    m.frontier_hash = 17;
    m.members_hash = hash_of(node.core.members());
    asked += told<watermark_exchange>(node.hear(i, std::move(m))).size();
  }
  BOOST_TEST(asked == 4);
}

BOOST_AUTO_TEST_CASE(one_write_gives_each_node_its_own_moment_for_a_statement) {
  std::set<uint64_t> moments;
  for (size_t self = 0; self < 8; ++self) {
    node_of_many node(self);
    const auto wrote = node.now;
    node.store({{{device_of(9), 5}, 1}});
    bool stated = false;
    size_t ticks = 0;
    while (!stated && ++ticks < 1000)
      for (const auto& e : node.next_tick())
        stated = stated || std::holds_alternative<make_statement>(e);
    BOOST_TEST(stated);
    BOOST_TEST(ticks < 30); // it waits without looking all the time whether it is due
    BOOST_TEST(node.now - wrote <= node.bounds.prune_us * crowd * crowd * 5 / 4 + 1'000'000);
    moments.insert(node.now);
  }
  BOOST_TEST(moments.size() > 4);
}

// Each goes to all: with one a second of each node, a hundred did little else.
BOOST_AUTO_TEST_CASE(all_nodes_together_make_no_more_statements_than_those_of_a_small_mesh) {
  node_of_many node;
  const uint64_t seconds = 80;
  uint64_t made = 0;
  for (uint64_t n = 1; n <= seconds; ++n) {
    node.store({{{device_of(9), 5}, n}});
    heartbeat m;
    m.frontier_hash = hash_of(node.core.held());
    m.members_hash = hash_of(node.core.members());
    for (size_t i = 1; i < members; ++i)
      node.hear(i, m);
    for (const auto end = node.now + 1'000'000; node.now < end;)
      for (const auto& e : node.next_tick())
        if (std::holds_alternative<make_statement>(e)) {
          ++made;
          statement own;
          own.member = device_of(0);
          own.number = made + 1;
          own.membership = membership_hash(node.core.members());
          node.store({{{device_of(9), 5}, n}}, {own});
        }
  }
  BOOST_TEST(made >= seconds / (crowd * crowd * 5 / 4) - 1);
  BOOST_TEST(made <= seconds / (crowd * crowd * 3 / 4) + 1);
}

BOOST_AUTO_TEST_CASE(beats_that_were_told_at_one_moment_come_apart) {
  node_of_many node;
  node.store({{{device_of(9), 5}, 1}});
  size_t most = 0;
  const auto at_once =
      told<heartbeat>(node.core.step(tick{}, node.now += node.bounds.beat_after_change_us * crowd));
  BOOST_TEST(at_once.size() == members - 1); // the change
  const auto end = node.now + node.bounds.heartbeat_us + 1'000'000;
  size_t all = 0;
  while (node.now < end) {
    const auto now = told<heartbeat>(node.next_tick()).size();
    most = std::max(most, now);
    all += now;
    for (size_t i = 1; i < members; ++i) { // the links live
      heartbeat m;
      m.frontier_hash = hash_of(node.core.held());
      m.members_hash = hash_of(node.core.members());
      m.echo = 1;
      node.hear(i, std::move(m));
    }
  }
  BOOST_TEST(all >= members - 1);
  BOOST_TEST(most < (members - 1) * 3 / 4);
}

BOOST_AUTO_TEST_SUITE_END()
