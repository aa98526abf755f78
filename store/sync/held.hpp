#pragma once
// Ops that a node holds durably and does not merge: those stamped too far ahead of its wall
// (quarantined), and those that this version cannot read (dead letters). They count in frontier and
// acks and are passed on byte for byte; nothing of them shows in rows, log and digest.

#include "messages/op.hpp"
#include "store/sync/kv.hpp"

#include <functional>

namespace shoal {

enum class held_why : uint8_t {
  quarantined = 0, // merged once the wall has caught up
  unmergeable = 1, // tried again after an upgrade, or when asked for
};
std::string_view to_string(held_why why);

struct held_op {
  held_why why = held_why::quarantined;
  dot at;
  uint32_t batch_rest = 0;
  hlc stamp;             // as far as it could be read
  uint64_t since_ms = 0; // local wall
  bool hidden = false;   // an operator does not want to see it in lists
  bool released = false; // its edits were committed anew here; see recommit.cpp
  /// Others of its atomic batch were applied: device-owned ones, or those that could be read.
  bool split = false;
  /// Nobody who sent rows had merged it: what it supersedes is here. Else some of that may be
  /// missing until it is merged.
  bool complete = true;
  /// Of an unmergeable one: rows that it supersedes came, or did not come, with ranges of nodes
  /// that had merged it. Until it is merged, this node's records may be like nobody else's.
  bool alone = false;
  std::string reason;
  std::string bytes; // the op as it came

  /// The last op of a batch looks like one alone, where the others came before it: among rows they
  /// may have been superseded, and left out.
  bool may_be_of_batch() const { return batch_rest > 0 || !complete; }
  /// Readers see half of its batch, and no operator has seen to it.
  bool shows_half() const { return split && !released && !hidden; }
};

/// How many ops are held, and the hash of them that heartbeats carry: where it is equal, equal
/// settled frontiers must have equal digests.
struct held_counts {
  uint64_t quarantined = 0;
  uint64_t unmergeable = 0;
  uint64_t incomplete = 0; // of the quarantined: a node with any is not settled
  uint64_t hidden = 0;     // of all
  uint64_t hash = 0;
  uint64_t halves = 0; // of all; with any, this node does not keep the promise of atomic batches
  uint64_t unread = 0; // hash of the unmergeable: equal where two nodes cannot read the same ops
  auto operator<=>(const held_counts&) const = default;
};
/// Fewer bytes are of a version that hashed in another way.
constexpr size_t held_counts_bytes = 56;
std::string encode(const held_counts& c);
result<held_counts> read_held_counts(std::string_view raw);

/// Disk form, without what the key says.
std::string encode(const held_op& h);
result<held_op> read_held(const dot& at, std::string_view raw);

/// Writes the op itself; what finds it by time or version is its replica's.
void put_held(kv_transaction& txn, const held_op& h);
result<std::optional<held_op>> get_held(const kv_view& view, const dot& at);
/// Calls `on` for each held op after `after`, by origin, epoch and seq, until it returns false.
status list_held(const kv_view& view, const dot* after, const std::function<bool(held_op&&)>& on);

/// The first `max` quarantined ops, by stamp, of which nothing that they supersede is missing.
result<std::vector<dot>> list_unmerged(const kv_view& view, size_t max);

} // namespace shoal
