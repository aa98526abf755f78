// A disk without room: a commit says that its outcome is unknown, and why; an opening that fails
// takes nothing of the room there is.
#include "rocks_store_fixture.hpp"

#include <csignal>
#include <sys/resource.h>

using namespace shoal;

namespace {

/// No file grows beyond this, for as long as it lives; the process is not killed by it.
class file_size_limit {
public:
  explicit file_size_limit(rlim_t bytes) : before_(std::signal(SIGXFSZ, SIG_IGN)) {
    BOOST_REQUIRE(getrlimit(RLIMIT_FSIZE, &was_) == 0);
    rlimit now = was_;
    now.rlim_cur = bytes;
    BOOST_REQUIRE(setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;
  ~file_size_limit() {
    setrlimit(RLIMIT_FSIZE, &was_);
    std::signal(SIGXFSZ, before_);
  }

private:
  void (*before_)(int);
  rlimit was_{};
};

struct no_room : rocks_directory {
  /// In the log alone: the next opening has to write all of it.
  void fill() {
    auto store = open();
    for (uint64_t n = 1; n <= 2000; ++n)
      BOOST_REQUIRE(store->commit(batch_of(n)).ok());
    written = *all_rows(*store);
  }
  rocks_rows written;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rocks_store_room, no_room)

BOOST_AUTO_TEST_CASE(a_commit_without_room_is_unknown_and_says_that_room_is_what_lacked) {
  fill();
  auto store = open();
  BOOST_TEST(!store->ran_out_of_room());
  uint64_t n = 2000;
  {
    const file_size_limit limit(4096);
    while (store->commit(batch_of(++n)).ok())
      BOOST_REQUIRE(n < 4000);
  }
  BOOST_TEST(store->ran_out_of_room());
  const auto later = store->commit(batch_of(n + 1));
  BOOST_REQUIRE(!later.ok());
  BOOST_TEST(later.err().code == ec::outcome_unknown);
  store.reset();
  store = open();
  const auto count = store->get(family::meta, "count")->value();
  BOOST_TEST((count == numbered(n - 1) || count == numbered(n)), count);
  BOOST_TEST(store->commit(batch_of(n + 2)).ok());
}

BOOST_AUTO_TEST_CASE(a_large_batch_without_room_leaves_nothing_behind_and_is_not_there) {
  fill();
  auto store = open();
  {
    const file_size_limit limit(4096);
    const auto refused = store->commit(large_batch_of(2001));
    BOOST_REQUIRE(!refused.ok());
    BOOST_TEST(refused.err().code == ec::outcome_unknown);
  }
  BOOST_TEST(store->ran_out_of_room());
  BOOST_TEST(!std::filesystem::exists(path() + "/incoming"));
  store.reset();
  store = open();
  BOOST_TEST((*all_rows(*store) == written));
  BOOST_TEST(store->commit(large_batch_of(2001)).ok());
  BOOST_TEST(all_rows(*store)->size() == written.size() + 7500);
}

BOOST_AUTO_TEST_CASE(an_opening_that_finds_no_room_leaves_nothing_behind_and_later_finds_all) {
  fill();
  const auto tables = files(".sst");
  {
    const file_size_limit limit(4096);
    for (int tries = 0; tries < 3; ++tries) {
      const auto refused = rocks_store::open(path());
      BOOST_REQUIRE(!refused.ok());
      BOOST_TEST(refused.err().code == ec::disk_full, refused.err().message);
      BOOST_TEST(refused.err().message.find(path()) != std::string::npos);
      BOOST_TEST(files(".sst") == tables);
    }
  }
  BOOST_TEST((*all_rows(*open()) == written));
}

BOOST_AUTO_TEST_SUITE_END()
