#pragma once
// Every bound and delay of the transport. The defaults are what nodes run with; `link_limits` is
// passed at spawn.

#include "messages/wire_limits.hpp"

#include <chrono>
#include <cstddef>

namespace shoal::transport {

using namespace std::chrono_literals;

struct link_limits {
  /// From TCP's accept or connect to a finished TLS handshake. A half-open connection costs a
  /// descriptor and ~30 KiB for this long.
  std::chrono::milliseconds handshake = 5s;
  /// From a frame's first byte to its last: 2 MiB then need 70 KB/s, which every network worth
  /// syncing over has.
  std::chrono::milliseconds frame = 30s;
  /// Nothing drained for this long although there is output: the peer is stopped or gone.
  std::chrono::milliseconds write_stall = 30s;
  /// How long a link that is being closed may take to hand over its last bytes.
  std::chrono::milliseconds drain = 1s;
  /// Output that the peer has not taken yet. Eight credit windows, one
  /// per library and peer; who has more does not heed credit, or shares one link among too many
  /// busy libraries.
  size_t output_bytes = 8 * wire_limits::window_bytes;
  /// Frames given to the receiver and not yet dropped by it; eight windows for the same reason.
  /// Beyond it the peer ignores credit, for example by sending what needs none.
  size_t inbox_bytes = 8 * wire_limits::window_bytes;
  /// Ciphertext of a handshake: certificates of one key are 1 KiB; the rest is what a read may
  /// bring along with it.
  size_t handshake_bytes = size_t{64} << 10;
};

struct accept_limits {
  /// Connections whose key is not accepted yet: 128 × ~30 KiB is what strangers can cost.
  size_t unauthenticated = 128;
  /// The same from one address (an IPv6 /64 is one): keeps one stranger from using all of the
  /// above.
  size_t unauthenticated_per_address = 8;
  /// The same from loopback, where labs run a hundred nodes on one machine.
  size_t unauthenticated_loopback = 64;
  /// Connections accepted between two turns of the actors: a handshake takes two or three turns, so
  /// that a burst of one address's members, after this node was busy, stays below its bound.
  size_t per_turn = 2;
  /// The same from loopback.
  size_t per_turn_loopback = 16;
  /// Inbound links, authenticated or not: as many as a library can have members.
  size_t links = 4096;
};

/// TCP bytes asked for at a time while much comes. One TLS record is at most 16 KiB + 22.
constexpr size_t read_bytes = size_t{32} << 10;
/// At first, and while little does: CAF clears the whole buffer before each read.
constexpr size_t short_read_bytes = size_t{4} << 10;
/// So many reads of less in a row are little.
constexpr unsigned short_reads = 8;
/// Smaller frames are gathered up to one TLS record before they are encrypted; larger ones are
/// encrypted as they are.
constexpr size_t record_bytes = size_t{16} << 10;
/// A peer's certificate chain. Ours are 0.5 KiB.
constexpr long certificate_bytes = 8 << 10;

/// Descriptors that stay free for files, whatever is accepted.
constexpr int reserved_descriptors = 64;
/// After so many refusals in one pause's time, accepting rests for the pause: at most 640 refusals
/// a second.
constexpr size_t refusals_per_pause = 64;
constexpr std::chrono::milliseconds accept_pause = 100ms;
/// How often free descriptors are counted while accepting, so that a lack of them cannot make
/// accept() spin for longer.
constexpr std::chrono::milliseconds descriptor_check = 1s;

/// Dials at once; each is a thread, since getaddrinfo blocks.
constexpr size_t dials_at_once = 4;
/// Dials waiting for one of those threads.
constexpr size_t dials_waiting = 4096;
/// Of one dial, over all addresses its name has; resolving not included.
constexpr std::chrono::milliseconds connect_time = 5s;
/// Addresses of one name that are tried.
constexpr size_t addresses_per_dial = 4;

// TCP's own liveness, below the heartbeats: an idle dead peer is noticed after 15 + 3 × 5 s,
// unacknowledged data after 30 s.
constexpr int keepalive_idle_seconds = 15;
constexpr int keepalive_interval_seconds = 5;
constexpr int keepalive_probes = 3;
constexpr unsigned user_timeout_ms = 30'000;

} // namespace shoal::transport
