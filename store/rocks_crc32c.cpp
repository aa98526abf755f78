// RocksDB takes a CRC-32C of all that goes into its write-ahead log. Debian builds it for the
// oldest amd64, without the instruction that nearly every processor has, so that it looks bytes up
// in tables: a thirtieth of all that a node does. The linker (--wrap, see CMakeLists.txt) leads its
// calls here.

#include <cstddef>
#include <cstdint>
#include <cstring>

// NOLINTBEGIN(bugprone-reserved-identifier): the names are the linker's

extern "C" {
uint32_t __real__ZN7rocksdb6crc32c6ExtendEjPKcm(uint32_t crc, const char* data, size_t bytes);
uint32_t __wrap__ZN7rocksdb6crc32c6ExtendEjPKcm(uint32_t crc, const char* data, size_t bytes);
}

namespace {

__attribute__((target("sse4.2"))) uint32_t extend(uint32_t crc, const char* data, size_t bytes) {
  uint64_t state = crc ^ UINT32_MAX;
  for (; bytes >= sizeof(uint64_t); bytes -= sizeof(uint64_t), data += sizeof(uint64_t)) {
    uint64_t eight;
    std::memcpy(&eight, data, sizeof eight);
    state = __builtin_ia32_crc32di(state, eight);
  }
  auto rest = static_cast<uint32_t>(state);
  for (; bytes > 0; --bytes, ++data)
    rest = __builtin_ia32_crc32qi(rest, static_cast<uint8_t>(*data));
  return rest ^ UINT32_MAX;
}

const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;

} // namespace

uint32_t __wrap__ZN7rocksdb6crc32c6ExtendEjPKcm(uint32_t crc, const char* data, size_t bytes) {
  return has_instruction ? extend(crc, data, bytes)
                         : __real__ZN7rocksdb6crc32c6ExtendEjPKcm(crc, data, bytes);
}

// NOLINTEND(bugprone-reserved-identifier)
