#pragma once
// RocksDB's write-ahead log on disk: a small commit overwrites zeros that are there already.
//
// A file that grows makes each fdatasync write its inode as well, behind the data, and with a
// journal commit that; overwriting what has its place and its size commits no journal, and writes
// no inode unless the file system does so for the time of change. So while commits
// are small the log is kept some zeros longer than what it holds: every hundredth commit or so
// writes more of them. A large commit, and the file's close, cut them off first. After a kill or a
// power cut they are still there: settle_log_ends() (rocks_log_tail.hpp) cuts them off, and tells a
// commit that was torn from one that was damaged. So that it can, a commit goes over zeros only if
// none of the sectors it touches could be taken for one it never reached.

#include <rocksdb/file_system.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace shoal {

/// What a disk writes whole or not at all. Some write more; none writes less.
constexpr size_t disk_sector_bytes = 512;
/// The largest append that goes over zeros.
constexpr size_t zeroed_append_max = size_t{4} << 10;
/// How many zeros there are behind the log's end at most.
constexpr size_t zeros_ahead_max = size_t{64} << 10;

/// Whether `bytes`, to be written at `offset`, are told from zeros in every sector, even if one of
/// their bits is flipped later, and so is their last byte.
bool stands_out_of_zeros(std::string_view bytes, uint64_t offset);

/// A file system whose write-ahead logs are written as above. `base` does the work.
std::shared_ptr<rocksdb::FileSystem> zeroed_logs(std::shared_ptr<rocksdb::FileSystem> base);

} // namespace shoal
