// Which batches go past the log, as table files: those that are large, in order, and do not come
// faster than compactions follow.

#include "store/rocks_ingest.hpp"
#include "tests/store/rocks_store_fixture.hpp"

#include "config/limits.hpp"

#include <boost/test/unit_test.hpp>
#include <rocksdb/compaction_filter.h>

#include <atomic>

using namespace shoal;

namespace {

/// Holds compactions back until it is opened.
class gate final : public rocksdb::CompactionFilter {
public:
  const char* Name() const override { return "gate"; }
  bool Filter(int, const rocksdb::Slice&, const rocksdb::Slice&, std::string*,
              bool*) const override {
    opened_.wait(false);
    return false;
  }
  void open() {
    opened_ = true;
    opened_.notify_all();
  }

private:
  std::atomic<bool> opened_ = false;
};

struct plain_database : rocks_directory {
  plain_database() {
    rocksdb::Options o;
    o.create_if_missing = true;
    o.compaction_filter = &compactions;
    o.level0_file_num_compaction_trigger = 3;
    o.level0_slowdown_writes_trigger = 3;
    o.level0_stop_writes_trigger = 5;
    rocksdb::DB* opened = nullptr;
    BOOST_REQUIRE(rocksdb::DB::Open(o, path(), &opened).ok());
    db.reset(opened);
  }
  ~plain_database() { compactions.open(); }
  /// Of keys that a merge has to look at.
  void add_table() {
    for (const char* key : {"a", "b"})
      BOOST_REQUIRE(db->Put({}, key, "x").ok());
    rocksdb::FlushOptions how;
    how.allow_write_stall = true;
    BOOST_REQUIRE(db->Flush(how).ok());
  }
  gate compactions;
  std::unique_ptr<rocksdb::DB> db;
};

kv_batch in_order() {
  return {{family::owned, "a", "1"}, {family::owned, "b", "2"}, {family::owned_by_seq, "a", "3"}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(large_batches)

BOOST_FIXTURE_TEST_CASE(only_large_ones_whose_keys_ascend_go_past_the_log, plain_database) {
  BOOST_TEST(worth_ingesting(*db, in_order(), limits::ingest_bytes_min));
  BOOST_TEST(!worth_ingesting(*db, in_order(), limits::ingest_bytes_min - 1));
  auto twice = in_order();
  twice[1].key = "a";
  BOOST_TEST(!worth_ingesting(*db, twice, limits::ingest_bytes_min));
  auto back = in_order();
  std::swap(back[0], back[2]);
  BOOST_TEST(!worth_ingesting(*db, back, limits::ingest_bytes_min));
}

BOOST_FIXTURE_TEST_CASE(none_goes_past_the_log_while_compactions_lag, plain_database) {
  const auto goes_past = [&] { return worth_ingesting(*db, in_order(), limits::ingest_bytes_min); };
  add_table();
  add_table();
  BOOST_TEST(goes_past());
  add_table(); // writes are slowed down from here on
  BOOST_TEST(!goes_past());
  add_table();
  add_table(); // and none is taken from here on
  BOOST_TEST(!goes_past());
  compactions.open();
  BOOST_REQUIRE(db->CompactRange({}, nullptr, nullptr).ok()); // waits for that which lagged
  BOOST_TEST(goes_past());
}

BOOST_AUTO_TEST_SUITE_END()
