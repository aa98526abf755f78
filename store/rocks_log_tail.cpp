#include "store/rocks_log_tail.hpp"

#include <array>
#include <fstream>

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

std::optional<uint64_t> changed_length_in(const std::string& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  const std::streamoff size = in ? static_cast<std::streamoff>(in.tellg()) : 0;
  if (size <= 0)
    return std::nullopt;
  const std::streamoff begin =
      (size - 1) / std::streamoff{block_bytes} * std::streamoff{block_bytes};
  std::string last(static_cast<size_t>(size - begin), '\0');
  in.seekg(begin);
  if (!in.read(last.data(), static_cast<std::streamsize>(last.size())))
    return std::nullopt;
  const auto at = changed_length(last);
  return at ? std::optional(*at + static_cast<uint64_t>(begin)) : std::nullopt;
}

} // namespace shoal
