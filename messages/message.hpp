#pragma once
// Everything that nodes say to each other, and the envelope it travels in.
//
// A frame is a 4-byte big-endian length and one envelope, a MessagePack map:
//   {"v": major version, "lib": library, "from": sender, "ts": wall ms, "k": kind, "b": body}
// in this order; `b` is a map whose keys depend on the kind. Unknown keys are skipped. The keys
// `sig`, `tip` and `enc` are reserved.

#include "messages/frontier.hpp"
#include "messages/members.hpp"
#include "messages/op.hpp"

#include <memory>
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
  shared_change_response = 23, // a range whose shared part is complete, read from the log
  ack_shared_changes = 24,     // link ack, for both classes
};
std::string_view to_string(message_kind kind);

/// Opens a (library, peer) session. Both sides send one.
struct hello {
  uint32_t minor = wire_limits::version_minor;
  uint64_t capabilities = 0;
  uint64_t boot_nonce = 0; // fresh with every start: two running copies of one device differ in it
  std::string name;
  uint64_t window = wire_limits::window_bytes; // unacknowledged range bytes this side accepts
  member_set members;
  frontier held;
  uint64_t models = 0; // hash of the sender's model definitions; 0: it does not say
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
  auto operator<=>(const state_request&) const = default;
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
  std::string digest; // 16 bytes when settled, else empty
  auto operator<=>(const heartbeat&) const = default;
};

/// A member's signed word on what it durably holds; only these feed pruning. Passed on verbatim.
struct statement {
  device_id member;
  uint64_t number = 0;
  uint64_t membership = 0; // membership_hash it was made under
  frontier held;           // a settled frontier
  std::string public_key;  // SPKI, DER; its hash is the member's id
  std::string signature;   // over `signed_bytes`
  auto operator<=>(const statement&) const = default;
};
/// What a statement's signature covers; names the library, so that it holds for no other.
std::string signed_bytes(const statement& s, const library_id& library);
void encode(writer& out, const statement& s);
statement read_statement(reader& in);

/// Whole frontier, member set and statements, when a heartbeat's hashes differ.
struct watermark_exchange {
  bool is_response = false;
  frontier held;
  member_set members;
  std::vector<statement> statements;
  auto operator<=>(const watermark_exchange&) const = default;
};

struct error_message {
  std::string code; // "unknown_library", "unknown_version", …
  std::string text;
  auto operator<=>(const error_message&) const = default;
};

struct goodbye {
  std::string reason;
  auto operator<=>(const goodbye&) const = default;
};

using message = std::variant<hello, goodbye, error_message, heartbeat, statement,
                             watermark_exchange, range_message, state_request, link_ack>;
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

/// The ops of a range, decoded, with the bytes each came in.
struct ranged_op {
  op decoded;
  std::string_view bytes; // into `range.ops`
};
/// Checks what a range promises: seqs ascending and inside (from, to], counts as said.
result<std::vector<ranged_op>> decode_ops(const range& r);

} // namespace shoal
