#pragma once
// The network: one connection per pair of linked nodes, ordered, of which any suffix may be lost
// when it is cut; latency, partitions in one or both directions. `plan` may add loss, duplication
// and reordering within a connection.

#include "messages/message.hpp"
#include "sim/occurred.hpp"
#include "sim/plan.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <tuple>

namespace shoal::sim {

/// The one queue of things to come; ties are broken by the seed.
class timeline {
public:
  explicit timeline(uint64_t seed) : seed_(seed) {}
  uint64_t now() const { return now_; }
  void at(uint64_t when, std::function<void()> what);
  void after(uint64_t delay, std::function<void()> what) { at(now_ + delay, std::move(what)); }
  /// Runs the next event; false when there is none.
  bool step();
  /// Whether there is one at this moment or before.
  bool due(uint64_t us) const { return !heap_.empty() && heap_.front().when <= us; }
  void advance(uint64_t us) { now_ = std::max(now_, us); }

private:
  struct entry {
    uint64_t when;
    uint64_t tie;
    uint64_t number;
    std::function<void()> what;
  };
  static bool later(const entry& a, const entry& b) {
    return std::tie(a.when, a.tie, a.number) > std::tie(b.when, b.tie, b.number);
  }
  uint64_t seed_;
  uint64_t now_ = 0;
  uint64_t number_ = 0;
  uint64_t last_when_ = 0;
  uint64_t same_when_ = 0; // how often in a row
  std::vector<entry> heap_;
};

/// What the network tells its nodes.
class net_listener {
public:
  virtual ~net_listener() = default;
  virtual bool is_up(size_t node) const = 0;
  /// Whether `node` holds `peer` a member.
  virtual bool accepts(size_t node, size_t peer) const = 0;
  virtual void linked(size_t node, size_t peer) = 0;
  virtual void unlinked(size_t node, size_t peer) = 0;
  virtual void arrived(size_t node, size_t peer, const frame_ptr& frame) = 0;
};

class sim_net {
public:
  sim_net(const plan& p, timeline& t, net_listener& l, occurred& seen);

  /// Neighbours dial each other until they are linked.
  void start();
  /// `faulty_frames`: subject to the plan's loss, duplication and reordering.
  void send(size_t from, size_t to, frame_ptr frame, bool faulty_frames);
  /// Ends the connection; both sides learn of it, not at the same time. `crashed` does not.
  void cut(size_t a, size_t b, std::optional<size_t> crashed = std::nullopt);
  void cut_all(size_t node, bool crashed);
  /// Holds what goes from `a` to `b` back (true), or lets it go on.
  void block(size_t a, size_t b, bool on);
  /// Until then each byte from `a` to `b` takes that long, one frame after the other.
  void slow(size_t a, size_t b, uint64_t until_us, uint64_t us_per_byte);
  bool blocked(size_t a, size_t b) const { return lines_[a][b].blocked; }
  /// Whether what `a` sends to `b` can arrive.
  bool linked(size_t a, size_t b) const { return lines_[a][b].up && lines_[b][a].up; }
  bool neighbours(size_t a, size_t b) const;
  /// From now on: no loss, duplication or reordering; everything is cut once if there was any.
  void heal();

private:
  struct line {              // one direction
    bool up = false;         // the receiving side has not been told of the end
    uint64_t connection = 0; // of which frames are taken
    bool blocked = false;
    uint64_t last_arrival = 0;
    uint64_t slow_until = 0;
    uint64_t us_per_byte = 0;
    random_source frames; // latency and faults of what goes this way
    random_source links;  // when they come up and how they end
    std::deque<std::pair<frame_ptr, bool>> held;
  };
  void dial(size_t a, size_t b);
  void deliver(size_t from, size_t to, frame_ptr frame, bool faulty);
  uint64_t delay(line& l, size_t bytes);

  const plan& plan_;
  timeline& time_;
  net_listener& nodes_;
  occurred& seen_;
  bool healed_ = false;
  uint64_t connections_ = 0;
  std::vector<std::vector<line>> lines_; // [from][to]
};

} // namespace shoal::sim
