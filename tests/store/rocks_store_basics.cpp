#include "rocks_store_fixture.hpp"
#include "store/sync/keys.hpp"

#include <thread>

#include <rocksdb/db.h>

#include <csignal>
#include <sys/resource.h>

using namespace shoal;

BOOST_FIXTURE_TEST_SUITE(rocks_store_basics, rocks_directory)

BOOST_AUTO_TEST_CASE(what_was_committed_is_there_after_reopening_with_and_without_close) {
  for (const bool closes : {false, true}) {
    {
      auto store = open();
      BOOST_REQUIRE(
          store->commit({{family::owned, "k", "v"}, {family::shared, "k", closes ? "2" : "1"}})
              .ok());
      if (closes)
        BOOST_TEST(store->close().ok());
    }
    auto store = open();
    BOOST_TEST(store->get(family::owned, "k")->value() == "v");
    BOOST_TEST(store->get(family::shared, "k")->value() == (closes ? "2" : "1"));
    BOOST_TEST(!store->get(family::log, "k")->has_value());
  }
}

BOOST_AUTO_TEST_CASE(a_key_and_a_value_may_be_any_bytes) {
  auto store = open();
  const std::string odd("\0\xff\n", 3);
  BOOST_REQUIRE(store->commit({{family::index, odd, odd}, {family::index, "empty", ""}}).ok());
  BOOST_TEST(store->get(family::index, odd)->value() == odd);
  BOOST_TEST(store->get(family::index, "empty")->value() == "");
}

BOOST_AUTO_TEST_CASE(a_batch_applies_in_order_and_nullopt_deletes) {
  auto store = open();
  BOOST_REQUIRE(store->commit({{family::log, "a", "1"}, {family::log, "b", "1"}}).ok());
  BOOST_REQUIRE(store
                    ->commit({{family::log, "a", std::nullopt},
                              {family::log, "b", std::nullopt},
                              {family::log, "b", "2"}})
                    .ok());
  BOOST_TEST(!store->get(family::log, "a")->has_value());
  BOOST_TEST(store->get(family::log, "b")->value() == "2");
  BOOST_TEST(store->commit({}).ok());
}

BOOST_AUTO_TEST_CASE(a_record_of_another_owner_is_found_by_its_name_in_memory_and_in_files) {
  // Filters may say yes to what is not there, never no to what is.
  const auto key = [](uint64_t id, uint64_t owner) {
    record_id record;
    device_id device;
    for (size_t i = 0; i < 8; ++i) {
      record.bytes[i] = static_cast<uint8_t>(id * 0x9e3779b97f4a7c15U >> 8 * i);
      device.bytes[i] = static_cast<uint8_t>(owner >> 8 * i);
    }
    return keys::row(record_class::owned, id % 3 == 0 ? "a" : "a_longer_name", record, device);
  };
  constexpr uint64_t records = 3000;
  auto store = open();
  for (const bool in_files : {false, true}) {
    kv_batch batch;
    for (uint64_t id = in_files ? records : 0; id < (in_files ? 2 * records : records); ++id)
      batch.push_back({family::owned, key(id, id % 7), "row"});
    const auto done = store->commit(batch);
    BOOST_REQUIRE(done.ok());
    if (!in_files)
      BOOST_REQUIRE(store->close().ok());
    if (!in_files)
      store = nullptr, store = open();
  }
  kv_transaction txn(*store);
  const auto anyone = [&](uint64_t id) {
    const auto whole = key(id, 0);
    const auto name = std::string_view(whole).substr(0, whole.size() - 16);
    const auto found = txn.any_with_prefix(family::owned, name,
                                           [](std::string_view, std::string_view) { return true; });
    return found.ok() && *found;
  };
  for (uint64_t id = 0; id < 3 * records; ++id)
    BOOST_REQUIRE_EQUAL(anyone(id), id < 2 * records);
  // And what walks through all keys does not stop at a name's end.
  size_t seen = 0;
  const auto cursor = store->cursor(family::owned);
  for (cursor->seek(""); cursor->valid(); cursor->next())
    ++seen;
  BOOST_TEST(seen == 2 * records);
  seen = 0;
  const auto snapshot = store->snapshot();
  const auto scan = snapshot->cursor(family::owned);
  const auto first = key(3, 0);
  for (scan->seek(first.substr(0, first.size() - 16)); scan->valid(); scan->next())
    ++seen;
  BOOST_TEST(seen > 1000U);
}

