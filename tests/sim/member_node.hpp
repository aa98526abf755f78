#pragma once
// One of three members, as the core of the protocol: what its store and its peers say is told, what
// it does about that is read.

#include "sim/workload.hpp"
#include "tests/sim/effects.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::protocol::tests {

using sim::all_of;
using sim::device_of;
using sim::sent;

const device_id self = device_of(0);
const device_id peer = device_of(1);
const device_id far = device_of(2);
const stream_id own{self, 5};
const stream_id theirs{peer, 6};
const std::string one(16, '1');
const std::string two(16, '2');

struct member_node {
  replicator core;
  stored disk; // what the store says: changed by tests, told by `tell`
  uint64_t now = 1'000'000;
  effects last;

  explicit member_node(frontier held, durable_state state = {}, settings s = {})
      : core((s.self = self, s), 0) {
    disk.held = std::move(held);
    disk.digest = one;
    disk.state = std::move(state);
    disk.members = member_set{{self, {}}, {peer, {}}, {far, {}}};
    tell();
    disk.members.reset();
    disk.state.reset();
  }
  const effects& tell() { return last = core.step(stored(disk), now); }
  const effects& hear(message m, device_id from = peer) {
    return last = core.step(received{from, 0, 0, std::move(m)}, now);
  }
  const effects& greet(hello m, device_id from = peer) {
    core.step(link_up{from}, now);
    m.members = core.members();
    return hear(std::move(m), from);
  }
  const effects& later(uint64_t us, uint64_t wall_ms = 1) {
    now += us;
    return last = core.step(tick{wall_ms}, now);
  }
  heartbeat beat(std::string digest) const {
    heartbeat m;
    m.frontier_hash = hash_of(core.held());
    m.members_hash = hash_of(core.members());
    m.digest = std::move(digest);
    return m;
  }
  /// The first two versions of `own` have other checksums at the peer, however often it is asked.
  void differ_for_good() {
    for (int look = 0; look < 3; ++look) {
      if (look > 0)
        later(600'000);
      BOOST_REQUIRE(sent<compare_request>(last).size() == 1);
      hear(compare_response{own, 0, 2, {{2, 2, 1}}});
      last = core.step(summed{peer, own, 0, 2, false, {{2, 2, 2}}, false}, now);
    }
  }
  std::optional<keep_state> kept() const {
    const auto all = all_of<keep_state>(last);
    return all.empty() ? std::nullopt : std::optional(all.back());
  }
};

inline hello holding(frontier held) {
  hello m;
  m.held = std::move(held);
  return m;
}
/// Of a store that is known to be an older copy: only then a peer may have forgotten what it lacks.
inline settings restored() {
  settings s;
  s.restored = true;
  return s;
}
inline durable_state forgot(frontier deletes_from) {
  durable_state s;
  s.deletes_from = std::move(deletes_from);
  return s;
}
inline range_message repair_of(const stream_id& s, uint64_t from, uint64_t to) {
  range_message m;
  m.kind = message_kind::shared_change_response;
  m.body.stream = s;
  m.body.from = from;
  m.body.to = to;
  m.body.log_complete = false;
  m.body.repair = true;
  return m;
}

} // namespace shoal::protocol::tests
