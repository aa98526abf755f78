#pragma once
// A client that writes tags one by one, and keeps what it was promised: outside of the node that
// fails under it.

#include "tests/nodes/cluster.hpp"

#include <random>
#include <set>

namespace shoal::nodes {

class tag_writer {
public:
  /// `kind` tells its ids from those of others; each tag has `bytes` of noise.
  explicit tag_writer(uint64_t kind, size_t bytes = 0) : kind_(kind), bytes_(bytes) {}

  /// True when the write was acknowledged; the answer is kept. Fails the test when its stamp was
  /// given out before.
  bool put(api& to);
  /// Until one is refused, at most `most`.
  void put_until_refused(api& to, size_t most);
  const answer& last() const { return last_; }
  size_t count() const { return acknowledged_.size(); }
  /// Fails the test for acknowledged writes that are not there.
  void check(const std::string& exported) const;

private:
  uint64_t kind_;
  size_t bytes_;
  uint64_t next_ = 0;
  std::mt19937_64 random_{1};
  std::vector<std::string> acknowledged_;
  std::set<std::string> stamps_;
  answer last_;
};

/// True once a write is taken again; `limit` is what the node may need for that.
bool writes_again(node& n, tag_writer& tags, std::chrono::milliseconds limit = 10s);

} // namespace shoal::nodes