BOOST_AUTO_TEST_CASE(a_large_batch_goes_past_the_log_and_over_what_was_there_before) {
  rocks_rows expected;
  const auto expect = [&](const kv_batch& batch) {
    for (const auto& w : batch) {
      const std::pair at{static_cast<size_t>(w.where), w.key};
      if (w.value)
        expected[at] = *w.value;
      else
        expected.erase(at);
    }
  };
  const auto log_bytes = [&] {
    uint64_t bytes = 0;
    for (const auto& f : files(".log"))
      bytes += std::filesystem::file_size(f);
    return bytes;
  };
  auto store = open();
  for (const uint64_t n : {1, 2, 3}) {
    auto batch = large_batch_of(7); // the same rows each time,
    for (size_t i = 0; i < batch.size(); ++i)
      if ((i + n) % 3 == 0 && batch[i].where != family::meta)
        batch[i].value.reset(); // of which others go
    for (const auto& before : {batch_of(n), kv_batch{{family::owned, batch[0].key, "small"},
                                                     {family::index, batch.back().key, "small"}}}) {
      BOOST_REQUIRE(store->commit(before).ok()); // in a memtable,
      expect(before);
    }
    const auto seen = store->snapshot();
    const auto then = *all_rows(*seen);
    BOOST_TEST((then == expected));
    const auto logged = log_bytes();
    BOOST_REQUIRE(store->commit(batch).ok());
    expect(batch);
    BOOST_TEST(log_bytes() < logged + 64 * 1024);
    BOOST_TEST((*all_rows(*store) == expected));
    BOOST_TEST((*all_rows(*seen) == then));
    const kv_batch after{{family::owned, batch[1].key, "later"}};
    BOOST_REQUIRE(store->commit(after).ok()); // and over it again
    expect(after);
    BOOST_TEST((*all_rows(*store) == expected));
  }
  store.reset(); // without close(): the log is replayed around the tables
  store = open();
  BOOST_TEST((*all_rows(*store) == expected));
  BOOST_REQUIRE(store->close().ok());
  store.reset();
  BOOST_TEST((*all_rows(*open()) == expected));
}

BOOST_AUTO_TEST_CASE(a_large_batch_that_is_in_no_order_applies_in_the_order_it_has) {
  auto store = open();
  auto batch = large_batch_of(1);
  std::reverse(batch.begin(), batch.end());
  batch.push_back({family::owned, batch[0].key, std::nullopt});
  batch.push_back({family::log, batch.back().key, "first"});
  batch.push_back({family::log, batch.back().key, "second"});
  BOOST_REQUIRE(store->commit(batch).ok());
  BOOST_TEST(store->get(family::log, batch.back().key)->value() == "second");
}

BOOST_AUTO_TEST_CASE(a_snapshot_and_a_cursor_do_not_see_later_commits) {
  auto store = open();
  BOOST_REQUIRE(store->commit({{family::owned, "a", "old"}, {family::shared, "a", "old"}}).ok());
  const auto snapshot = store->snapshot();
  auto cursor = store->cursor(family::owned);
  BOOST_REQUIRE(store
                    ->commit({{family::owned, "a", "new"},
                              {family::owned, "b", "new"},
                              {family::shared, "a", std::nullopt}})
                    .ok());
  BOOST_TEST(snapshot->get(family::owned, "a")->value() == "old");
  BOOST_TEST(snapshot->get(family::shared, "a")->value() == "old");
  BOOST_TEST(!snapshot->get(family::owned, "b")->has_value());
  BOOST_TEST(all_rows(*snapshot)->size() == 2);
  cursor->seek("");
  BOOST_REQUIRE(cursor->valid());
  BOOST_TEST(cursor->value() == "old");
  cursor->next();
  BOOST_TEST(!cursor->valid());
  BOOST_TEST(cursor->state().ok());
  BOOST_TEST(store->get(family::owned, "a")->value() == "new");
}

BOOST_AUTO_TEST_CASE(many_keys_at_once_say_what_each_says_alone) {
  auto store = open();
  kv_batch batch;
  for (uint64_t n = 0; n < 1000; n += 2)
    batch.push_back({family::owned_by_seq, numbered(n), "value " + std::to_string(n)});
  BOOST_REQUIRE(store->commit(batch).ok());
  const auto before = store->snapshot();
  BOOST_REQUIRE(store->commit({{family::owned_by_seq, numbered(4), std::nullopt}}).ok());
  kv_transaction txn(*store);
  txn.put(family::owned_by_seq, numbered(5), "new");
  txn.erase(family::owned_by_seq, numbered(6));
  std::vector<std::string> keys;
  for (uint64_t n = 0; n < 1000; ++n)
    keys.push_back(numbered(n));
  std::sort(keys.begin(), keys.end());
  for (const kv_view* view : {static_cast<const kv_view*>(store.get()), before.get(),
                              static_cast<const kv_view*>(&txn)}) {
    const auto many = view->get_many(family::owned_by_seq, keys);
    BOOST_REQUIRE(many.ok());
    size_t there = 0;
    for (size_t i = 0; i < keys.size(); ++i) {
      BOOST_TEST(((*many)[i] == *view->get(family::owned_by_seq, keys[i])));
      there += (*many)[i].has_value();
    }
    BOOST_TEST(there == (view == before.get() ? 500U : 499U));
  }
  BOOST_TEST(store->get_many(family::owned, {})->empty());
}

