#pragma once
// When ops of late came, were durable here, went out, and were durable elsewhere: what `shoal
// trace` shows. Bounded: the oldest are forgotten.

#include "actors/api/backend.hpp"

#include <deque>
#include <map>
#include <optional>

namespace shoal {

/// Moments, in order. One entry says: all up to `to` of the stream by then.
class timeline {
public:
  static constexpr size_t kept = 2048; // entries, 40 bytes each

  /// `from`: up to there it had happened before; asked for once per stream.
  void note(const stream_id& stream, uint64_t from, uint64_t to, uint64_t wall_ms);
  /// The first moment by which `seq` had happened; nothing when that is too long ago, or did not.
  std::optional<uint64_t> when(const stream_id& stream, uint64_t seq) const;

private:
  struct moment {
    stream_id stream;
    uint64_t to = 0;
    uint64_t wall_ms = 0;
  };
  std::deque<moment> moments_;
  std::map<stream_id, uint64_t> forgotten_; // up to here it is not known when
};

/// One library's. Not thread-safe.
struct op_times {
  timeline received;
  timeline durable;
  struct peer_times {
    timeline sent;
    timeline durable;
  };
  std::map<device_id, peer_times> peers;

  api::op_trace trace(const stream_id& stream, uint64_t seq) const;
};

} // namespace shoal
