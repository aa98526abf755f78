#pragma once
// A node's disk as a test wants it: syncs that fail, a kill in the middle of a write, too little
// room. By the library preload/disk_faults, which the node is started with.

#include "tests/nodes/cluster.hpp"
#include "tests/nodes/preload/disk_faults.hpp"

namespace shoal::nodes {

class faulty_disk {
public:
  /// Keeps its file there.
  explicit faulty_disk(fs::path file);
  ~faulty_disk();
  faulty_disk(const faulty_disk&) = delete;
  faulty_disk& operator=(const faulty_disk&) = delete;

  /// All as it should be, and the counts at zero.
  void heal();
  /// From the `first` sync of the process on (1: its first), `count` fail.
  void fail_syncs(uint64_t first, uint64_t count, int code);
  /// The next sync fails, and those after it.
  void fail_syncs_from_now(int code) { fail_syncs(now_->syncs + 1, UINT64_MAX, code); }
  void mend_syncs() { now_->fail_sync = 0; }
  void kill_at_sync(uint64_t n) { now_->kill_at_sync = n; }
  void kill_at_write(uint64_t n) { now_->kill_at_write = n; }
  /// What the node is told is free; 0: the truth.
  void pretend_free(uint64_t bytes) { now_->free_bytes = bytes; }
  uint64_t syncs() const { return now_->syncs; }
  /// What a node is started with.
  std::map<std::string, std::string> environment() const;

private:
  fs::path file_;
  disk_faults* now_;
};

/// A small file system in memory, mounted where the test may mount (as root); else it says so and
/// is no such thing.
class small_disk {
public:
  small_disk(fs::path at, uint64_t mib);
  ~small_disk();
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  bool mounted() const { return mounted_; }
  const fs::path& path() const { return at_; }
  /// Takes all room but `left` bytes, by a file. Once more: with another number.
  void fill(uint64_t left);
  void empty();

private:
  fs::path at_;
  bool mounted_ = false;
};

} // namespace shoal::nodes
