// Idempotency keys: how long they are kept, and what with.

#include "tests/sim/lone_replica.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

namespace {

constexpr uint64_t wall = 1'700'000'000'000;
constexpr uint64_t day_ms = 24ULL * 3600 * 1000;
constexpr uint64_t kept_max = 100'000;

struct node : lone_replica {
  node() : lone_replica(0) {}
  result<committed> write(const std::string& key, uint64_t at, uint64_t hash = 1) {
    edit e;
    e.model = "tag";
    e.id = tag_id(1);
    e.fields = {lww("name", encoded("x"))};
    return in_group([&](kv_transaction& txn) {
      return data->commit(txn, {&e, 1}, at, once_key{key, hash});
    });
  }
  uint64_t seq() const { return data->held().begin()->second; }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(once_keys, node)

BOOST_AUTO_TEST_CASE(a_key_is_one_write_for_a_day_and_another_request_with_it_is_refused) {
  const auto first = write("k", wall);
  BOOST_REQUIRE(first.ok());
  const auto again = write("k", wall + day_ms - 1);
  BOOST_REQUIRE(again.ok());
  BOOST_TEST(seq() == 1);
  BOOST_TEST(again->results[0].seq == first->results[0].seq);
  BOOST_TEST((again->results[0].stamp == first->results[0].stamp));
  const auto other = write("k", wall + 1, 2);
  BOOST_REQUIRE(!other.ok());
  BOOST_TEST((other.err().code == ec::conflict));
  BOOST_TEST(write("k", wall + day_ms).ok());
  BOOST_TEST(seq() == 2);
}

BOOST_AUTO_TEST_CASE(as_many_keys_are_kept_as_promised_and_no_more) {
  const auto day_later = wall + day_ms;
  BOOST_REQUIRE(write("used again", wall).ok());
  BOOST_REQUIRE(write("first", day_later).ok());
  BOOST_REQUIRE(write("used again", day_later).ok());
  // With those three, all that is kept.
  for (uint64_t n = 3; n < kept_max; ++n)
    BOOST_REQUIRE(write("n" + std::to_string(n), day_later).ok());
  const auto before = seq();
  BOOST_TEST(write("first", day_later).ok());
  BOOST_TEST(write("used again", day_later).ok());
  BOOST_TEST(seq() == before);
  // The oldest place goes: its key has a newer one, and stays.
  BOOST_TEST(write("one more", day_later).ok());
  BOOST_TEST(write("used again", day_later).ok());
  BOOST_TEST(seq() == before + 1);
  BOOST_TEST(write("and one", day_later).ok());
  BOOST_TEST(write("first", day_later).ok()); // forgotten: a new write
  BOOST_TEST(seq() == before + 3);
}

BOOST_AUTO_TEST_SUITE_END()
