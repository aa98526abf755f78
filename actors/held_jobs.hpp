#pragma once
// What becomes of a store writer's jobs while the disk has no room for them: clients are refused,
// and what peers sent is kept, neither written nor acknowledged. So they keep their cursors, and
// send no more than a window each.

#include "actors/handles.hpp"

namespace shoal {

class held_jobs {
public:
  /// True when the job was dealt with: refused with `why`, kept, or dropped because the peers tell
  /// it again. Else it is for the writer to refuse: a range beyond what can be kept.
  bool take(const std::shared_ptr<job>& j, const error& why);
  bool empty() const { return all_.empty(); }
  /// In the order in which they came; none is left.
  std::vector<std::shared_ptr<job>> give_back();

private:
  bool keep(const std::shared_ptr<job>& j, uint64_t bytes);

  std::vector<std::shared_ptr<job>> all_;
  std::shared_ptr<job> members_; // one of all_, which takes in those that come later
  uint64_t bytes_ = 0;
};

} // namespace shoal
