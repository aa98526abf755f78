#pragma once
// The disk that holds the libraries: its room, against the reserve that is kept free, for RocksDB
// does not get along with a full disk, so writing stops before it is one; and whether it is slow.

#include "config/limits.hpp"
#include "messages/error.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>

namespace shoal {

/// Thread-safe; every question is one statvfs, about a microsecond.
class disk_space {
public:
  /// `reserve_bytes` 0: none is kept.
  disk_space(std::filesystem::path folder, uint64_t reserve_bytes)
      : folder_(std::move(folder)), reserve_bytes_(reserve_bytes) {}

  /// Whether less than the reserve is free. Once it was, it is until a sixteenth more than the
  /// reserve is free.
  bool low();
  /// What refused clients are told; success while there is room.
  status check();
  /// What status shows; empty while there is room.
  std::string alarm();

  /// A writer waited too long for it; all of them know that for a while. Monotonic clock.
  void was_slow(uint64_t now_us) { slow_until_us_ = now_us + limits::slow_disk_ms * 1000; }
  bool slow(uint64_t now_us) const { return now_us < slow_until_us_; }

  uint64_t reserve_bytes() const { return reserve_bytes_; }
  /// For who is not root. UINT64_MAX when the kernel does not say.
  uint64_t free_bytes() const;

private:
  std::string shortage() const;

  std::filesystem::path folder_;
  uint64_t reserve_bytes_;
  std::atomic<bool> low_{false};
  std::atomic<uint64_t> slow_until_us_{0};
};

} // namespace shoal
