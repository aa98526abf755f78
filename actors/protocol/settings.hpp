#pragma once
// What one library's part in the protocol is told at its start, and its delays and bounds.

#include "messages/message.hpp"

#include <functional>
#include <set>

namespace shoal::protocol {

/// A Goodbye's reason, said once the receiver's removal is durable at the sender.
constexpr const char* no_longer_a_member = "no longer a member";
/// A Goodbye's reason: the sender's store is from before it was taken back.
constexpr const char* begins_anew = "begins anew";

struct settings {
  device_id self;
  uint64_t boot_nonce = 0;
  /// Of this device's membership, when its store began; 0: as the first member set has it.
  uint64_t generation = 0;
  std::string name;
  uint64_t models = 0; // hash of this node's model definitions; 0: not told to peers
  uint64_t heartbeat_us = 10'000'000;
  uint64_t heartbeat_misses = 3;           // as many missed ones close a link
  uint64_t prune_us = 1'000'000;           // a statement at most this often
  uint64_t batch_window_us = 0;            // 0: live changes go out at once
  uint64_t dial_round_us = 3'000'000;      // after it a node that linked nobody is `ready`
  uint64_t beat_after_change_us = 100'000; // peers learn this soon that all is level again
  uint64_t max_drift_ms = 120'000;         // how far a wall may be from the members' median
  uint64_t exchange_every_us = 1'000'000;  // watermark exchanges with one peer, at most
  size_t ring_bytes = size_t{4} << 20; // newest ranges kept encoded, for links that lag a little
  size_t load_bytes = size_t{1} << 20; // one read of a range ends at this,
  size_t page_ops = 10'000;            // or at this
  size_t batch_ops = 1000;             // live ranges that are joined into one
  uint64_t message_timeout_us = 30'000'000; // then what was not answered is asked for again,
  uint64_t retry_initial_us = 1'000'000;    // and again, with exponential backoff and jitter
  uint64_t retry_max_us = 60'000'000;
  // Retention: beyond it, members that were not linked for a while are passed over.
  uint64_t max_log_entries = 1'000'000;
  uint64_t max_log_age_ms = uint64_t{30} * 24 * 3'600'000;
  uint64_t passed_over_after_us = 60'000'000;
  /// Peers that are listened to while the member set does not name this node: a store that is new
  /// here, or was lost, learns the set from one of them.
  std::set<device_id> contacts = {};
  /// Whether a statement in this device's name was signed by it: the proof of what it once held.
  /// Empty: nothing is proven.
  std::function<bool(const statement&)> is_own_word = {};
  bool restored = false; // the store is known to be an older copy of itself
};

} // namespace shoal::protocol