BOOST_AUTO_TEST_CASE(snapshots_and_cursors_outlive_the_store) {
  auto store = open();
  BOOST_REQUIRE(store->commit({{family::owned, "a", "1"}}).ok());
  auto snapshot = store->snapshot();
  auto cursor = snapshot->cursor(family::owned);
  store.reset();
  BOOST_TEST(snapshot->get(family::owned, "a")->value() == "1");
  snapshot.reset();
  cursor->seek("a");
  BOOST_TEST(cursor->valid());
  cursor.reset();
  BOOST_TEST(open()->get(family::owned, "a")->value() == "1");
}

BOOST_AUTO_TEST_CASE(a_scan_sees_the_keys_of_its_prefix_in_byte_order_and_of_one_family_only) {
  auto store = open();
  for (const auto f : {family::owned, family::shared})
    BOOST_REQUIRE(
        store
            ->commit({{f, "a", ""}, {f, "b\xff", ""}, {f, "b", ""}, {f, "b\x01", ""}, {f, "c", ""}})
            .ok());
  BOOST_REQUIRE(store->commit({{family::shared, "bx", ""}}).ok());
  const auto scan = [&](family f, std::string_view from) {
    std::vector<std::string> out;
    BOOST_TEST(scan_prefix(*store, f, "b", from, [&](auto key, auto) {
                 out.emplace_back(key);
                 return true;
               }).ok());
    return out;
  };
  BOOST_TEST((scan(family::owned, "") == std::vector<std::string>{"b", "b\x01", "b\xff"}));
  BOOST_TEST((scan(family::shared, "b\x01") == std::vector<std::string>{"b\x01", "bx", "b\xff"}));
  BOOST_TEST(scan(family::log, "").empty());
}

BOOST_AUTO_TEST_CASE(rows_stay_readable_when_memtables_are_flushed_under_a_small_budget) {
  rocks_options small;
  small.memory = make_rocks_memory(1 << 20, 1 << 20);
  auto store = open(small);
  rocks_rows expected;
  for (uint64_t n = 0; n < 60; ++n) {
    kv_batch batch;
    for (uint64_t k = 0; k < 200; ++k) {
      const auto key = numbered(n * 1000 + k);
      expected[{static_cast<size_t>(family::shared), key}] =
          std::string(300, static_cast<char>('a' + n % 26));
      batch.push_back({family::shared, key, std::string(300, static_cast<char>('a' + n % 26))});
    }
    const auto done = store->commit(batch);
    BOOST_REQUIRE(done.ok());
  }
  BOOST_TEST((*all_rows(*store) == expected));
  BOOST_TEST(!files(".sst").empty());
}

BOOST_AUTO_TEST_CASE(a_closed_store_refuses_commits_and_still_reads) {
  auto store = open();
  BOOST_REQUIRE(store->commit({{family::owned, "a", "1"}}).ok());
  BOOST_TEST(store->close().ok());
  BOOST_TEST(store->close().ok());
  BOOST_TEST(store->commit({{family::owned, "b", "1"}}).err().code == ec::unavailable);
  BOOST_TEST(store->get(family::owned, "a")->value() == "1");
}

BOOST_AUTO_TEST_CASE(a_directory_is_made_with_its_parents_unless_that_is_ruled_out) {
  rocks_options existing;
  existing.create = false;
  const auto deep = path("x/y/z");
  const auto missing = rocks_store::open(deep, existing);
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST(missing.err().code == ec::not_found);
  BOOST_TEST(missing.err().message.find(deep) != std::string::npos);
  BOOST_TEST(!std::filesystem::exists(deep));
  BOOST_TEST(rocks_store::open(deep).ok());
  BOOST_TEST(rocks_store::open(deep, existing).ok());
}

