// When tables of `owned` are merged: soon as a rule, late while nobody looks for names in them.
#include "rocks_store_fixture.hpp"

#include <chrono>
#include <thread>

using namespace shoal;

namespace {

/// Names of which every other such batch has some between them.
kv_batch names_of(uint64_t n) {
  kv_batch out;
  for (uint64_t i = 0; i < 5000; ++i)
    out.push_back({family::owned, numbered(i) + numbered(n), std::string(250, 'x')});
  return out;
}

struct merging : rocks_directory {
  /// What RocksDB's newest file of options says.
  bool merges_late() const {
    std::filesystem::path newest;
    for (const auto& f : std::filesystem::directory_iterator(path()))
      if (f.path().filename().string().starts_with("OPTIONS-") && f.path().extension() != ".dbtmp")
        newest = std::max(newest, f.path());
    std::ifstream in(newest);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    BOOST_REQUIRE(text.find("level0_file_num_compaction_trigger=8\n") != text.npos);
    return text.find("level0_file_num_compaction_trigger=192\n") != text.npos;
  }
  /// Commits one write now and then until all is merged early again.
  void await_early(rocks_store& store) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (uint64_t n = 0; merges_late(); ++n) {
      BOOST_REQUIRE(std::chrono::steady_clock::now() < deadline);
      BOOST_REQUIRE(store.commit(batch_of(n)).ok());
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rocks_store_merges, merging)

BOOST_AUTO_TEST_CASE(while_nobody_looks_for_names_their_tables_are_merged_late) {
  constexpr uint64_t batches = 24; // three times as many as are merged as a rule
  const auto store = open();
  store->names_are_known(true);
  for (uint64_t n = 0; n < batches; ++n)
    BOOST_REQUIRE(store->commit(names_of(n)).ok());
  BOOST_TEST(files(".sst").size() >= batches);
  // The first commit after a while has them merged.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (uint64_t n = 0; files(".sst").size() >= batches; ++n) {
    BOOST_REQUIRE(std::chrono::steady_clock::now() < deadline);
    BOOST_REQUIRE(store->commit(batch_of(n)).ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  for (uint64_t n = 0; n < batches; ++n)
    BOOST_TEST((*store->get(family::owned, numbered(n * 7) + numbered(n))).has_value());
}

BOOST_AUTO_TEST_CASE(so_they_are_while_batches_follow_one_another) {
  const auto store = open();
  const auto write = [&](uint64_t n) {
    kv_batch batch;
    for (uint64_t i = 0; i < 1000; ++i)
      batch.push_back({family::owned, numbered(n) + numbered(i), ""});
    BOOST_REQUIRE(store->commit(batch).ok());
  };
  uint64_t n = 0;
  while (n < 100)
    write(n++);
  BOOST_TEST(!merges_late()); // names are looked for
  store->names_are_known(true);
  constexpr uint64_t enough = 10'000; // one, unless the disk took half a second just then
  while (n < enough && !merges_late())
    write(n++);
  BOOST_TEST(merges_late());
  await_early(*store);
  write(n++); // one alone changes nothing
  BOOST_TEST(!merges_late());
  while (n < 2 * enough && !merges_late())
    write(n++);
  store->names_are_known(false);
  write(n);
  BOOST_TEST(!merges_late());
}

BOOST_AUTO_TEST_SUITE_END()
