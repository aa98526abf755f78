#pragma once
// What one library's part in the protocol hears of, and what it has done.

#include "actors/protocol/comparison.hpp"
#include "messages/members.hpp"
#include "messages/message.hpp"
#include "messages/resync.hpp"

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace shoal::protocol {

// ---- events ----

/// The transport has an authenticated connection to a member.
struct link_up {
  device_id peer;
};
struct link_down {
  device_id peer;
};
/// A message of this library from a linked peer.
struct received {
  device_id peer;
  uint64_t sent_wall_ms = 0; // the envelope's timestamp
  uint64_t wall_ms = 0;      // local wall when it came
  message body;
};
enum class outcome {
  applied,
  duplicate,
  gap,
  no_room, // too many ops of its origin wait for their time here: tried again later
  refused, // no honest member sends that
  dropped, // this node could not keep it
};
/// What became of one `apply` effect.
struct apply_result {
  device_id peer;
  stream_id stream;
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t cost = 0;
  outcome what = outcome::applied;
  std::string why;            // refused or dropped
  std::optional<range> relay; // complete as it came: may be passed on without reading the store
};
/// What became of one `repair` effect.
struct repaired {
  device_id peer;
  stream_id stream;
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t cost = 0;
  uint64_t records = 0; // that changed
  bool failed = false;
  repair_goal goal = repair_goal::unite;
  std::vector<dot> lost_there; // see replica::repair_outcome
};
/// What is durable besides records and frontiers.
struct durable_state {
  frontier deletes_from; // up to here deletes have been forgotten here
  bool filling = false;
  std::optional<resync_state> resync;
  std::map<device_id, uint64_t> passed_over; // since when, wall ms
  std::map<device_id, uint64_t> ended;       // first epoch that is not folded
  bool fell_back = false;                    // this device's own word showed that it once held more
};
/// A group of writes is durable (or was refused). Also the first event after opening.
struct stored {
  frontier held; // all of it
  bool settled = true;
  uint64_t log_entries = 0;
  uint64_t oldest_log_ms = 0;
  uint64_t records = 0;     // live ones
  std::string digest;       // 16 bytes
  frontier until;           // only when not settled
  uint64_t quarantine = 0;  // hash of the ops that are held but not merged
  uint64_t quarantined = 0; // how many of them wait for their time
  std::vector<range> local; // own ops of this group, in order
  std::vector<apply_result> applied;
  std::vector<repaired> repairs;
  std::optional<durable_state> state; // when it changed, and in the first event
  std::optional<member_set> members;  // when they changed
  std::vector<statement> statements;  // kept in this group; all kept ones in the first event
  std::vector<tip_check> tips;        // what devices signed that this group came level with
};
/// Answer to `load`; `parts` is empty when there was nothing to read or the read failed.
struct loaded {
  device_id peer;
  stream_id stream;
  uint64_t from = 0;
  std::vector<range> parts;
  bool failed = false;
  uint64_t deletes_from = 0; // of the stream, in the very state that was read
};
/// Answer to `sum`.
struct summed {
  device_id peer;
  stream_id stream;
  uint64_t from = 0;
  uint64_t to = 0;
  bool for_peer = false;
  std::vector<interval_sum> sums;
  bool failed = false;
};
/// Compare all that is held with every linked peer.
struct verify {
  bool repair = false; // take what they have and this node lacks
};
struct tick {
  uint64_t wall_ms = 0;
};

using event = std::variant<link_up, link_down, received, stored, loaded, summed, verify, tick>;

// ---- effects ----

/// Encode once, hand the same bytes to all of `to`.
struct send {
  std::vector<device_id> to;
  message body;
};
/// Read the next range of a stream after `from`, for `peer`.
struct load {
  device_id peer;
  stream_id stream;
  uint64_t from = 0;
  size_t max_bytes = 0;
  size_t max_ops = 0;
};
/// Commit all parts of one range; answered in `stored`.
struct apply {
  device_id peer;
  std::vector<range> parts;
  uint64_t cost = 0;
};
struct close_link {
  device_id peer;
  std::string reason;
  bool breach = false; // the peer did what no honest member does …
  /// … unless it believed another member: no reason to refuse its next link.
  bool hearsay = false;
};
struct fold_members {
  member_set members;
};
/// Check the signature, keep what is newer.
struct keep_statement {
  device_id peer;
  statement what;
};
/// Make, sign and keep this node's next statement.
struct make_statement {};
/// Remove from the log what `stable` covers.
struct prune {
  frontier stable;
};
/// Drop marks that are old enough and covered; see replica::prune_marks.
struct prune_marks {
  frontier stable;
};
/// Read checksums: of the intervals in `like`, or, for a peer, of (from, to].
struct sum {
  device_id peer;
  stream_id stream;
  uint64_t from = 0;
  uint64_t to = 0;
  bool for_peer = false;
  std::vector<interval_sum> like;
};
/// Read what stands in an interval, for a peer; answered by `loaded`.
struct load_standing {
  device_id peer;
  stream_id stream;
  uint64_t from = 0;
  uint64_t to = 0;
};
/// Merge what a peer has there; answered in `stored`.
struct repair {
  device_id peer;
  std::vector<range> parts;
  repair_goal goal = repair_goal::unite;
  uint64_t cost = 0;
};
/// Changes of `durable_state`; answered in `stored`.
struct keep_state {
  bool filled = false;
  bool change_resync = false;
  std::optional<resync_state> resync;                        // with change_resync
  frontier deletes_from;                                     // to be raised to
  std::vector<stream_id> lost;                               // see replica::lower_until
  std::optional<std::pair<device_id, uint64_t>> passed_over; // 0: no longer
  std::map<device_id, uint64_t> ended;                       // to be raised to
};
/// Records of `owner` here are not what it signed; `by`: who relayed them since they last were, or
/// the owner itself when it sent them. To be told to the operator and counted.
struct forged {
  device_id owner;
  std::vector<device_id> by;
};
/// A comparison with a peer has ended: to be logged and counted.
struct compared {
  comparison_report report;
};

using effect =
    std::variant<send, load, apply, close_link, fold_members, keep_statement, make_statement, prune,
                 prune_marks, sum, load_standing, repair, keep_state, forged, compared>;
using effects = std::vector<effect>;

} // namespace shoal::protocol