BOOST_AUTO_TEST_CASE(a_path_that_is_no_directory_is_an_error_that_names_it) {
  std::ofstream(path()) << "file";
  const auto opened = rocks_store::open(path());
  BOOST_REQUIRE(!opened.ok());
  BOOST_TEST(opened.err().code == ec::disk);
  BOOST_TEST(opened.err().message.find(path()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_second_open_in_one_process_is_refused_and_the_first_keeps_its_lock) {
  auto first = open();
  for (int i = 0; i < 2; ++i) {
    const auto second = rocks_store::open(path());
    BOOST_REQUIRE(!second.ok());
    BOOST_TEST(second.err().code == ec::unavailable);
    BOOST_TEST(second.err().message.find("another shoal runs here") != std::string::npos,
               second.err().message);
  }
  BOOST_TEST(first->commit({{family::owned, "a", "1"}}).ok());
}

BOOST_AUTO_TEST_CASE(another_format_is_refused_and_both_versions_are_named) {
  for (const auto& [text, code] : {std::pair{"7", ec::unknown_version}, std::pair{"0", ec::corrupt},
                                   std::pair{"x", ec::corrupt}, std::pair{"", ec::corrupt}}) {
    BOOST_REQUIRE(open()->commit({{family::meta, "format", text}}).ok());
    const auto opened = rocks_store::open(path());
    BOOST_REQUIRE(!opened.ok());
    BOOST_TEST(opened.err().code == code, text);
    if (code == ec::unknown_version) {
      BOOST_TEST(opened.err().message.find("format 7") != std::string::npos, opened.err().message);
      BOOST_TEST(opened.err().message.find("format " + std::to_string(store_format))
                     != std::string::npos,
                 opened.err().message);
    }
    std::filesystem::remove_all(path());
  }
}

BOOST_AUTO_TEST_CASE(an_older_format_is_taken_over_and_older_programs_are_told_so) {
  for (auto format = oldest_format; format < store_format; ++format) {
    BOOST_REQUIRE(
        open()
            ->commit({{family::meta, "format", std::to_string(format)}, {family::log, "a", "1"}})
            .ok());
    const auto taken = open();
    BOOST_TEST(taken->get(family::meta, "format")->value() == std::to_string(store_format));
    BOOST_TEST(taken->get(family::log, "a")->value() == "1");
  }
}

BOOST_AUTO_TEST_CASE(records_without_a_format_version_are_damage) {
  BOOST_REQUIRE(
      open()->commit({{family::meta, "format", std::nullopt}, {family::log, "a", "1"}}).ok());
  BOOST_TEST(rocks_store::open(path()).err().code == ec::corrupt);
}

BOOST_AUTO_TEST_CASE(a_column_family_of_a_newer_format_is_refused_without_touching_it) {
  open().reset();
  {
    rocksdb::DB* raw = nullptr;
    std::vector<std::string> names;
    BOOST_REQUIRE(rocksdb::DB::ListColumnFamilies({}, path(), &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> wanted;
    for (const auto& n : names)
      wanted.emplace_back(n, rocksdb::ColumnFamilyOptions());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    BOOST_REQUIRE(rocksdb::DB::Open({}, path(), wanted, &handles, &raw).ok());
    const std::unique_ptr<rocksdb::DB> db(raw);
    rocksdb::ColumnFamilyHandle* more = nullptr;
    BOOST_REQUIRE(db->CreateColumnFamily({}, "from_the_future", &more).ok());
    handles.push_back(more);
    for (auto* h : handles)
      BOOST_REQUIRE(db->DestroyColumnFamilyHandle(h).ok());
  }
  const auto opened = rocks_store::open(path());
  BOOST_REQUIRE(!opened.ok());
  BOOST_TEST(opened.err().code == ec::unknown_version);
  BOOST_TEST(opened.err().message.find("from_the_future") != std::string::npos,
             opened.err().message);
}

BOOST_AUTO_TEST_CASE(after_a_failed_commit_every_commit_is_refused_until_the_store_is_reopened) {
  auto store = open();
  BOOST_REQUIRE(store->commit({{family::owned, "before", "1"}}).ok());
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = 64 << 10;
  BOOST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const auto failed = store->commit({{family::owned, "failed", std::string(256 << 10, 'x')}});
  BOOST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  BOOST_REQUIRE(!failed.ok());
  BOOST_TEST(failed.err().code == ec::outcome_unknown);
  BOOST_TEST(failed.err().message.find(path()) != std::string::npos);
  const auto later = store->commit({{family::owned, "later", "1"}});
  BOOST_REQUIRE(!later.ok());
  BOOST_TEST(later.err().code == ec::outcome_unknown);
  BOOST_TEST(store->close().ok());
  store.reset();
  store = open();
  BOOST_TEST(store->get(family::owned, "before")->value() == "1");
  BOOST_TEST(!store->get(family::owned, "later")->has_value());
  BOOST_TEST(store->commit({{family::owned, "after", "1"}}).ok());
}

BOOST_AUTO_TEST_CASE(a_store_that_is_no_longer_in_use_can_be_opened_again_at_once) {
  for (uint64_t n = 1; n <= 50; ++n) {
    auto store = open();
    BOOST_REQUIRE(store->commit(batch_of(n)).ok());
    const auto in_use = store->in_use();
    std::thread last([&] { store.reset(); });
    while (!in_use.expired())
      std::this_thread::yield();
    const auto again = rocks_store::open(path());
    last.join();
    BOOST_REQUIRE_MESSAGE(again.ok(), (again.ok() ? "" : again.err().message));
  }
}

BOOST_AUTO_TEST_SUITE_END()
