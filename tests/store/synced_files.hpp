#pragma once
// What of a directory is on the disk for certain: a file's bytes up to its last fdatasync or fsync,
// a name since the last fsync of its directory. This executable's fdatasync, fsync
// and link stand in for libc's, in RocksDB too.

#include <atomic>
#include <filesystem>
#include <functional>

namespace shoal::synced_files {

extern std::atomic<uint64_t> syncs;   ///< of files, so far
extern std::atomic<bool> disk_fails;  ///< each sync is EIO as long as it is set
extern std::function<void()> on_sync; ///< called before each sync takes effect, one at a time

extern std::atomic<bool> no_links; ///< link() is EPERM, as on FAT

/// Forgets what was seen before, and takes what `directory` has now as synced.
void watch(const std::filesystem::path& directory);

/// Makes `copy` what a power cut at this moment leaves of the watched directory, when it keeps no
/// more than it must.
void copy_after_power_cut(const std::filesystem::path& copy);

} // namespace shoal::synced_files
