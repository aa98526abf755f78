#include "store/rocks_log_tail.hpp"

#include "store/rocks_log_file.hpp"

#include <boost/crc.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

namespace shoal {

namespace {

constexpr size_t block_bytes = size_t{32} << 10;
constexpr size_t header_bytes = 7;

/// CRC-32C: Castagnoli's polynomial, reflected.
using crc32c = boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true>;

crc32c checksum_of_type(char type) {
  crc32c crc;
  crc.process_byte(static_cast<uint8_t>(type));
  return crc;
}

/// RocksDB stores checksums rotated and offset, so that a checksum of data with checksums in it is
/// no special case.
uint32_t masked(const crc32c& crc) { return std::rotr(crc.checksum(), 15) + 0xa282ead8U; }

uint32_t little_endian(std::string_view raw) {
  uint32_t v = 0;
  for (size_t i = raw.size(); i > 0; --i)
    v = (v << 8) | static_cast<uint8_t>(raw[i - 1]);
  return v;
}

struct record_header {
  uint32_t checksum = 0;
  uint32_t length = 0;
  char type = 0;
};

record_header header_at(std::string_view log, size_t at) {
  return {little_endian(log.substr(at, 4)), little_endian(log.substr(at + 4, 2)), log[at + 6]};
}

constexpr char full_type = 1;
constexpr char first_type = 2;
constexpr char last_of_types = 4;
bool is_known(char type) { return type >= full_type && type <= last_of_types; }

/// The header of the record at `at`, if all of it is there, in its block, and has its checksum.
std::optional<record_header> whole_record(std::string_view log, size_t at) {
  const size_t left = std::min(log.size() - at, block_bytes - at % block_bytes);
  if (left < header_bytes)
    return std::nullopt;
  const auto header = header_at(log, at);
  if (!is_known(header.type) || header.length > left - header_bytes)
    return std::nullopt;
  auto crc = checksum_of_type(header.type);
  crc.process_bytes(log.data() + at + header_bytes, header.length);
  return masked(crc) == header.checksum ? std::optional(header) : std::nullopt;
}

/// Whether a record may end at `at`: the log does, or its block, or a header follows or what a torn
/// write left of one, in which the type may be zero.
bool may_end_at(std::string_view log, size_t at) {
  return at + header_bytes > log.size() || block_bytes - at % block_bytes < header_bytes
         || static_cast<uint8_t>(log[at + header_bytes - 1]) <= last_of_types;
}

/// Whether the record at `at` is whole but for its length: a shorter one with its checksum ends
/// before `end`, there, or where the log does. That a torn one seems so by chance, one in 2^32 for
/// each place where a record may end, must stay rare: it would be taken for damage.
bool holds_whole_record(std::string_view log, size_t at, size_t end) {
  const auto header = header_at(log, at);
  const size_t limit = std::min(log.size(), at - at % block_bytes + block_bytes);
  auto crc = checksum_of_type(header.type);
  for (size_t to = at + header_bytes; to <= limit; ++to) {
    if (masked(crc) == header.checksum && (to <= end || to == log.size()) && may_end_at(log, to))
      return true;
    if (to < limit)
      crc.process_byte(static_cast<uint8_t>(log[to]));
  }
  return false;
}

/// Whether a commit begins anywhere in [from, to).
bool begins_record(std::string_view log, size_t from, size_t to) {
  for (size_t at = from; at < to; ++at)
    if (const auto record = whole_record(log, at);
        record && (record->type == full_type || record->type == first_type))
      return true;
  return false;
}

/// Whether what [from, to) has of some sector is zeros; `log` begins with a sector.
bool has_zeroed_sector(std::string_view log, size_t from, size_t to) {
  for (size_t at = from; at < to;) {
    const size_t end = std::min(to, at + disk_sector_bytes - at % disk_sector_bytes);
    if (log.substr(at, end - at).find_first_not_of('\0') == std::string_view::npos)
      return true;
    at = end;
  }
  return false;
}

/// Whether the record at `at` was to be longer than the file is.
bool ends_behind(std::string_view log, size_t at) {
  if (log.size() - at < header_bytes)
    return false;
  const auto header = header_at(log, at);
  return is_known(header.type) && at + header_bytes + header.length > log.size();
}

/// Whether the record at `at`, of which the bytes until `end` are not all zeros, is what a kill or
/// a power cut left of one that was written over zeros.
bool is_torn(std::string_view log, size_t at, size_t end) {
  if (end == log.size() || end - at > zeroed_append_max || begins_record(log, at + 1, end))
    return false;
  if (end - at < header_bytes)
    return true;
  const auto header = header_at(log, at);
  const size_t own_end = at + header_bytes + header.length;
  // One that ends where the file does was appended to it, and ends in zeros of its own.
  return own_end != log.size() && !holds_whole_record(log, at, end)
         && (own_end > end || has_zeroed_sector(log, at, own_end));
}

} // namespace

log_end end_before_zeros(std::string_view tail, uint64_t offset) {
  const size_t last = tail.find_last_not_of('\0');
  const size_t end = last == std::string_view::npos ? 0 : last + 1;
  size_t at = 0;
  while (at < end) {
    const size_t left = block_bytes - at % block_bytes;
    const auto record = left < header_bytes ? std::nullopt : whole_record(tail, at);
    if (left >= header_bytes && !record)
      break;
    at += record ? header_bytes + record->length : left;
  }
  if (at >= end)
    return {log_end::kind::whole, offset + at};
  if (ends_behind(tail, at))
    return {log_end::kind::whole, offset + tail.size()};
  return {is_torn(tail, at, end) ? log_end::kind::torn : log_end::kind::damaged, offset + at};
}

namespace {

error damage(const std::string& name, const std::string& what, uint64_t at) {
  return {ec::corrupt, name + " has " + what + " at byte " + std::to_string(at)};
}

/// Of a file; an empty one, if it cannot be read: RocksDB will say so.
class log_bytes {
public:
  explicit log_bytes(const std::string& file) : in_(file, std::ios::binary | std::ios::ate) {
    size_ = in_ ? static_cast<uint64_t>(in_.tellg()) : 0;
  }
  uint64_t size() const { return size_; }
  std::string from(uint64_t offset, uint64_t bytes) {
    std::string out(bytes, '\0');
    in_.seekg(static_cast<std::streamoff>(offset));
    if (!in_.read(out.data(), static_cast<std::streamsize>(bytes)))
      out.clear();
    return out;
  }
  /// Behind the last byte that is not zero.
  uint64_t end_of_bytes() {
    for (uint64_t end = size_; end > 0;) {
      const uint64_t begin = (end - 1) / block_bytes * block_bytes;
      const auto block = from(begin, end - begin);
      if (block.empty())
        return size_;
      if (const auto last = block.find_last_not_of('\0'); last != std::string::npos)
        return begin + last + 1;
      end = begin;
    }
    return 0;
  }

private:
  std::ifstream in_;
  uint64_t size_ = 0;
};

/// The write-ahead log's number, which is its place among them.
std::optional<uint64_t> number_of(const std::string& name) {
  uint64_t number = 0;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (failed != std::errc{} || std::string_view(end) != ".log")
    return std::nullopt;
  return number;
}

status settle_zeros(const std::string& directory, const std::string& name, bool newest) {
  const auto file = directory + "/" + name;
  log_bytes log(file);
  const uint64_t end = log.end_of_bytes();
  if (end == log.size())
    return success();
  const uint64_t begin =
      (end > zeroed_append_max ? end - zeroed_append_max : 0) / block_bytes * block_bytes;
  // As far as a record can reach whose payload ends in zeros.
  const auto tail = log.from(begin, std::min(log.size(), end + block_bytes) - begin);
  if (tail.empty())
    return success();
  auto found = end_before_zeros(tail, begin);
  if (found.what == log_end::kind::torn && !newest)
    found.what = log_end::kind::damaged; // it was synced before the next was begun
  if (found.what == log_end::kind::damaged)
    return damage(name, "a damaged record", found.at);
  if (found.at >= log.size())
    return success();
  // Synced: the next log must not be there when this one is torn again.
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  const bool cut =
      fd >= 0 && ::ftruncate(fd, static_cast<off_t>(found.at)) == 0 && ::fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0)
    ::close(fd);
  if (!cut)
    return error{ec::disk, file + ": cannot cut the zeros behind its end: " + std::strerror(why)};
  return success();
}

/// Damage that RocksDB would not report: what it takes for a torn write, and what it skips or takes
/// for the end, which are headers of zeros and of recycled logs.
status check_headers(const std::string& directory, const std::string& name) {
  log_bytes log(directory + "/" + name);
  const uint64_t end_of_bytes = log.end_of_bytes();
  for (uint64_t begin = 0; begin < log.size(); begin += block_bytes) {
    const auto block = log.from(begin, std::min<uint64_t>(block_bytes, log.size() - begin));
    const bool last = begin + block_bytes >= log.size();
    for (size_t at = 0; at + header_bytes <= block.size();) {
      const auto header = header_at(block, at);
      if (begin + at >= end_of_bytes)
        return success(); // the file grew, but its bytes did not come: they were not synced
      if (!is_known(header.type))
        return damage(name, "a record of no known type", begin + at);
      const size_t end = at + header_bytes + header.length;
      if (last && end > block.size() && holds_whole_record(block, at, block.size()))
        return damage(name, "a record of changed length", begin + at);
      at = end;
    }
  }
  return success();
}

} // namespace

status settle_log_ends(const std::string& directory) {
  std::vector<std::pair<uint64_t, std::string>> logs;
  std::error_code code;
  for (std::filesystem::directory_iterator it(directory, code), end; !code && it != end;
       it.increment(code)) {
    auto name = it->path().filename().string();
    if (const auto number = number_of(name))
      logs.emplace_back(*number, std::move(name));
  }
  std::sort(logs.begin(), logs.end());
  for (const auto& [number, name] : logs) {
    if (auto ok = settle_zeros(directory, name, number == logs.back().first); !ok)
      return ok;
    if (auto ok = check_headers(directory, name); !ok)
      return ok;
  }
  // The only one that counts: what a power cut left of the next, before that was named, does not.
  std::ifstream current(directory + "/CURRENT");
  std::string manifest;
  return std::getline(current, manifest) ? check_headers(directory, manifest) : success();
}

} // namespace shoal
