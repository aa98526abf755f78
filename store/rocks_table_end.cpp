#include "store/rocks_table_end.hpp"

#include <array>
#include <filesystem>
#include <fstream>

namespace shoal {

namespace {

constexpr size_t end_bytes = 53;
constexpr size_t version_at = end_bytes - 12;
constexpr size_t magic_at = end_bytes - 8;
constexpr uint64_t magic = 0x88e241b785f4cff7;

uint64_t little_endian(const std::array<char, end_bytes>& end, size_t at, size_t bytes) {
  uint64_t out = 0;
  for (size_t i = bytes; i-- > 0;)
    out = (out << 8) | static_cast<uint8_t>(end.at(at + i));
  return out;
}

} // namespace

status check_table_ends(const std::string& path) {
  std::error_code code;
  for (std::filesystem::directory_iterator it(path, code), last; !code && it != last;
       it.increment(code)) {
    if (it->path().extension() != ".sst")
      continue;
    std::array<char, end_bytes> end{};
    std::ifstream in(it->path(), std::ios::binary);
    if (!in.seekg(-static_cast<std::streamoff>(end_bytes), std::ios::end)
        || !in.read(end.data(), end.size()) || little_endian(end, magic_at, 8) != magic)
      continue;
    if (static_cast<uint8_t>(end[0]) != table_checksum_type
        || little_endian(end, version_at, 4) != table_format_version)
      return {ec::corrupt, it->path().string()
                               + " is damaged (its end names another format than this program "
                                 "writes); `shoal library rebuild` moves the library aside and "
                                 "fills it again from peers"};
  }
  return success();
}

} // namespace shoal
