// Bytes that are not what was written are an error, at open or at the read; never rows that are
// silently missing.
#include "rocks_store_fixture.hpp"

#include "store/rocks_log_file.hpp"

#include <chrono>
#include <random>

using namespace shoal;

namespace {

struct damaged : rocks_directory {
  rocks_rows written;

  /// 200 batches; flushed to table files, or in the write-ahead log only; with one that went to
  /// tables as it was.
  void fill(bool flushed) {
    auto store = open();
    if (flushed)
      BOOST_REQUIRE(store->commit(large_batch_of(1000)).ok());
    for (uint64_t n = 1; n <= 200; ++n)
      BOOST_REQUIRE(store->commit(batch_of(n)).ok());
    written = *all_rows(*store);
    if (flushed)
      BOOST_REQUIRE(store->close().ok());
    store.reset();
    std::filesystem::copy(path(), path("good"), std::filesystem::copy_options::recursive);
  }
  void restore() {
    std::filesystem::remove_all(path());
    std::filesystem::copy(path("good"), path(), std::filesystem::copy_options::recursive);
  }

  /// The write-ahead log, or the MANIFEST.
  std::filesystem::path log(bool manifest) const {
    std::filesystem::path found;
    for (const auto& f : std::filesystem::directory_iterator(path()))
      if (manifest ? f.path().filename().string().starts_with("MANIFEST-")
                   : f.path().extension() == ".log")
        found = f.path();
    return found;
  }
  enum class seen { everything, fault, less };
  /// Opens and reads all there is. A fault has to say which file and what to do.
  seen look() {
    const auto opened = rocks_store::open(path());
    if (!opened.ok()) {
      BOOST_TEST(opened.err().message.find(path()) != std::string::npos);
      return seen::fault;
    }
    const auto rows = all_rows(**opened);
    if (!rows.ok()) {
      BOOST_TEST(rows.err().code == ec::corrupt, rows.err().message);
      BOOST_TEST(rows.err().message.find("shoal library rebuild") != std::string::npos,
                 rows.err().message);
      return seen::fault;
    }
    return *rows == written ? seen::everything : seen::less;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rocks_store_damage, damaged)

BOOST_AUTO_TEST_CASE(a_flipped_byte_in_a_table_file_never_loses_rows) {
  fill(true);
  const auto seed = seed_of_this_run();
  std::mt19937_64 rng(seed);
  size_t faults = 0;
  const auto tables = files(".sst");
  BOOST_REQUIRE(tables.size() >= 4);
  for (int round = 0; round < 60; ++round) {
    const auto& file = tables[rng() % tables.size()];
    const auto offset = rng() % std::filesystem::file_size(file);
    flip_byte(file, offset, static_cast<uint8_t>(1 + rng() % 255));
    const auto saw = look();
    BOOST_TEST((saw != seen::less),
               "seed " << seed << ": " << file << " at " << offset << " lost rows");
    faults += saw == seen::fault;
    restore();
  }
  BOOST_TEST(faults > 20); // most bytes of a table file matter to a full scan
}

// Seen: a flip there let a block be unpacked by the rule of another version, and RocksDB aborted.
BOOST_AUTO_TEST_CASE(a_flip_of_what_says_how_a_table_is_to_be_read_is_refused_at_open) {
  fill(true);
  for (const auto& file : files(".sst"))
    for (const size_t from_end : {53U, 12U, 11U, 10U, 9U}) {
      flip_byte(file, std::filesystem::file_size(file) - from_end, 4);
      const auto opened = rocks_store::open(path());
      BOOST_REQUIRE_MESSAGE(!opened.ok(), file << ": " << from_end << " bytes before its end");
      BOOST_TEST(opened.err().code == ec::corrupt);
      BOOST_TEST(opened.err().message.find(file.filename().string()) != std::string::npos,
                 opened.err().message);
      restore();
    }
}

// Seen: RocksDB unpacks properties before it compares their checksum, and aborted.
BOOST_AUTO_TEST_CASE(a_flip_in_a_tables_properties_is_refused_at_open) {
  fill(true);
  for (const auto& file : files(".sst")) {
    const auto bytes = bytes_of(file);
    // Before its name in the metaindex stand three lengths; behind it its handle, offset and size:
    // varints.
    const auto name = bytes.rfind("rocksdb.properties");
    size_t at_handle = name + std::string_view("rocksdb.properties").size();
    const auto varint = [&] {
      size_t out = 0;
      for (unsigned shift = 0;; shift += 7) {
        const auto byte = static_cast<uint8_t>(bytes[at_handle++]);
        out |= size_t{byte & 0x7fU} << shift;
        if (byte < 0x80)
          return out;
      }
    };
    const auto begin = varint();
    const auto end = begin + varint();
    for (const size_t at : {begin, end - 1, end - 10, name - 3, name + 5}) {
      flip_byte(file, at, 0x80);
      const auto opened = rocks_store::open(path());
      BOOST_REQUIRE_MESSAGE(!opened.ok(), file << " at " << at);
      BOOST_TEST(opened.err().code == ec::corrupt);
      BOOST_TEST(opened.err().message.find(file.filename().string()) != std::string::npos,
                 opened.err().message);
      restore();
    }
  }
}

BOOST_AUTO_TEST_CASE(a_flip_in_the_place_of_a_tables_blocks_never_loses_rows) {
  fill(true);
  const auto seed = seed_of_this_run();
  std::mt19937_64 rng(seed);
  for (const auto& file : files(".sst"))
    for (size_t from_end = 52; from_end > 52 - 12; --from_end) { // behind two handles are zeros
      const auto at = std::filesystem::file_size(file) - from_end;
      flip_byte(file, at, static_cast<uint8_t>(1U << rng() % 8));
      BOOST_TEST((look() != seen::less), "seed " << seed << ": " << file << " at " << at);
      restore();
    }
}

BOOST_AUTO_TEST_CASE(a_flipped_byte_in_the_log_is_refused_at_open) {
  fill(false);
  const auto seed = seed_of_this_run();
  std::mt19937_64 rng(seed);
  const auto logs = files(".log");
  BOOST_REQUIRE(logs.size() == 1);
  const auto size = std::filesystem::file_size(logs[0]);
  BOOST_REQUIRE(size > 100'000);
  for (int round = 0; round < 60; ++round) {
    // Every other one in the last block, where RocksDB expects a torn write.
    const auto offset = round % 2 == 0 ? rng() % size : size - 1 - rng() % (size % (32 << 10));
    flip_byte(logs[0], offset, static_cast<uint8_t>(1 + rng() % 255));
    const auto opened = rocks_store::open(path());
    BOOST_TEST_CONTEXT("seed " << seed << " offset " << offset << " of " << size) {
      BOOST_REQUIRE(!opened.ok());
      BOOST_TEST(opened.err().code == ec::corrupt, opened.err().message);
      BOOST_TEST(opened.err().message.find(path()) != std::string::npos, opened.err().message);
      BOOST_TEST(opened.err().message.find(logs[0].filename().string()) != std::string::npos,
                 opened.err().message);
      BOOST_TEST(opened.err().message.find("shoal library rebuild") != std::string::npos,
                 opened.err().message);
    }
    restore();
  }
}

BOOST_AUTO_TEST_CASE(a_flipped_length_is_not_taken_for_a_torn_write) {
  for (const bool flushed : {true, false}) {
    fill(flushed);
    const auto log = this->log(flushed);
    const auto bytes = bytes_of(log);
    size_t tried = 0;
    for (size_t at = (bytes.size() - 1) / (32 << 10) * (32 << 10); at + 7 <= bytes.size();) {
      const size_t length =
          static_cast<uint8_t>(bytes[at + 4]) + 256U * static_cast<uint8_t>(bytes[at + 5]);
      if (++tried % (flushed ? 4 : 1) == 0) {
        flip_byte(log, at + 5, 0x80); // 32 KiB longer: beyond the end
        const auto opened = rocks_store::open(path());
        BOOST_REQUIRE_MESSAGE(!opened.ok(),
                              log << ": length of the record at " << at << " changed unseen");
        BOOST_TEST(opened.err().code == ec::corrupt);
        BOOST_TEST(opened.err().message.find(log.filename().string()) != std::string::npos,
                   opened.err().message);
        restore();
      }
      at += 7 + length;
    }
    BOOST_TEST(tried >= 4);
    std::filesystem::remove_all(path());
    std::filesystem::remove_all(path("good"));
  }
}

// RocksDB skips a block's rest behind a header of zeros, and takes a record of a recycled log for
// the end.
BOOST_AUTO_TEST_CASE(a_header_that_is_none_is_refused_at_open) {
  const auto seed = seed_of_this_run();
  std::mt19937_64 rng(seed);
  for (const bool manifest : {true, false}) {
    fill(manifest);
    const auto file = log(manifest);
    const auto good = bytes_of(file);
    const auto refused = [&](const std::string& bytes, size_t at) {
      std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
      const auto opened = rocks_store::open(path());
      BOOST_REQUIRE_MESSAGE(!opened.ok(), "seed " << seed << ": " << file << " at " << at);
      BOOST_TEST(opened.err().code == ec::corrupt);
      BOOST_TEST(opened.err().message.find(file.filename().string()) != std::string::npos,
                 opened.err().message);
      restore();
    };
    size_t records = 0;
    for (size_t at = 0; at + 7 <= good.size(); ++records) {
      const size_t length =
          static_cast<uint8_t>(good[at + 4]) + 256U * static_cast<uint8_t>(good[at + 5]);
      if (manifest || rng() % 8 == 0) {
        auto bad = good;
        bad[at + 6] = static_cast<char>(static_cast<uint8_t>(bad[at + 6]) ^ (1U << rng() % 8));
        refused(bad, at + 6);
        bad = good;
        bad.replace(at + rng() % 5, 7, 7, '\0');
        refused(bad, at);
      }
      if (manifest || rng() % 8 == 0) {
        const size_t begin = (at + 4) / disk_sector_bytes * disk_sector_bytes;
        auto bad = good;
        bad.replace(begin, disk_sector_bytes, std::min(disk_sector_bytes, bad.size() - begin),
                    '\0');
        if (end_of(bad) == bad.size()) // else it may not have been written at all
          refused(bad, begin);
      }
      at += 7 + length;
      if (const size_t left = (32 << 10) - at % (32 << 10); left < 7)
        at += left;
    }
    BOOST_TEST(records >= 4);
    std::filesystem::remove_all(path());
    std::filesystem::remove_all(path("good"));
  }
}

BOOST_AUTO_TEST_CASE(what_a_power_cut_leaves_of_an_unsynced_manifest_is_no_damage) {
  fill(true);
  const auto before = bytes_of(log(true));
  for (const size_t zeros : {3, 10, 700, 70'000}) {
    std::ofstream(log(true), std::ios::binary | std::ios::app) << std::string(zeros, '\0');
    BOOST_TEST((look() == seen::everything), zeros);
    restore();
  }
  // The next one, which CURRENT does not name yet.
  for (const auto& next : {std::string(500, '\0'), std::string(500, 'x'), before.substr(3)}) {
    std::ofstream(path() + "/MANIFEST-999998", std::ios::binary) << next;
    BOOST_TEST((look() == seen::everything));
    restore();
  }
}

BOOST_AUTO_TEST_CASE(a_record_cut_short_at_the_logs_end_is_an_unacknowledged_write) {
  fill(false);
  const auto logs = files(".log");
  std::filesystem::resize_file(logs.at(0), std::filesystem::file_size(logs[0]) - 10);
  auto store = open();
  for (const auto& w : batch_of(200)) {
    if (w.key != "count")
      written.erase({static_cast<size_t>(w.where), w.key});
    else
      written[{static_cast<size_t>(w.where), w.key}] = numbered(199);
  }
  BOOST_TEST((*all_rows(*store) == written));
}

BOOST_AUTO_TEST_CASE(a_missing_table_file_is_damage) {
  fill(true);
  for (const auto& file : files(".sst")) {
    std::filesystem::remove(file);
    const auto opened = rocks_store::open(path());
    BOOST_REQUIRE_MESSAGE(!opened.ok(), file << " is gone and nothing was said");
    BOOST_TEST(opened.err().code == ec::corrupt, opened.err().message);
    restore();
  }
}

BOOST_AUTO_TEST_CASE(a_damaged_manifest_is_damage) {
  fill(true);
  const auto seed = seed_of_this_run();
  std::mt19937_64 rng(seed);
  for (int round = 0; round < 20; ++round) {
    for (const auto& f : std::filesystem::directory_iterator(path()))
      if (f.path().filename().string().starts_with("MANIFEST-"))
        flip_byte(f.path(), rng() % f.file_size(), 0x40);
    BOOST_TEST((look() != seen::less), "seed " << seed << " round " << round);
    restore();
  }
}

BOOST_AUTO_TEST_CASE(data_without_the_file_current_is_not_taken_for_a_new_library) {
  for (const bool flushed : {true, false}) {
    fill(flushed);
    std::filesystem::remove(path() + "/CURRENT");
    const auto opened = rocks_store::open(path());
    BOOST_REQUIRE(!opened.ok());
    BOOST_TEST(opened.err().code == ec::corrupt);
    BOOST_TEST(opened.err().message.find("CURRENT") != std::string::npos);
    std::filesystem::remove_all(path());
    std::filesystem::remove_all(path("good"));
  }
}

BOOST_AUTO_TEST_CASE(a_cursor_that_meets_a_bad_block_says_so) {
  {
    auto store = open();
    for (uint64_t n = 1; n <= 2000; ++n)
      BOOST_REQUIRE(store
                        ->commit({{family::owned, numbered(n),
                                   std::string(500, static_cast<char>(n * n >> 3))}})
                        .ok());
    BOOST_REQUIRE(store->close().ok());
  }
  const auto tables = files(".sst");
  const auto largest =
      *std::max_element(tables.begin(), tables.end(), [](const auto& a, const auto& b) {
        return std::filesystem::file_size(a) < std::filesystem::file_size(b);
      });
  flip_byte(largest, std::filesystem::file_size(largest) / 2, 1);
  auto store = open();
  auto cursor = store->cursor(family::owned);
  size_t rows = 0;
  for (cursor->seek(""); cursor->valid(); cursor->next())
    ++rows;
  BOOST_TEST(rows < 2000);
  BOOST_REQUIRE(!cursor->state().ok());
  BOOST_TEST(cursor->state().err().code == ec::corrupt);
  BOOST_TEST(cursor->state().err().message.find(largest.filename().string()) != std::string::npos,
             cursor->state().err().message);
  size_t unreadable = 0;
  for (uint64_t n = 1; n <= 2000; ++n) {
    const auto got = store->get(family::owned, numbered(n));
    if (got.ok())
      BOOST_TEST(got->has_value(), "row " << n << " is missing");
    else
      ++unreadable;
  }
  BOOST_TEST(unreadable > 0);
}

BOOST_AUTO_TEST_CASE(damage_that_a_compaction_meets_is_told_to_the_next_commit_as_damage) {
  // Eight files per family whose keys overlap, the last of them made by the opening, begin a
  // compaction.
  for (uint64_t n = 1; n <= 8; ++n) {
    auto store = open();
    BOOST_REQUIRE(store->commit(batch_of(n)).ok());
    BOOST_REQUIRE(store->commit(batch_of(n + 10)).ok());
    if (n < 8)
      BOOST_REQUIRE(store->close().ok());
  }
  std::filesystem::copy(path(), path("good"), std::filesystem::copy_options::recursive);
  size_t met = 0;
  for (const auto& table : files(".sst")) {
    restore();
    flip_byte(table, 20, 1);
    auto store = rocks_store::open(path());
    if (!store.ok()) {
      BOOST_TEST(store.err().code == ec::corrupt, store.err().message);
      continue;
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    for (uint64_t n = 20; std::chrono::steady_clock::now() < deadline; ++n) {
      const auto done = (*store)->commit(batch_of(n));
      if (done.ok())
        continue;
      BOOST_TEST(done.err().code == ec::corrupt, done.err().message);
      ++met;
      break;
    }
  }
  BOOST_TEST(met > 0U);
}

BOOST_AUTO_TEST_SUITE_END()
