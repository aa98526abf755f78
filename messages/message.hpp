#pragma once
// Everything that nodes say to each other, and the envelope it travels in.
//
// A frame is a 4-byte big-endian length and one envelope, a MessagePack map:
//   {"v": major version, "lib": library, "from": sender, "ts": wall ms, "k": kind, "b": body}
// in this order; `b` is a map whose keys depend on the kind. Unknown keys are skipped. The keys
// `sig`, `tip` and `enc` are reserved.

#include "messages/members.hpp"
#include "messages/op.hpp"
#include "messages/resync.hpp"

#include <memory>
#include <optional>
#include <variant>

namespace shoal {

enum class message_kind : uint8_t {
  hello = 1,
  goodbye = 2,
  error = 3,
  heartbeat = 4,
  statement = 5,
  watermark_exchange_request = 6,
  watermark_exchange_response = 7,
  state_change = 10,           // live, one device-owned op
  state_batch = 11,            // live, device-owned ops only
  state_request = 12,          // asks for an origin's streams
  state_response = 13,         // a range read from rows: has `until`
  shared_change = 20,          // live, one shared op
  shared_change_batch = 21,    // live, shared ops among them
  shared_change_request = 22,  // asks for what stands in one interval, to repair it
  shared_change_response = 23, // a range whose shared part is complete, read from the log
  ack_shared_changes = 24,     // link ack, for both classes
  compare_request = 30,        // what stands in an interval of a stream, as checksums
  compare_response = 31,
  snapshot_required = 32, // what was asked for lies below what this node can serve
};
std::string_view to_string(message_kind kind);

/// Bits of `hello.capabilities`.
namespace capability {
constexpr uint64_t zstd = 1; // takes bulk ranges compressed
}

/// Opens a (library, peer) session. Both sides send one.
struct hello {
  uint32_t minor = wire_limits::version_minor;
  uint64_t capabilities = 0;
  uint64_t boot_nonce = 0; // fresh with every start: two running copies of one device differ in it
  std::string name;
  uint64_t window = wire_limits::window_bytes; // unacknowledged range bytes this side accepts
  member_set members;
  frontier held;
  /// This side's store was made empty and has not been filled yet: it holds nothing that a
  /// forgotten delete could have taken.
  bool filling = false;
  uint64_t records = 0;  // live ones; what a peer that fills itself measures its progress by
  frontier deletes_from; // up to here deletes have been forgotten, and cannot be told to others
  bool asks = false;   // do not push: another peer is sending the receiver's ops, a request follows
  uint64_t models = 0; // hash of the sender's model definitions; 0: it does not say
  uint64_t statements = 0; // as in heartbeat; 0: it does not say
  auto operator<=>(const hello&) const = default;
};

/// Covers (from, to] of one stream: every op in it that still stands is among the ops of its parts.
/// Never begins or ends inside an atomic batch.
struct range {
  stream_id stream;
  uint64_t from = 0;
  uint64_t to = 0;
  /// Read from rows: versions that something at or below `until` superseded are left out, so the
  /// receiver is settled only when it holds `until`.
  frontier until;
  /// The shared ops of the range are all there, superseded ones too: they may enter the receiver's
  /// log.
  bool log_complete = true;
  /// Further parts of the same range follow on this link.
  bool more = false;
  /// Encoded ops, one after the other, in seq order; `count` of them.
  std::string ops;
  uint32_t count = 0;
  /// Place among the range's parts, from 0: a receiver that missed one must not take the rest for
  /// the whole.
  uint32_t part = 0;
  /// Answers a shared_change_request: is merged whatever the receiver holds. Or unasked: it holds
  /// deletes of which the receiver, when the two compared, was found to have lost the effect.
  bool repair = false;
  /// With it, last part: hash of the ops that the sender holds and cannot read; 0 when there are
  /// none.
  uint64_t unread = 0;
  /// The ops travel compressed; set only for a peer whose Hello had capability::zstd.
  bool compressed = false;
  /// Of a range read from rows, last part: ops at or below `until` that the sender holds unmerged,
  /// so that they have superseded nothing there. A receiver that does not merge another op lacks
  /// what that has superseded. May lack some, which costs time only.
  std::vector<dot> unmerged;
  bool operator==(const range&) const = default;
};
/// A range and the name it travels under.
struct range_message {
  message_kind kind = message_kind::shared_change_batch;
  range body;
  bool operator==(const range_message&) const = default;
};

/// Asks for all of `origin`'s streams, each from the seq given (absent: 0); with `follow` also for
/// what comes later, else for what is held now. A new request for an origin replaces the one
/// before; `stop` ends it.
struct state_request {
  device_id origin;
  std::map<uint64_t, uint64_t> from; // epoch → seq
  bool follow = true;
  bool stop = false;
  /// The asker compares all it holds with the sender: forgotten deletes do no harm.
  bool comparing = false;
  auto operator<=>(const state_request&) const = default;
};

/// Asks what stands in (from, to] of a stream, to find where two nodes that hold it both differ.
struct compare_request {
  stream_id stream;
  uint64_t from = 0;
  uint64_t to = 0;
  auto operator<=>(const compare_request&) const = default;
};
/// Checksum of what stands between the end of the interval before and `end`.
struct interval_sum {
  uint64_t end = 0;
  uint64_t versions = 0; // how many stand
  uint64_t hash = 0;     // of them and of what they say; see store/sync/compare.hpp
  auto operator<=>(const interval_sum&) const = default;
};
/// Covers (from, sums.back().end]; the request's rest is to be asked for again.
struct compare_response {
  stream_id stream;
  uint64_t from = 0;
  uint64_t to = 0;                // of the request, but no more than the sender holds
  std::vector<interval_sum> sums; // ends ascend
  auto operator<=>(const compare_response&) const = default;
};
/// Asks for all that stands in (from, to]; answered by ranges with `repair`.
struct shared_change_request {
  stream_id stream;
  uint64_t from = 0;
  uint64_t to = 0;
  auto operator<=>(const shared_change_request&) const = default;
};

/// Link ack: what the sender durably holds of the streams named, and credit for range bytes it has
/// committed (or dropped). Goes to the peer a range came from and, without credit, to a linked
/// origin.
struct link_ack {
  frontier held;
  uint64_t credit = 0;
  auto operator<=>(const link_ack&) const = default;
};

struct heartbeat {
  uint64_t ping = 0;         // echoed by the peer's next heartbeat
  uint64_t echo = 0;         // the last ping heard, 0 if none
  uint64_t echo_held_us = 0; // how long the echo waited here, to be taken off the round trip
  uint64_t frontier_hash = 0;
  uint64_t members_hash = 0;
  uint64_t statements_hash = 0;
  std::string digest;   // 16 bytes when settled, else empty
  bool filling = false; // as in Hello, as of now
  /// Of the ops that are held but not merged; 0 when there are none. Digests say something about
  /// each other only where it is equal.
  uint64_t quarantine_hash = 0;
  auto operator<=>(const heartbeat&) const = default;
};

/// A member's signed word on what it durably holds; only these feed pruning. Passed on verbatim.
struct statement {
  device_id member;
  uint64_t number = 0;
  uint64_t membership = 0; // membership_hash it was made under
  folded_frontier held;    // a settled frontier
  /// Its tip: the digest of its own device-owned rows at `held`, 16 bytes; or empty. Whoever got
  /// those rows from another member holds them against this.
  std::string owner_digest;
  std::string public_key; // SPKI, DER; its hash is the member's id
  std::string signature;  // over `signed_bytes`
  auto operator<=>(const statement&) const = default;
};
/// The answer to a request, or in place of a push, that begins below what the sender can serve:
/// deletes up to `deletes_from` have been forgotten there. The receiver compares what it holds and
/// drops what the sender no longer has.
struct snapshot_required {
  frontier deletes_from;
  /// The receiver's own word that it once held them: without it, it drops nothing.
  std::optional<statement> said = {};
  auto operator<=>(const snapshot_required&) const = default;
};
/// Where a node held just what a device signed for: are its rows those that were signed?
struct tip_check {
  device_id owner;
  bool holds = false;
  bool filling = false; // the node is: it may have been given what a forgotten delete had taken
};
/// What a statement's signature covers; names the library, so that it holds for no other.
std::string signed_bytes(const statement& s, const library_id& library);
void encode(writer& out, const statement& s);
statement read_statement(reader& in);

struct known_statement {
  uint64_t number = 0;
  uint64_t hash = 0; // two of one number differ when one is from before a restore
  auto operator<=>(const known_statement&) const = default;
};
known_statement known_of(const statement& s);

/// Frontier, member set and statements, when a heartbeat's hashes differ.
struct watermark_exchange {
  bool is_response = false;
  frontier held;
  member_set members; // empty: as the receiver's
  std::vector<statement> statements;
  /// The statements that the sender has, by member: the answer leaves out what is not news. Empty:
  /// not said, and all are wanted.
  std::map<device_id, known_statement> known = {};
  auto operator<=>(const watermark_exchange&) const = default;
};

struct error_message {
  std::string code; // "unknown_library", "unknown_version", …
  std::string text;
  auto operator<=>(const error_message&) const = default;
};

/// Ends the session of one library; the connection goes on for others. A Hello begins a new one.
struct goodbye {
  std::string reason;
  frontier held = {}; // at the end; empty: not said
  auto operator<=>(const goodbye&) const = default;
};

using message =
    std::variant<hello, goodbye, error_message, heartbeat, statement, watermark_exchange,
                 range_message, state_request, link_ack, compare_request, compare_response,
                 shared_change_request, snapshot_required>;
message_kind kind_of(const message& m);

struct envelope {
  library_id library;
  device_id sender;
  uint64_t timestamp_ms = 0;
  message body;
  bool operator==(const envelope&) const = default;
};

/// An encoded frame, length prefix included; shared by all links it goes to.
using frame_ptr = std::shared_ptr<const std::string>;

frame_ptr encode_frame(const envelope& e);

/// The parts of an envelope that route it, read without decoding the body.
struct envelope_head {
  library_id library;
  device_id sender;
  uint64_t timestamp_ms = 0;
  uint64_t kind = 0;
};
/// Decodes an envelope's head; `payload` is a frame without its length. An unknown major is
/// `ec::unknown_version`.
result<envelope_head> decode_head(std::string_view payload);
/// Decodes all of it. An unknown kind is `ec::unknown_kind`; every other fault ends the link.
result<envelope> decode_envelope(std::string_view payload);

/// An op of a range, with the bytes it came in.
struct ranged_op {
  op decoded;
  std::string_view bytes; // into `range.ops`
  /// Why this version cannot merge it; then only the seq of `decoded` is certain, and the rest is
  /// what could be read before the fault.
  std::optional<error> fault = std::nullopt;
};
/// Checks what a range promises: seqs ascending and inside (from, to], counts as said. An op that
/// is one well-formed item with a seq never fails it.
result<std::vector<ranged_op>> frame_ops(const range& r);
/// As `frame_ops`, but the first fault of an op is an error of the whole.
result<std::vector<ranged_op>> decode_ops(const range& r);

} // namespace shoal
