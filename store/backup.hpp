#pragma once
// A library as one file: every key and value of one view of its store.
//
//   "shoal backup 1\n", then blocks:  u32 packed bytes | u64 hash | zstd frame
//
// Numbers are big-endian. The hash is XXH3-64 of the packed bytes, seeded with the hash of the
// block before (0 for the first), so a block that is altered, missing or moved is noticed. Plain,
// the first block is [0, store format, library, name, device, version, made ms], those that follow
// are [1, [[family, key, value]…]], and the last is [2, number of entries].

#include "messages/ids.hpp"
#include "store/sync/kv.hpp"

#include <filesystem>
#include <functional>

namespace shoal {

struct backup_header {
  library_id library;
  std::string name;
  device_id device; // of the node that made it
  std::string version;
  uint64_t made_ms = 0;
};

/// Makes a backup piece by piece; holds one block.
class backup_pieces {
public:
  backup_pieces(std::shared_ptr<const kv_view> view, backup_header about);
  /// Appends about a MiB, or a value that is larger, compressed; false after the last piece.
  result<bool> next(std::string& out);

private:
  void put_block(std::string& out, const std::string& plain);

  std::shared_ptr<const kv_view> view_;
  backup_header about_;
  bool begun_ = false;
  size_t family_ = 0;
  std::string after_; // key that was read last of that family; empty: none
  uint64_t entries_ = 0;
  uint64_t hash_ = 0;
};

struct backup_entry {
  family where = family::meta;
  std::string_view key;
  std::string_view value;
};
/// Reads a backup to its end, a block at a time; what is not exactly what was written is
/// ec::corrupt and names the file. `begin` gets the header, `on` what follows; their errors end it.
/// Returns how many entries there were.
result<uint64_t> read_backup(const std::filesystem::path& file,
                             const std::function<status(const backup_header&)>& begin,
                             const std::function<status(const backup_entry&)>& on);

} // namespace shoal
