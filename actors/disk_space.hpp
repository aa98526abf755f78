#pragma once
// The room on the disk that holds the libraries, against the reserve that is kept free. RocksDB
// does not get along with a full disk, so writing stops before it is one.

#include "messages/error.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>

namespace shoal {

/// Thread-safe. The kernel is asked, a few microseconds, at most every 10 ms while there is plenty.
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

  uint64_t reserve_bytes() const { return reserve_bytes_; }
  /// For who is not root. UINT64_MAX when the kernel does not say.
  uint64_t free_bytes() const;

private:
  std::string shortage() const;

  std::filesystem::path folder_;
  uint64_t reserve_bytes_;
  std::atomic<bool> low_{false};
  std::atomic<int64_t> plenty_until_ns_{0}; // of the steady clock
};

} // namespace shoal
