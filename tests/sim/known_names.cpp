// What is known to be not there is not there; and most of what is not there is known to be.
#include "store/sync/known_names.hpp"
#include "sim/sim_store.hpp"

#include <boost/test/unit_test.hpp>

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
  names.begin(store);
  BOOST_REQUIRE(names.on());
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

BOOST_AUTO_TEST_CASE(a_store_of_too_many_names_is_not_taken_in) {
  sim_store store;
  put(store, 0, known_names::begin_max);
  known_names names;
  names.begin(store);
  BOOST_TEST(names.on());
  put(store, known_names::begin_max, known_names::begin_max + 1);
  names.begin(store);
  BOOST_TEST(!names.on());
}

BOOST_AUTO_TEST_CASE(beyond_its_memory_it_denies_nothing_any_more) {
  sim_store store;
  known_names names;
  names.begin(store);
  uint64_t n = 0;
  while (names.on() && n < 20'000'000)
    names.add(name(n++));
  BOOST_TEST(!names.on());
  BOOST_TEST(n > 10'000'000U);
  BOOST_TEST(names.may_have(name(n)));
}

BOOST_AUTO_TEST_SUITE_END()
