#include "store/rocks_log_file.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace shoal {

namespace {

using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

/// Of that many small appends one after the other more are expected.
constexpr unsigned small_ones_expected = 8;

class zeroed_log final : public rocksdb::FSWritableFileOwnerWrapper {
public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& how,
                  IODebugContext* debug) override {
    if (auto s = make_way(data, how, debug); !s.ok())
      return s;
    if (auto s = target()->PositionedAppend(data, end_, how, debug); !s.ok())
      return failed(s);
    end_ += data.size();
    return IOStatus::OK();
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& how,
                  const rocksdb::DataVerificationInfo&, IODebugContext* debug) override {
    return Append(data, how, debug); // the records have checksums of their own
  }
  IOStatus Truncate(uint64_t size, const IOOptions& how, IODebugContext* debug) override {
    auto s = target()->Truncate(size, how, debug);
    if (!s.ok())
      return failed(s);
    end_ = zeroed_until_ = size;
    return s;
  }
  IOStatus Close(const IOOptions& how, IODebugContext* debug) override {
    auto cut = failed_ ? IOStatus::OK() : cut_zeros(how, debug);
    auto closed = target()->Close(how, debug);
    return cut.ok() ? closed : cut;
  }
  IOStatus Sync(const IOOptions& how, IODebugContext* debug) override {
    auto s = target()->Sync(how, debug);
    return s.ok() ? s : failed(s);
  }
  IOStatus Fsync(const IOOptions& how, IODebugContext* debug) override {
    auto s = target()->Fsync(how, debug);
    return s.ok() ? s : failed(s);
  }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return end_; }

private:
  /// Leaves the file so that `data` can be written at its end.
  IOStatus make_way(const rocksdb::Slice& data, const IOOptions& how, IODebugContext* debug) {
    const bool fits =
        data.size() <= zeroed_append_max && stands_out_of_zeros({data.data(), data.size()}, end_);
    small_ones_ = fits ? std::min(small_ones_ + 1, small_ones_expected) : 0;
    if (small_ones_ < small_ones_expected)
      return cut_zeros(how, debug);
    // There is room for one more: so what is written now goes over zeros of an earlier sync, and at
    // least one of those stays.
    return end_ + data.size() + zeroed_append_max < zeroed_until_ ? IOStatus::OK()
                                                                  : write_zeros(how, debug);
  }

  IOStatus write_zeros(const IOOptions& how, IODebugContext* debug) {
    static constexpr std::array<char, zeros_ahead_max> zeros{};
    const bool first_ones = zeroed_until_ <= end_;
    const uint64_t from = first_ones ? end_ : zeroed_until_;
    zeroed_until_ = end_ + zeros.size();
    if (!target()->PositionedAppend({zeros.data(), zeroed_until_ - from}, from, how, debug).ok()) {
      small_ones_ = 0; // no room for zeros is no failure of the commit
      return cut_zeros(how, debug);
    }
    return first_ones ? Sync(how, debug) : IOStatus::OK();
  }

  IOStatus cut_zeros(const IOOptions& how, IODebugContext* debug) {
    return zeroed_until_ > end_ ? Truncate(end_, how, debug) : IOStatus::OK();
  }

  /// What is on the disk is for the next opening to say.
  IOStatus failed(IOStatus s) {
    failed_ = true;
    return s;
  }

  uint64_t end_ = 0;          // of what was appended
  uint64_t zeroed_until_ = 0; // the file's size, if that is more
  unsigned small_ones_ = 0;
  bool failed_ = false;
};

class zeroing_file_system final : public rocksdb::FileSystemWrapper {
public:
  using FileSystemWrapper::FileSystemWrapper;
  static const char* kClassName() { return "shoal.zeroed_logs"; }
  const char* Name() const override { return kClassName(); }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& how,
                           std::unique_ptr<FSWritableFile>* file, IODebugContext* debug) override {
    auto s = target()->NewWritableFile(name, how, file, debug);
    if (s.ok() && name.ends_with(".log"))
      *file = std::make_unique<zeroed_log>(std::move(*file));
    return s;
  }
};

} // namespace

bool stands_out_of_zeros(std::string_view bytes, uint64_t offset) {
  const auto bits = [](char c) { return std::popcount(static_cast<uint8_t>(c)); };
  if (bytes.empty() || bits(bytes.back()) < 2)
    return false;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end =
        std::min(bytes.size(), at + disk_sector_bytes - (offset + at) % disk_sector_bytes);
    int set = 0;
    for (; at < end && set < 2; ++at)
      set += bits(bytes[at]);
    if (set < 2)
      return false;
    at = end;
  }
  return true;
}

std::shared_ptr<rocksdb::FileSystem> zeroed_logs(std::shared_ptr<rocksdb::FileSystem> base) {
  return std::make_shared<zeroing_file_system>(std::move(base));
}

} // namespace shoal
