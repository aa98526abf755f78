// What the disk says decides: a commit answers after fdatasync and by its result. This executable's
// fdatasync stands in for libc's, in RocksDB too.
#include "rocks_store_fixture.hpp"

#include <atomic>
#include <cerrno>
#include <sys/syscall.h>

using namespace shoal;

namespace {
std::atomic<uint64_t> syncs = 0;
std::atomic<bool> disk_fails = false;
} // namespace

extern "C" int fdatasync(int fd) {
  ++syncs;
  if (disk_fails) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

BOOST_FIXTURE_TEST_SUITE(rocks_store_sync_fault, rocks_directory)

BOOST_AUTO_TEST_CASE(every_commit_is_synced_before_it_is_answered) {
  auto store = open();
  for (uint64_t n = 1; n <= 20; ++n) {
    const uint64_t before = syncs;
    BOOST_REQUIRE(store->commit(batch_of(n)).ok());
    BOOST_TEST(syncs > before);
  }
}

BOOST_AUTO_TEST_CASE(a_failed_sync_is_an_unknown_outcome_and_final_until_the_store_is_reopened) {
  rocks_rows acknowledged;
  {
    auto store = open();
    BOOST_REQUIRE(store->commit(batch_of(1)).ok());
    acknowledged = *all_rows(*store);
    disk_fails = true;
    const auto failed = store->commit(batch_of(2));
    disk_fails = false;
    BOOST_REQUIRE(!failed.ok());
    BOOST_TEST(failed.err().code == ec::outcome_unknown);
    const auto later = store->commit(batch_of(3));
    BOOST_REQUIRE(!later.ok());
    BOOST_TEST(later.err().code == ec::outcome_unknown);
    BOOST_TEST(store->close().ok());
  }
  auto store = open();
  const auto rows = *all_rows(*store);
  for (const auto& [key, value] : acknowledged)
    if (key.second != "count")
      BOOST_TEST(rows.at(key) == value);
  // The failed batch is there whole or not at all; the refused one is not.
  const auto count = store->get(family::meta, "count")->value();
  BOOST_TEST((count == numbered(1) || count == numbered(2)));
  BOOST_TEST(rows.size() == (count == numbered(2) ? 7U : 4U));
  BOOST_TEST(store->commit(batch_of(4)).ok());
}

BOOST_AUTO_TEST_SUITE_END()
