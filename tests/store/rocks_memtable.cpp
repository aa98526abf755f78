// Memtables of our own in RocksDB itself: what they hold, in which order, and while others read.
#include "store/rocks_memtable.hpp"
#include "rocks_store_fixture.hpp"

#include <rocksdb/db.h>
#include <rocksdb/memtablerep.h>

#include <atomic>
#include <thread>

using namespace shoal;

namespace {

/// A database of one family, whose rows stay in memory until they are flushed.
struct memtables : rocks_directory {
  memtables() {
    rocksdb::Options o;
    o.create_if_missing = true;
    o.memtable_factory = byte_ordered_memtables();
    o.allow_concurrent_memtable_write = false;
    rocksdb::DB* opened = nullptr;
    const auto s = rocksdb::DB::Open(o, path(), &opened);
    BOOST_REQUIRE_MESSAGE(s.ok(), s.ToString());
    db.reset(opened);
  }

  void commit(rocksdb::WriteBatch& batch) const {
    BOOST_REQUIRE(db->Write({}, &batch).ok());
    batch.Clear();
  }

  std::unique_ptr<rocksdb::DB> db;
};

/// Short keys with long common beginnings, so that all comparisons have something to do.
std::string some_key(std::mt19937_64& random) {
  static constexpr char bytes[] = {'\0', 'a', 'b', '\x7f', '\x80', '\xff'};
  std::string out(random() % 3 * 8, 'p');
  for (auto n = random() % 5; n > 0; --n)
    out += bytes[random() % sizeof bytes];
  return out;
}

using model = std::map<std::string, std::string>;

void require_same(rocksdb::DB& db, const rocksdb::ReadOptions& how, const model& wanted,
                  std::mt19937_64& random) {
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(how));
  auto at = wanted.begin();
  for (it->SeekToFirst(); it->Valid(); it->Next(), ++at) {
    BOOST_REQUIRE(at != wanted.end());
    BOOST_REQUIRE(it->key() == at->first);
    BOOST_REQUIRE(it->value() == at->second);
  }
  BOOST_REQUIRE(at == wanted.end());
  auto back = wanted.rbegin();
  for (it->SeekToLast(); it->Valid(); it->Prev(), ++back)
    BOOST_REQUIRE(back != wanted.rend() && it->key() == back->first);
  BOOST_REQUIRE(back == wanted.rend());
  for (int n = 0; n < 50; ++n) {
    const auto key = some_key(random);
    const auto after = wanted.lower_bound(key);
    it->Seek(key);
    BOOST_REQUIRE(it->Valid() == (after != wanted.end()));
    BOOST_REQUIRE(!it->Valid() || it->key() == after->first);
    const auto beyond = wanted.upper_bound(key);
    it->SeekForPrev(key);
    BOOST_REQUIRE(it->Valid() == (beyond != wanted.begin()));
    BOOST_REQUIRE(!it->Valid() || it->key() == std::prev(beyond)->first);
    std::string value;
    const auto got = db.Get(how, key, &value);
    const auto found = wanted.find(key);
    BOOST_REQUIRE(got.ok() == (found != wanted.end()));
    BOOST_REQUIRE(!got.ok() || value == found->second);
  }
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(rocks_memtable, memtables)

BOOST_AUTO_TEST_CASE(they_hold_what_a_sorted_map_holds) {
  std::mt19937_64 random(seed_of_this_run());
  model now;
  model then;
  const rocksdb::Snapshot* snapshot = nullptr;
  for (int round = 0; round < 60; ++round) {
    rocksdb::WriteBatch batch;
    std::vector<std::string> keys;
    for (auto n = 1 + random() % 40; n > 0; --n)
      keys.push_back(some_key(random));
    if (round % 2 == 0) // as commits do; every other is in no order
      std::sort(keys.begin(), keys.end());
    for (const auto& key : keys) {
      if (random() % 4 == 0) {
        batch.Delete(key);
        now.erase(key);
      } else {
        const auto value = std::to_string(random());
        batch.Put(key, value);
        now[key] = value;
      }
    }
    commit(batch);
    if (round == 20) {
      snapshot = db->GetSnapshot();
      then = now;
    }
    if (round == 40)
      BOOST_REQUIRE(db->Flush({}).ok());
    if (round % 5 == 0)
      require_same(*db, {}, now, random);
  }
  require_same(*db, {}, now, random);
  rocksdb::ReadOptions old;
  old.snapshot = snapshot;
  require_same(*db, old, then, random);
  db->ReleaseSnapshot(snapshot);
  BOOST_REQUIRE(db->Flush({}).ok());
  require_same(*db, {}, now, random);
}

BOOST_AUTO_TEST_CASE(who_reads_while_one_writes_sees_all_that_was_written_before) {
  std::mt19937_64 random(seed_of_this_run());
  std::atomic<uint64_t> written{0};
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  // Numbers in no order: each is prime to their count.
  constexpr uint64_t all = 40'000;
  const auto name = [](uint64_t n) {
    const auto digits = std::to_string(n * 7919 % all);
    return std::string(8 - digits.size(), '0') + digits;
  };
  std::vector<std::thread> readers;
  for (int r = 0; r < 2; ++r)
    readers.emplace_back([&] {
      while (!done) {
        const uint64_t at_least = written;
        const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator({}));
        uint64_t seen = 0;
        std::string last;
        for (it->SeekToFirst(); it->Valid(); it->Next(), ++seen) {
          const auto key = it->key().ToString();
          wrong += key <= last || it->value() != key;
          last = key;
        }
        wrong += seen < at_least;
        std::string value;
        if (at_least > 0)
          wrong += !db->Get({}, name(at_least - 1), &value).ok();
      }
    });
  rocksdb::WriteBatch batch;
  for (uint64_t n = 0; n < all;) {
    for (auto left = 1 + random() % 200; left > 0 && n < all; --left, ++n)
      batch.Put(name(n), name(n));
    commit(batch);
    written = n;
  }
  done = true;
  for (auto& r : readers)
    r.join();
  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(scans_end_in_other_threads_than_they_began_in_and_many_at_a_time) {
  rocksdb::WriteBatch batch;
  for (uint64_t n = 0; n < 100; ++n)
    batch.Put(numbered(n), "x");
  commit(batch);
  std::vector<std::unique_ptr<rocksdb::Iterator>> open;
  for (int round = 0; round < 3; ++round) {
    for (int n = 0; n < 100; ++n) {
      open.emplace_back(db->NewIterator({}));
      open.back()->Seek(numbered(static_cast<uint64_t>(n)));
      BOOST_REQUIRE(open.back()->Valid());
    }
    std::thread([&] { open.erase(open.begin(), open.begin() + 50); }).join();
    for (size_t n = 0; n < open.size(); ++n)
      BOOST_TEST((open[n]->key() == numbered(n + 50)));
    open.clear();
  }
}

BOOST_AUTO_TEST_SUITE_END()
