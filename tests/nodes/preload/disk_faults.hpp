#pragma once
// What a test and the process under it share: the test says which system call fails, the process
// counts. One file, mapped by both; all numbers are of the process that was started last.

#include <atomic>
#include <cstdint>

namespace shoal::nodes {

struct disk_faults {
  std::atomic<uint64_t> syncs;         // fsync and fdatasync, so far
  std::atomic<uint64_t> writes;        // write and pwrite to regular files, so far
  std::atomic<uint64_t> fail_sync;     // the first sync to fail, from 1; 0: none
  std::atomic<uint64_t> fail_count;    // and as many fail from there on
  std::atomic<uint64_t> fail_errno;    // with this
  std::atomic<uint64_t> kill_at_sync;  // SIGKILL instead of this one; 0: never
  std::atomic<uint64_t> kill_at_write; // SIGKILL with half of this one written; 0: never
  std::atomic<uint64_t> free_bytes;    // what statvfs says is free; 0: what the kernel says
};

} // namespace shoal::nodes
