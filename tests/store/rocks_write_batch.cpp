// A commit is what WriteBatch's own calls make of it, byte for byte.
#include "rocks_store_fixture.hpp"

#include "store/rocks_write_batch.hpp"

#include <rocksdb/db.h>

using namespace shoal;

BOOST_FIXTURE_TEST_SUITE(rocks_write_batch, rocks_directory)

BOOST_AUTO_TEST_CASE(a_commit_has_the_bytes_that_rocksdb_would_give_it) {
  rocksdb::Options how;
  how.create_if_missing = true;
  how.create_missing_column_families = true;
  std::vector<rocksdb::ColumnFamilyDescriptor> wanted{
      {rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions()}};
  for (size_t f = 1; f < family_count; ++f)
    wanted.emplace_back(std::to_string(f), rocksdb::ColumnFamilyOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  BOOST_REQUIRE(rocksdb::DB::Open(how, path(), wanted, &handles, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  std::rotate(handles.begin(), handles.begin() + 1, handles.end()); // family and id differ

  std::mt19937_64 random(seed_of_this_run());
  for (int round = 0; round < 200; ++round) {
    kv_batch batch;
    rocksdb::WriteBatch by_calls;
    for (auto n = random() % 20; n > 0; --n) {
      // Lengths of one, two and three bytes.
      const size_t longest = random() % 8 == 0 ? 40'000 : random() % 4 == 0 ? 300 : 20;
      kv_write w{static_cast<family>(random() % family_count), noise(random, random() % longest),
                 std::nullopt};
      if (random() % 4 != 0)
        w.value = noise(random, random() % longest);
      auto* where = handles[static_cast<size_t>(w.where)];
      BOOST_REQUIRE(
          (w.value ? by_calls.Put(where, w.key, *w.value) : by_calls.Delete(where, w.key)).ok());
      batch.push_back(std::move(w));
    }
    const auto last = noise(random, random() % 3);
    BOOST_REQUIRE(by_calls.PutLogData(last).ok());
    auto made = write_batch_of(batch, handles, last, random() % 100);
    BOOST_REQUIRE(made.Data() == by_calls.Data());
    BOOST_TEST(made.HasPut() == by_calls.HasPut());
    BOOST_TEST(made.HasDelete() == by_calls.HasDelete());
  }
  for (auto* handle : handles)
    BOOST_TEST(db->DestroyColumnFamilyHandle(handle).ok());
}

BOOST_AUTO_TEST_SUITE_END()
