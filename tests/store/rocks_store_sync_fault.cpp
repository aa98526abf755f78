// What the disk says decides: a commit answers after a sync and by its result; and what was
// answered is there after a power cut, whatever that takes of what was not synced.
#include "rocks_store_fixture.hpp"
#include "synced_files.hpp"

using namespace shoal;
using synced_files::disk_fails;
using synced_files::syncs;

namespace {

/// Small ones by the log, and large ones as tables.
kv_batch small_or_large(uint64_t n) { return n % 3 == 0 ? large_batch_of(n) : batch_of(n); }

rocks_rows rows_until(uint64_t n) {
  rocks_rows out;
  for (uint64_t i = 1; i <= n; ++i)
    for (auto& w : small_or_large(i))
      out[{static_cast<size_t>(w.where), w.key}] = *w.value;
  return out;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(rocks_store_sync_fault, rocks_directory)

BOOST_AUTO_TEST_CASE(every_commit_is_synced_before_it_is_answered) {
  auto store = open();
  for (uint64_t n = 1; n <= 20; ++n) {
    const uint64_t before = syncs;
    BOOST_REQUIRE(store->commit(small_or_large(n)).ok());
    BOOST_TEST(syncs > before);
  }
}

// Also in the middle of a commit, before any of its syncs: then its batch is there whole, or not.
BOOST_AUTO_TEST_CASE(a_power_cut_at_any_sync_takes_nothing_that_was_answered_and_tears_no_batch) {
  rocks_options small; // memtables are flushed and compacted meanwhile
  small.memory = make_rocks_memory(1 << 20, 128 << 10);
  auto store = open(small);
  synced_files::watch(path());
  uint64_t answered = 0;
  size_t cuts = 0;
  std::vector<std::pair<uint64_t, std::string>> copies; // and what had been answered then
  synced_files::on_sync = [&] {
    if (cuts++ % 3 != 0)
      return;
    copies.emplace_back(answered, path(("cut" + std::to_string(copies.size())).c_str()));
    synced_files::copy_after_power_cut(copies.back().second);
  };
  for (uint64_t n = 1; n <= 18; ++n) {
    BOOST_REQUIRE(store->commit(small_or_large(n)).ok());
    answered = n;
  }
  synced_files::on_sync = nullptr;
  BOOST_TEST(copies.size() > 20U);
  for (const auto& [had, copy] : copies)
    BOOST_TEST_CONTEXT(copy << ", " << had << " were answered") {
      const auto opened = rocks_store::open(copy);
      BOOST_REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? "" : opened.err().message));
      const auto rows = all_rows(**opened);
      BOOST_REQUIRE(rows.ok());
      BOOST_TEST((*rows == rows_until(had) || *rows == rows_until(had + 1)));
    }
}

BOOST_AUTO_TEST_CASE(a_large_batch_of_which_a_sync_failed_is_there_whole_or_not_at_all) {
  for (int which = 0; which < 20; ++which) {
    std::filesystem::remove_all(path());
    auto store = open();
    BOOST_REQUIRE(store->commit(small_or_large(1)).ok());
    BOOST_REQUIRE(store->commit(small_or_large(2)).ok());
    int left = which;
    synced_files::on_sync = [&] {
      if (left-- == 0)
        disk_fails = true; // from the next one on
    };
    const auto done = store->commit(small_or_large(3));
    synced_files::on_sync = nullptr;
    disk_fails = false;
    if (!done.ok()) {
      BOOST_TEST(done.err().code == ec::outcome_unknown);
      BOOST_TEST(!store->commit(small_or_large(4)).ok());
    }
    store.reset();
    store = open();
    const auto rows = all_rows(*store);
    BOOST_REQUIRE(rows.ok());
    BOOST_TEST((*rows == rows_until(3) || (!done.ok() && *rows == rows_until(2))), which);
    BOOST_TEST(store->commit(small_or_large(4)).ok());
  }
}

BOOST_AUTO_TEST_CASE(where_files_cannot_be_linked_large_batches_are_copied) {
  {
    auto store = open();
    synced_files::no_links = true;
    const auto done = store->commit(small_or_large(3));
    synced_files::no_links = false;
    BOOST_REQUIRE_MESSAGE(done.ok(), (done.ok() ? "" : done.err().message));
  }
  BOOST_TEST(all_rows(*open())->size() == large_batch_of(3).size());
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
