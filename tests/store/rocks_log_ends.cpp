// A write-ahead log that goes on with zeros: what a kill or a power cut leaves of a commit over
// them is cut off, what was damaged is not.
#include "rocks_store_fixture.hpp"

#include "store/rocks_log_file.hpp"
#include "store/rocks_log_tail.hpp"

#include <boost/crc.hpp>
#include <rocksdb/db.h>

#include <bit>
#include <cstring>
#include <fstream>

using namespace shoal;
namespace fs = std::filesystem;

namespace {

constexpr uint64_t block = 32 << 10;

/// The log's, from where settle_log_ends() reads it.
log_end look(std::string_view log) {
  const uint64_t end = end_of(log);
  const uint64_t begin = (end > zeroed_append_max ? end - zeroed_append_max : 0) / block * block;
  return end_before_zeros(log.substr(begin), begin);
}

struct log_fixture : rocks_directory {
  uint64_t seed = seed_of_this_run();
  std::mt19937_64 random{seed};
  uint64_t commits = 0;

  void commit(rocks_store& store, std::string value) {
    const auto done = store.commit({{family::owned, numbered(++commits), std::move(value)}});
    BOOST_REQUIRE(done.ok());
  }
  void commit_small(rocks_store& store, size_t count) {
    for (size_t i = 0; i < count; ++i)
      commit(store, noise(random, 1 + random() % 700));
  }
  std::string log() const {
    const auto logs = files(".log");
    BOOST_REQUIRE(logs.size() == 1U);
    return bytes_of(logs[0]);
  }
  /// The store as a kill leaves it at this moment, and with this log.
  std::string after_kill(const std::string& log) {
    auto copy = path("killed");
    fs::remove_all(copy);
    fs::copy(path(), copy, fs::copy_options::recursive);
    std::ofstream(copy / files(".log").at(0).filename(), std::ios::binary | std::ios::trunc) << log;
    return copy;
  }
  /// What settle_log_ends() makes of it; nothing when it says that it is damaged.
  std::optional<std::string> settled(const std::string& log, const char* name = "000010.log") {
    const auto directory = path("alone");
    fs::create_directories(directory);
    const auto file = fs::path(directory) / name;
    std::ofstream(file, std::ios::binary | std::ios::trunc) << log;
    const auto done = settle_log_ends(directory);
    if (done.ok())
      return bytes_of(file);
    BOOST_TEST(done.err().code == ec::corrupt);
    BOOST_TEST(done.err().message.find(name) != std::string::npos, done.err().message);
    return std::nullopt;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rocks_log_ends, log_fixture)

BOOST_AUTO_TEST_CASE(small_commits_are_written_over_zeros_and_a_close_cuts_what_is_left_of_them) {
  auto store = open();
  size_t sizes = 0;
  size_t cuts = 0; // once in thousands a sector has a byte or two of a commit, and they look zeroed
  for (size_t last = 0, i = 0; i < 400; ++i) {
    commit_small(*store, 1);
    const auto size = fs::file_size(files(".log").at(0));
    sizes += size != last;
    cuts += size < last;
    last = size;
  }
  const auto open_log = log();
  BOOST_TEST(end_of(open_log) > 100'000U);
  BOOST_TEST(open_log.size() > end_of(open_log));
  BOOST_TEST(open_log.size() <= end_of(open_log) + zeros_ahead_max);
  BOOST_TEST(cuts < 6U);
  BOOST_TEST(sizes < 15U + 9 * cuts); // eight until it expects more, and then every 64 KiB
  const auto rows = *all_rows(*store);
  store.reset();
  BOOST_TEST(log() == open_log.substr(0, end_of(open_log)));
  BOOST_TEST((*all_rows(*open()) == rows));
}

BOOST_AUTO_TEST_CASE(after_a_kill_the_zeros_are_cut_and_everything_is_there) {
  for (const size_t count : {1, 8, 9, 50, 300}) {
    fs::remove_all(path());
    auto store = open();
    commit_small(*store, count);
    const auto copy = after_kill(log());
    const auto opened = rocks_store::open(copy);
    BOOST_REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.err().message));
    BOOST_TEST((*all_rows(**opened) == *all_rows(*store)));
  }
}

BOOST_AUTO_TEST_CASE(a_large_commit_cuts_the_zeros_off_first) {
  auto store = open();
  commit_small(*store, 20);
  BOOST_TEST(log().back() == '\0');
  commit(*store, noise(random, 20'000));
  BOOST_TEST(log().back() != '\0');
  commit_small(*store, 7);
  BOOST_TEST(log().back() != '\0');
  commit_small(*store, 1);
  BOOST_TEST(log().back() == '\0');
}

BOOST_AUTO_TEST_CASE(a_commit_that_could_be_taken_for_zeros_is_not_written_over_them) {
  auto store = open();
  commit_small(*store, 20);
  BOOST_TEST(log().back() == '\0');
  commit(*store, std::string(1500, '\0'));
  BOOST_TEST(log().back() != '\0');
  const auto copy = after_kill(log());
  BOOST_TEST((*all_rows(**rocks_store::open(copy)) == *all_rows(*store)));

  const std::string full(1200, 'x');
  BOOST_TEST(stands_out_of_zeros(full, 100));
  BOOST_TEST(!stands_out_of_zeros("", 0));
  BOOST_TEST(!stands_out_of_zeros("ends in one bit\x01", 0));
  BOOST_TEST(stands_out_of_zeros("ends in two\x03", 0));
  for (size_t at = 0; at < 3; ++at) { // sectors: 412 bytes, 512, 276
    auto less = full;
    const size_t begin = at == 0 ? 0 : 412 + 512 * (at - 1);
    const size_t end = std::min(full.size() - 1, begin + (at == 0 ? 412 : 512));
    std::fill(less.begin() + static_cast<ptrdiff_t>(begin),
              less.begin() + static_cast<ptrdiff_t>(end), '\0');
    BOOST_TEST(stands_out_of_zeros(less, 100) == (at == 2)); // its last byte is there
    less[begin + 5] = 1;
    BOOST_TEST(stands_out_of_zeros(less, 100) == (at == 2)); // one flip, and it is zeros
    less[begin + 6] = 1;
    BOOST_TEST(stands_out_of_zeros(less, 100));
  }
}

// Some sectors of it are there, or its first bytes.
BOOST_AUTO_TEST_CASE(what_is_there_of_a_torn_commit_is_cut_off) {
  auto store = open();
  commit_small(*store, 60);
  size_t fragments = 0;
  for (int round = 0; round < 16; ++round) {
    // One third of them over the end of a block.
    const size_t to_block = block - end_of(log()) % block;
    if (round % 3 == 0 && to_block > 4000)
      while (block - end_of(log()) % block > 3000)
        commit(*store, noise(random, 900));
    const auto before = log();
    const auto rows = *all_rows(*store);
    commit(*store, noise(random, round % 2 == 0 ? 1 + random() % 600 : 600 + random() % 3400));
    const auto after = log();
    const size_t begin = end_of(before);
    const size_t end = end_of(after);
    if (before.size() != after.size() || end - begin > zeroed_append_max)
      continue; // the zeros had come to their end, or this one did not fit
    fragments += begin / block != end / block;
    const auto check = [&](const std::string& torn, bool by_store) {
      const auto done = settled(torn);
      BOOST_REQUIRE_MESSAGE(done, "seed " << seed << " round " << round);
      BOOST_REQUIRE(done->size() >= begin);
      BOOST_REQUIRE(done->size() < end);
      BOOST_REQUIRE(*done == after.substr(0, done->size()));
      if (!by_store)
        return;
      const auto opened = rocks_store::open(after_kill(torn));
      BOOST_REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.err().message));
      BOOST_REQUIRE((*all_rows(**opened) == rows));
    };
    for (size_t keep = 0; keep < end - begin; keep += 1 + random() % 40)
      check(before.substr(0, begin) + after.substr(begin, keep) + before.substr(begin + keep),
            random() % 50 == 0);
    const size_t first = begin / disk_sector_bytes;
    const size_t sectors = (end - 1) / disk_sector_bytes - first + 1;
    const uint64_t all = (uint64_t{1} << sectors) - 1;
    for (uint64_t there = 0; there < all; there += 1 + (sectors < 5 ? 0 : random() % 16)) {
      auto torn = before;
      for (size_t i = 0; i < sectors; ++i)
        if ((there >> i & 1) != 0)
          torn.replace((first + i) * disk_sector_bytes, disk_sector_bytes,
                       after.substr((first + i) * disk_sector_bytes, disk_sector_bytes));
      check(torn, random() % 20 == 0);
    }
  }
  BOOST_TEST(fragments > 0U);
}

// One in 2^32 of its shorter records has its checksum by chance.
BOOST_AUTO_TEST_CASE(a_checksum_that_a_shorter_record_has_by_chance_is_no_damage) {
  const auto log_of = [&](size_t whole, size_t there, bool over_zeros) {
    auto payload = noise(random, 1000);
    std::fill(payload.begin() + 80, payload.begin() + 100, '\x77'); // no record's header
    payload[there - 1] = '\x77';
    auto on_disk = payload.substr(0, there) + std::string(over_zeros ? 30'000 - there : 0, '\0');
    boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true> crc; // Castagnoli's
    crc.process_byte(1);
    crc.process_bytes(on_disk.data(), whole);
    const uint32_t masked = std::rotr(crc.checksum(), 15) + 0xa282ead8U;
    std::string header(7, '\x01');
    std::memcpy(header.data(), &masked, 4);
    header[4] = static_cast<char>(payload.size() & 0xff);
    header[5] = static_cast<char>(payload.size() >> 8);
    return header + on_disk;
  };
  for (const size_t whole : {80UL, 90UL, 300UL, 5'000UL, 29'000UL})
    BOOST_TEST(settled(log_of(whole, 200, true)).value_or("damaged") == "", whole);
  BOOST_TEST(!settled(log_of(200, 200, true)).has_value()); // its length was changed
  BOOST_TEST(settled(log_of(90, 200, false)).has_value());
  BOOST_TEST(!settled(log_of(200, 200, false)).has_value());
}

BOOST_AUTO_TEST_CASE(a_flipped_bit_in_the_last_commit_is_damage) {
  auto store = open();
  commit_small(*store, 30);
  for (int round = 0; round < 8; ++round) {
    const size_t begin = end_of(log());
    commit(*store, noise(random, round % 2 == 0 ? 300 : 2500));
    const auto good = log();
    if (good.back() != '\0')
      continue;
    BOOST_TEST((look(good).what == log_end::kind::whole));
    BOOST_TEST(look(good).at == end_of(good));
    for (size_t bit = begin * 8 + random() % 8; bit < end_of(good) * 8; bit += 1 + random() % 24) {
      auto bad = good;
      bad[bit / 8] = static_cast<char>(static_cast<uint8_t>(bad[bit / 8]) ^ (1U << bit % 8));
      BOOST_REQUIRE_MESSAGE(look(bad).what == log_end::kind::damaged,
                            "seed " << seed << ": bit " << bit % 8 << " of byte " << bit / 8
                                    << ", the commit begins at " << begin);
      if (random() % 200 != 0)
        continue;
      BOOST_TEST(!settled(bad).has_value());
      const auto opened = rocks_store::open(after_kill(bad));
      BOOST_REQUIRE(!opened.ok());
      BOOST_TEST(opened.err().code == ec::corrupt, opened.err().message);
      BOOST_TEST(opened.err().message.find("shoal library rebuild") != std::string::npos);
    }
  }
}

// What is behind it says nothing of it: a torn commit, or nothing.
BOOST_AUTO_TEST_CASE(a_flipped_bit_in_the_commit_before_a_torn_one_is_damage) {
  auto store = open();
  commit_small(*store, 30);
  const size_t begin = end_of(log());
  commit(*store, noise(random, 600));
  const size_t middle = end_of(log());
  commit(*store, noise(random, 2000));
  const auto good = log();
  const size_t sector = (middle / disk_sector_bytes + 2) * disk_sector_bytes;
  auto torn = good;
  torn.replace(sector, disk_sector_bytes, disk_sector_bytes, '\0');
  BOOST_TEST((look(torn).what == log_end::kind::torn));
  BOOST_TEST(look(torn).at == middle);
  for (size_t byte = begin; byte < middle; ++byte) {
    auto bad = torn;
    bad[byte] = static_cast<char>(static_cast<uint8_t>(bad[byte]) ^ (1U << random() % 8));
    const auto found = look(bad);
    BOOST_REQUIRE_MESSAGE(found.what == log_end::kind::damaged, "seed " << seed << ": byte " << byte
                                                                        << " of " << begin << " to "
                                                                        << middle);
  }
}

// Its own zeros are no others: what there is of it is RocksDB's to drop.
BOOST_AUTO_TEST_CASE(a_large_commit_of_which_the_end_lacks_is_an_unacknowledged_one) {
  auto store = open();
  commit_small(*store, 20);
  const size_t begin = end_of(log());
  const auto rows = *all_rows(*store);
  std::string value = noise(random, 20'000);
  for (size_t i = 0; i < value.size(); i += 1 + random() % 3)
    value[i] = '\0';
  commit(*store, value);
  const auto after = log();
  BOOST_TEST(after.back() != '\0');
  size_t in_zeros = 0;
  for (size_t size = begin + 1; size < after.size(); size += 1 + random() % 150) {
    const auto torn = after.substr(0, size);
    in_zeros += torn.back() == '\0';
    BOOST_REQUIRE_MESSAGE(settled(torn), "seed " << seed << ": " << size - begin << " bytes of it");
    const auto opened = rocks_store::open(after_kill(torn));
    BOOST_REQUIRE_MESSAGE(opened.ok(), "seed " << seed << ": " << size - begin << " bytes of it: "
                                               << (opened.ok() ? "" : opened.err().message));
    BOOST_REQUIRE((*all_rows(**opened) == rows));
  }
  BOOST_TEST(in_zeros > 20U);
}

BOOST_AUTO_TEST_CASE(a_log_that_is_in_use_is_left_alone) {
  auto store = open();
  commit_small(*store, 20);
  const auto before = log();
  BOOST_TEST(before.back() == '\0');
  const auto second = rocks_store::open(path());
  BOOST_REQUIRE(!second.ok());
  BOOST_TEST(second.err().code == ec::unavailable);
  BOOST_TEST((log() == before));
  commit_small(*store, 20);
  const auto rows = *all_rows(*store);
  store.reset();
  BOOST_TEST((*all_rows(*open()) == rows));
}

BOOST_AUTO_TEST_CASE(zeros_in_the_place_of_earlier_commits_are_damage) {
  auto store = open();
  commit_small(*store, 60);
  const auto good = log();
  size_t cut = 0;
  for (int round = 0; round < 60; ++round) {
    const size_t sector = random() % (end_of(good) / disk_sector_bytes) * disk_sector_bytes;
    auto bad = good;
    bad.replace(sector, disk_sector_bytes, disk_sector_bytes, '\0');
    const auto opened = rocks_store::open(after_kill(bad));
    // The sector of the log's last commit is one that may never have been written.
    if (opened.ok())
      ++cut;
    else
      BOOST_TEST(opened.err().code == ec::corrupt, opened.err().message);
    if (opened.ok())
      BOOST_TEST(sector + disk_sector_bytes + 1500 > end_of(good), "seed " << seed);
  }
  BOOST_TEST(cut < 30U);
}

BOOST_AUTO_TEST_CASE(only_the_newest_log_may_be_torn) {
  auto store = open();
  commit_small(*store, 30);
  const auto before = log();
  commit(*store, noise(random, 300));
  auto torn = log();
  torn[end_of(torn) - 1] = '\0';
  const auto directory = path("alone");
  fs::create_directories(directory);
  const auto put = [&](const char* name, const std::string& bytes) {
    std::ofstream(fs::path(directory) / name, std::ios::binary | std::ios::trunc) << bytes;
  };
  put("999999.log", torn);
  put("MANIFEST-000004", "");
  BOOST_TEST(settle_log_ends(directory).ok());
  put("999999.log", torn);
  put("1000001.log", ""); // the newer one, though not by its letters
  const auto told = settle_log_ends(directory);
  BOOST_REQUIRE(!told.ok());
  BOOST_TEST(told.err().message.find("999999.log") != std::string::npos, told.err().message);
  put("999999.log", before);
  put("1000001.log", torn);
  BOOST_TEST(settle_log_ends(directory).ok());
  BOOST_TEST(fs::file_size(fs::path(directory) / "999999.log") == end_of(before));
}

// As earlier releases wrote them: zeros at the end are a commit's own.
BOOST_AUTO_TEST_CASE(a_log_that_was_only_appended_to_is_never_cut) {
  for (const size_t zeros : {size_t{3}, size_t{1500}}) {
    fs::remove_all(path());
    rocksdb::Options how;
    how.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    BOOST_REQUIRE(rocksdb::DB::Open(how, path(), &db).ok());
    const std::unique_ptr<rocksdb::DB> owned(db);
    rocksdb::WriteOptions synced;
    synced.sync = true;
    for (int i = 0; i < 12; ++i)
      BOOST_REQUIRE(db->Put(synced, "key" + std::to_string(i),
                            std::string(700, '\0') + noise(random, 100) + std::string(zeros, '\0'))
                        .ok());
    const auto good = log();
    BOOST_REQUIRE(good.back() == '\0');
    BOOST_TEST((settled(good) == good));
    for (size_t bit = (end_of(good) - 800) * 8; bit < end_of(good) * 8; bit += 1 + random() % 64) {
      auto bad = good;
      bad[bit / 8] = static_cast<char>(static_cast<uint8_t>(bad[bit / 8]) ^ (1U << bit % 8));
      const auto done = settled(bad);
      BOOST_REQUIRE_MESSAGE((!done || *done == bad),
                            "seed " << seed << ": bit " << bit << " cut it to " << done->size());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
