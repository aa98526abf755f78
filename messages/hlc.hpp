#pragma once
// Hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): a total order on writes
// that respects cause and effect and stays near wall time.

#include "messages/error.hpp"
#include "messages/ids.hpp"

namespace shoal {

/// A stamp. Members are in comparison order; `device` only breaks ties.
struct hlc {
  uint64_t wall_ms = 0; // milliseconds since 1970
  uint32_t counter = 0;
  device_id device;
  auto operator<=>(const hlc&) const = default;
  bool is_zero() const { return wall_ms == 0 && counter == 0; }
};

/// `{wall_ms:016x}-{counter:016x}-{device uuid}`: text order is stamp order.
std::string to_string(const hlc& h);
/// The inverse of `to_string`; a counter beyond 32 bits is `ec::too_large`.
result<hlc> parse_hlc(std::string_view text);

/// Key form, 28 bytes, big-endian: byte order is stamp order.
void append_hlc(std::string& out, const hlc& h);
result<hlc> decode_hlc(std::string_view raw);

/// Issues stamps for one device. Not thread-safe: its one owner is the library's writer.
class hlc_clock {
public:
  explicit hlc_clock(device_id self, hlc last = {}) : self_(self), last_(last) {}

  /// A stamp greater than every stamp issued or observed so far, also when the wall has stepped
  /// back. A full counter borrows the next millisecond.
  hlc tick(uint64_t wall_ms);
  /// Folds in a peer's stamp. One that is more than `max_drift_ms` ahead of `wall_ms` leaves the
  /// clock as it was: one device with a wrong clock must not drag the others.
  bool observe(const hlc& remote, uint64_t wall_ms, uint64_t max_drift_ms);
  const hlc& last() const { return last_; }

private:
  device_id self_;
  hlc last_;
};

} // namespace shoal
