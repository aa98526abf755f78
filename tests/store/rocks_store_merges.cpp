// When tables of `owned` are merged: soon as a rule, late while nobody looks for names in them.
#include "rocks_store_fixture.hpp"
#include "store/merge_pace.hpp"

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
    return text.find("level0_file_num_compaction_trigger=48\n") != text.npos;
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

BOOST_AUTO_TEST_CASE(so_they_are_while_batches_follow_one_another_and_until_the_store_rests) {
  const auto store = open();
  uint64_t n = 0;
  const auto write = [&] {
    kv_batch batch;
    for (uint64_t i = 0; i < 5000; ++i)
      batch.push_back({family::owned, numbered(n) + numbered(i), ""});
    ++n;
    BOOST_REQUIRE(store->commit(batch).ok());
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  const auto write_until_late = [&] { // seven, unless the disk is slow
    while (!merges_late()) {
      BOOST_REQUIRE(std::chrono::steady_clock::now() < deadline);
      write();
    }
  };
  while (n < 20)
    write();
  BOOST_TEST(!merges_late()); // names are looked for
  BOOST_TEST(!store->rest());
  store->names_are_known(true);
  write_until_late();
  BOOST_TEST(merges_late());
  for (auto wait = store->rest(); wait; wait = store->rest()) {
    BOOST_REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(*wait);
  }
  BOOST_TEST(!merges_late());
  write(); // one alone changes nothing
  BOOST_TEST(!merges_late());
  write_until_late();
  store->names_are_known(false);
  write();
  BOOST_TEST(!merges_late());
}

using seconds = std::chrono::duration<double>;

struct paced {
  merge_pace pace;
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
  int after(double passed, size_t names, bool ingested = false, bool known = true) {
    now += std::chrono::duration_cast<std::chrono::steady_clock::duration>(seconds(passed));
    return pace.after(now, names, ingested, known);
  }
};

BOOST_AUTO_TEST_CASE(only_many_names_in_a_short_time_put_merging_off) {
  paced slow;
  for (int i = 0; i < 10'000; ++i) // 8,000 names a second, for 20 minutes
    BOOST_REQUIRE(slow.after(0.125, 1000) == tables_merged_at);
  paced quick;
  for (int i = 0; i < 33; ++i)
    BOOST_REQUIRE(quick.after(0.001, 1000) == tables_merged_at);
  BOOST_TEST(quick.after(0.001, 1000) == tables_merged_at_batches);
  BOOST_TEST(quick.after(1, 0) == tables_merged_at_batches);
  BOOST_TEST(quick.after(1.1, 0) == tables_merged_at);
  BOOST_TEST(quick.after(0.001, 1000) == tables_merged_at); // as at first
}

BOOST_AUTO_TEST_CASE(a_commit_of_table_files_puts_merging_off_at_once_and_for_more_of_them) {
  paced p;
  BOOST_TEST(p.after(0, 5000, true) == tables_merged_at_ingests);
  BOOST_TEST(p.after(0.5, 0) == tables_merged_at_ingests);
  for (int i = 0; i < 19; ++i) // now by the log
    BOOST_TEST(p.after(0.125, 2000) == tables_merged_at_ingests);
  BOOST_TEST(p.after(0.125, 2000) == tables_merged_at_batches);
  BOOST_TEST(p.after(0, 0, true) == tables_merged_at_batches); // none of it is a name
  BOOST_TEST(p.after(0, 5000, true, false) == tables_merged_at);
  BOOST_TEST(p.after(3600, 0) == tables_merged_at);
}

BOOST_AUTO_TEST_SUITE_END()
