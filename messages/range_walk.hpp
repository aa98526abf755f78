#pragma once
// The ops of a range one after the other, read in place where they are plain inserts.

#include "messages/message.hpp"
#include "messages/plain_op.hpp"

namespace shoal {

/// Checks what frame_ops() checks, op by op: who takes some of a range and then meets a fault has
/// to give them back. The range outlives it.
class range_walk {
public:
  explicit range_walk(const range& of) : of_(of), left_(of.ops), last_(of.from) {}
  /// Goes to the next op; false behind the last one.
  result<bool> next();
  uint64_t seq() const { return last_; }
  /// The op when it is a plain insert, else nullptr. Valid until the next call of next(); it may be
  /// swapped for another, whose memory is used then. Its views are of the range.
  plain_op* plain() { return is_plain_ ? &plain_ : nullptr; }
  /// The op whatever it is, decoded.
  const ranged_op& whole();

private:
  const range& of_;
  std::string_view left_; // behind the op under the cursor
  uint64_t last_;         // seq of that op
  uint32_t count_ = 0;
  plain_op plain_;
  bool is_plain_ = false;
  std::optional<ranged_op> whole_; // when it was asked for, or is not plain
};

} // namespace shoal
