// The checksum of RocksDB's log by the processor's instruction is that of its tables.
#include "rocks_store_fixture.hpp"

#include <cstring>

#if defined(__x86_64__)

namespace rocksdb::crc32c {
uint32_t Extend(uint32_t crc, const char* data, size_t bytes);
}
// NOLINTNEXTLINE(bugprone-reserved-identifier): the linker's name
extern "C" uint32_t __real__ZN7rocksdb6crc32c6ExtendEjPKcm(uint32_t crc, const char* data,
                                                           size_t bytes);

BOOST_AUTO_TEST_SUITE(rocks_crc32c)

// RFC 3720, B.4, and the check value of the catalogue of parametrised CRC algorithms.
BOOST_AUTO_TEST_CASE(it_is_crc_32c) {
  const auto of = [](std::string_view text) {
    return rocksdb::crc32c::Extend(0, text.data(), text.size());
  };
  BOOST_TEST(of("123456789") == 0xe3069283);
  BOOST_TEST(of(std::string(32, '\0')) == 0x8a9136aa);
  BOOST_TEST(of(std::string(32, '\xff')) == 0x62a8ab43);
  BOOST_TEST(of("") == 0u);
}

BOOST_AUTO_TEST_CASE(of_any_length_from_any_place_and_in_parts) {
  std::mt19937_64 random(shoal::seed_of_this_run());
  std::string bytes(4096, '\0');
  for (auto& b : bytes)
    b = static_cast<char>(random());
  for (int n = 0; n < 2000; ++n) {
    const size_t from = random() % 64;
    const size_t count = random() % (n % 2 ? 40 : bytes.size() - from);
    const size_t part = count == 0 ? 0 : random() % count;
    const char* at = bytes.data() + from;
    const auto wanted = __real__ZN7rocksdb6crc32c6ExtendEjPKcm(0, at, count);
    const auto begun = rocksdb::crc32c::Extend(0, at, part);
    BOOST_TEST(rocksdb::crc32c::Extend(begun, at + part, count - part) == wanted);
  }
}

BOOST_AUTO_TEST_SUITE_END()

#endif
