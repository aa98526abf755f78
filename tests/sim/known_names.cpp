// What is known to be not there is not there; and most of what is not there is known to be.
#include "store/sync/known_names.hpp"
#include "store/sync/keys.hpp"
#include "tests/sim/lone_replica.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace shoal;
using namespace shoal::sim;

namespace {

std::string name(uint64_t n) { return "entry " + std::to_string(n * 0x9e3779b97f4a7c15U); }

void put(sim_store& store, uint64_t from, uint64_t to) {
  kv_batch batch;
  for (auto n = from; n < to; ++n)
    batch.push_back({family::owned, name(n), ""});
  BOOST_REQUIRE(store.commit(batch).ok());
}

} // namespace

BOOST_AUTO_TEST_SUITE(known_name)

BOOST_AUTO_TEST_CASE(nothing_that_was_taken_in_or_added_is_ever_denied) {
  sim_store store;
  put(store, 0, 5000);
  known_names names;
  BOOST_TEST(!names.on());
  BOOST_TEST(names.may_have(name(1'000'000)));
  names.begin();
  BOOST_TEST(names.on());
  BOOST_TEST(names.may_have(name(1'000'000)));
  names.take_in(store, 5000);
  BOOST_REQUIRE(names.complete());
  constexpr uint64_t count = 600'000; // three times what the first layer has room for, and more
  for (uint64_t n = 5000; n < count; ++n)
    names.add(name(n));
  size_t denied = 0;
  for (uint64_t n = 0; n < count; ++n)
    denied += !names.may_have(name(n));
  BOOST_TEST(denied == 0U);
  size_t mistaken = 0;
  for (uint64_t n = count; n < count + 100'000; ++n)
    mistaken += names.may_have(name(n));
  BOOST_TEST(mistaken < 5'000U);
  names.forget();
  BOOST_TEST(!names.on());
  BOOST_TEST(names.may_have(name(1'000'000)));
}

BOOST_AUTO_TEST_CASE(names_are_taken_in_by_and_by_while_others_are_written) {
  for (uint64_t seed = 1; seed <= 200; ++seed)
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937_64 random(seed);
      sim_store store;
      put(store, 0, random() % 500);
      known_names names;
      names.begin();
      for (uint64_t written = 500; !names.complete();) {
        BOOST_REQUIRE(names.may_have(name(1'000'000)));
        names.take_in(store, 1 + random() % 100);
        for (auto n = random() % 20; n > 0; --n, ++written) {
          put(store, written, written + 1);
          names.on_written(name(written));
        }
      }
      size_t denied = 0;
      for (const auto& [key, value] : store.of(family::owned))
        denied += !names.may_have(key);
      BOOST_TEST(denied == 0U);
      BOOST_TEST(!names.may_have(name(1'000'000)));
    }
}

BOOST_AUTO_TEST_CASE(a_name_is_of_all_owners_and_takes_room_once) {
  const auto id = record_id{};
  device_id one, other;
  one.bytes[0] = 1, other.bytes[0] = 2;
  known_names names;
  names.begin();
  names.take_in(sim_store(), 1);
  names.add(keys::row(record_class::owned, "entry", id, one));
  BOOST_TEST(names.may_have(keys::row(record_class::owned, "entry", id, other)));
  BOOST_TEST(!names.may_have(keys::row(record_class::owned, "location", id, other)));
  const auto again = keys::row(record_class::owned, "entry", id, one);
  for (uint64_t n = 0; n < 12'000'000; ++n) // as often as would not have room
    names.add(again);
  BOOST_TEST(names.complete());
}

// A request takes a record away, names go and are begun with anew, and the request is undone.
BOOST_AUTO_TEST_CASE(names_that_are_begun_with_in_a_transaction_hear_of_all_that_it_wrote) {
  sim_store store;
  put(store, 0, 3);
  kv_transaction txn(store);
  known_names names;
  names.begin();
  txn.tell(family::owned, names, true);
  const auto savepoint = txn.savepoint();
  txn.erase(family::owned, name(1));
  names.forget();
  names.begin();
  txn.tell(family::owned, names, true);
  names.take_in(txn, 100);
  BOOST_REQUIRE(names.complete());
  txn.rollback(savepoint);
  for (uint64_t n = 0; n < 3; ++n)
    BOOST_TEST(names.may_have(name(n)));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_ends_it) {
  sim_store store;
  put(store, 0, 10);
  known_names names;
  names.begin();
  names.take_in(failing_view(store, [] { return true; }), 100);
  BOOST_TEST(!names.on());
  BOOST_TEST(names.may_have(name(1'000'000)));
}

// Of two replicas one keeps names: both say the same and have the same bytes.
BOOST_AUTO_TEST_CASE(who_knows_names_commits_what_others_commit) {
  constexpr uint64_t wall = 1'700'000'000'000;
  size_t known = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed)
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937_64 random(seed);
      lone_replica knows(0, {.fresh_epoch = 7,
                             .names_known_after = seed % 50,
                             .names_at_once = 1 + seed % 60,
                             .names_idle_groups = seed % 3 == 0 ? 2U : 4096U});
      lone_replica asks(0, {.fresh_epoch = 7, .names_known_after = SIZE_MAX});
      lone_replica other(1);
      const auto any_edit = [&](uint64_t owner) {
        edit e;
        e.cls = record_class::owned;
        e.model = "location";
        e.id = owned_id(owner, random() % 30);
        if (random() % 4 == 0)
          e.remove = true;
        else
          e.fields = {lww("name", encoded(random() % 100))};
        return e;
      };
      for (int step = 0; step < 100; ++step) {
        const uint64_t at = wall + static_cast<uint64_t>(step);
        if (random() % 4 == 0) { // the other device's come, some under names that are taken
          const std::vector edits{any_edit(random() % 2)};
          const auto made = other.in_group(
              [&](kv_transaction& txn) { return other.data->commit(txn, edits, at); });
          if (!made)
            continue;
          for (auto* r : {&knows, &asks})
            BOOST_REQUIRE(r->in_group([&](kv_transaction& txn) {
                             return r->data->apply(txn, {&made->covered, 1}, at);
                           }).ok());
          continue;
        }
        const std::vector edits{any_edit(random() % 2), any_edit(random() % 2)};
        const auto a =
            knows.in_group([&](kv_transaction& txn) { return knows.data->commit(txn, edits, at); });
        const auto b =
            asks.in_group([&](kv_transaction& txn) { return asks.data->commit(txn, edits, at); });
        BOOST_REQUIRE(a.ok() == b.ok());
        if (!a)
          BOOST_TEST(a.err().message == b.err().message);
      }
      known += knows.data->knows_names();
      BOOST_TEST(!asks.data->knows_names());
      for (size_t f = 0; f < family_count; ++f)
        BOOST_TEST((knows.disk.of(static_cast<family>(f)) == asks.disk.of(static_cast<family>(f))));
    }
  BOOST_TEST(known > 50U);
}

BOOST_AUTO_TEST_CASE(beyond_its_memory_it_denies_nothing_any_more) {
  sim_store store;
  known_names names;
  names.begin();
  names.take_in(store, 1);
  uint64_t n = 0;
  while (names.on() && n < 20'000'000)
    names.add(name(n++));
  BOOST_TEST(!names.on());
  BOOST_TEST(n > 10'000'000U);
  BOOST_TEST(names.may_have(name(n)));
}

BOOST_AUTO_TEST_SUITE_END()
