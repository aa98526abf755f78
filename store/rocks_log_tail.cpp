#include "store/rocks_log_tail.hpp"

#include "store/rocks_log_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

namespace shoal {

namespace {

constexpr size_t block_bytes = size_t{32} << 10;
constexpr size_t header_bytes = 7;

/// CRC-32C (Castagnoli, reflected), one byte at a time: at most two blocks are read per open.
constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 1) ? (crc >> 1) ^ 0x82f63b78U : crc >> 1;
    table[i] = crc;
  }
  return table;
}
constexpr auto table = make_table();

uint32_t extend(uint32_t crc, char byte) {
  return table[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ (crc >> 8);
}

/// RocksDB stores checksums rotated and offset, so that a checksum of data with checksums in it is
/// no special case.
uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

uint32_t little_endian(std::string_view raw) {
  uint32_t v = 0;
  for (size_t i = raw.size(); i > 0; --i)
    v = (v << 8) | static_cast<uint8_t>(raw[i - 1]);
  return v;
}

/// True when some shorter record of this type and checksum begins the payload.
bool holds_whole_record(uint32_t checksum, char type, std::string_view payload) {
  uint32_t crc = extend(0xffffffffU, type);
  for (const char c : payload) {
    if (masked(~crc) == checksum)
      return true;
    crc = extend(crc, c);
  }
  return masked(~crc) == checksum;
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

/// The header of the record at `at`, if all of it is there, in its block, and has its checksum.
std::optional<record_header> whole_record(std::string_view log, size_t at) {
  const size_t left = std::min(log.size() - at, block_bytes - at % block_bytes);
  if (left < header_bytes)
    return std::nullopt;
  const auto header = header_at(log, at);
  if (header.type < full_type || header.type > last_of_types || header.length > left - header_bytes)
    return std::nullopt;
  uint32_t crc = extend(0xffffffffU, header.type);
  for (const char c : log.substr(at + header_bytes, header.length))
    crc = extend(crc, c);
  return masked(~crc) == header.checksum ? std::optional(header) : std::nullopt;
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
  return header.type >= full_type && header.type <= last_of_types
         && at + header_bytes + header.length > log.size();
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
  return own_end != log.size()
         && !holds_whole_record(header.checksum, header.type, log.substr(at + header_bytes))
         && (own_end > end || has_zeroed_sector(log, at, own_end));
}

} // namespace

std::optional<uint64_t> changed_length(std::string_view log) {
  if (log.empty())
    return std::nullopt;
  const size_t begin = (log.size() - 1) / block_bytes * block_bytes;
  for (size_t at = begin; at + header_bytes <= log.size();) {
    const auto header = log.substr(at, header_bytes);
    const auto payload = log.substr(at + header_bytes);
    const uint32_t length = little_endian(header.substr(4, 2));
    if (length > payload.size())
      return holds_whole_record(little_endian(header.substr(0, 4)), header[6], payload)
                 ? std::optional<uint64_t>(at)
                 : std::nullopt;
    at += header_bytes + length;
  }
  return std::nullopt;
}

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

status check_lengths(const std::string& directory, const std::string& name) {
  log_bytes log(directory + "/" + name);
  if (log.size() == 0)
    return success();
  const uint64_t begin = (log.size() - 1) / block_bytes * block_bytes;
  if (const auto at = changed_length(log.from(begin, log.size() - begin)))
    return damage(name, "a record of changed length", begin + *at);
  return success();
}

} // namespace

status settle_log_ends(const std::string& directory) {
  std::vector<std::pair<uint64_t, std::string>> logs;
  std::vector<std::string> manifests;
  std::error_code code;
  for (std::filesystem::directory_iterator it(directory, code), end; !code && it != end;
       it.increment(code)) {
    auto name = it->path().filename().string();
    if (const auto number = number_of(name))
      logs.emplace_back(*number, std::move(name));
    else if (name.starts_with("MANIFEST-"))
      manifests.push_back(std::move(name));
  }
  std::sort(logs.begin(), logs.end());
  for (const auto& [number, name] : logs) {
    if (auto ok = settle_zeros(directory, name, number == logs.back().first); !ok)
      return ok;
    if (auto ok = check_lengths(directory, name); !ok)
      return ok;
  }
  for (const auto& name : manifests)
    if (auto ok = check_lengths(directory, name); !ok)
      return ok;
  return success();
}

} // namespace shoal
