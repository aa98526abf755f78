#pragma once
// Clients that write without pause while nodes die under them, and an account of what they were
// promised.

#include "tests/nodes/cluster.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

namespace shoal::nodes {

/// What the writers were told is durable. Kept here, outside of every process that is killed.
class ledger {
public:
  void note(const std::string& id, uint64_t version);
  /// Record → newest version acknowledged.
  std::map<std::string, uint64_t> all() const;
  /// Fails the test for every acknowledged version that `records` (of an export) does not have.
  void check(const std::map<std::string, json>& records) const;

private:
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> acknowledged_;
};

/// A client of one node that writes as fast as it is answered: fresh tags, fresh entries, atomic
/// pairs, and again and again a tag of its own. Each record's `search_weight` or `size` counts its
/// versions.
class writer {
public:
  /// `between`: what it waits after each write; the load, not an event.
  writer(node& target, ledger& told, unsigned number, std::chrono::milliseconds between = 0ms);
  ~writer() { end(); }
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  /// Returns once no request is under way.
  void pause();
  void resume() { paused_ = false; }
  void end();
  uint64_t acknowledged() const { return acknowledged_; }
  /// Fails the test when a write that is right was refused, or half of a pair is in `records`.
  void check(const std::map<std::string, json>& records) const;

private:
  std::string fresh_id();
  void run();
  bool step(std::optional<api>& client);
  bool done(const answer& got, const std::map<std::string, uint64_t>& wrote);

  node& target_;
  ledger& told_;
  unsigned number_;
  std::chrono::milliseconds between_;
  mutable std::mutex mutex_;                               // held during a request
  std::vector<std::pair<std::string, std::string>> pairs_; // both halves are on a node, or none
  std::string refused_; // the last answer that said no to a write which is right
  uint64_t turn_ = 0;
  uint64_t ids_ = 0;
  uint64_t own_version_ = 0;
  std::string own_tag_ = fresh_id();
  std::atomic<uint64_t> acknowledged_{0};
  std::atomic<bool> paused_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_; // last: it uses all of the above
};

} // namespace shoal::nodes
