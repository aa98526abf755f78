// What RocksDB would use as it reads it is looked at first, each time a table is opened.
#include "rocks_store_fixture.hpp"

#include "store/rocks_table_file.hpp"

using namespace shoal;

namespace {

struct one_table : rocks_directory {
  one_table() {
    auto store = open();
    for (uint64_t n = 1; n <= 20; ++n)
      BOOST_REQUIRE(store->commit(batch_of(n)).ok());
    BOOST_REQUIRE(store->close().ok());
    store.reset();
    table = files(".sst").front();
    good = bytes_of(table);
  }

  rocksdb::IOStatus open_table(const std::string& bytes) const {
    std::ofstream(table, std::ios::binary | std::ios::trunc) << bytes;
    std::unique_ptr<rocksdb::FSRandomAccessFile> file;
    auto s = checked->NewRandomAccessFile(table.string(), rocksdb::FileOptions(), &file, nullptr);
    BOOST_TEST((file != nullptr) == s.ok());
    return s;
  }

  std::shared_ptr<rocksdb::FileSystem> checked = checked_tables(rocksdb::FileSystem::Default());
  std::filesystem::path table;
  std::string good;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rocks_table_file, one_table)

BOOST_AUTO_TEST_CASE(each_bit_that_rocksdb_would_use_unseen_is_told) {
  BOOST_TEST(open_table(good).ok());
  const auto properties = good.find("rocksdb.") - 3;
  const auto end = good.size() - 53;
  BOOST_REQUIRE(properties < end);
  BOOST_REQUIRE(end - properties > 500U);
  for (auto at = properties; at < good.size() - 8; ++at) {
    // The metaindex's handle takes three bytes at least. The index block's checksum is compared
    // before RocksDB uses that.
    if (at > end + 3 && at < good.size() - 12)
      continue;
    for (int bit = 0; bit < 8; ++bit) {
      auto bad = good;
      bad[at] = static_cast<char>(static_cast<uint8_t>(bad[at]) ^ (1U << bit));
      const auto s = open_table(bad);
      BOOST_REQUIRE_MESSAGE(s.IsCorruption(),
                            "bit " << bit << " of byte " << at << ": " << s.ToString());
      BOOST_TEST(s.ToString().find(table.filename().string()) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(places_that_are_not_in_the_file_are_told) {
  // Handles of 2^63 and more, which RocksDB would make room for before it reads.
  for (const size_t handles : {1U, 2U, 3U, 4U}) {
    auto bad = good;
    bad.replace(bad.size() - 52, 40, 40, '\0');
    for (size_t i = 0; i < handles; ++i)
      bad.replace(bad.size() - 52 + i * 10, 10, std::string(9, '\xff') + '\x01');
    BOOST_TEST(open_table(bad).IsCorruption(), handles);
  }
  auto bad = good;
  bad.replace(bad.size() - 52, 40, 40, '\xff'); // no end
  BOOST_TEST(open_table(bad).IsCorruption());
}

BOOST_AUTO_TEST_CASE(what_is_no_whole_table_is_left_to_rocksdb) {
  for (const size_t bytes : {size_t{0}, size_t{52}, good.size() - 1})
    BOOST_TEST(open_table(good.substr(0, bytes)).ok(), bytes);
}

BOOST_AUTO_TEST_SUITE_END()
