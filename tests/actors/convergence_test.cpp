// Libraries that write and talk to each other, whatever actor is served first.

#include "tests/actors/story.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::test {

BOOST_AUTO_TEST_SUITE(convergence)

static void converge(uint64_t seed, size_t nodes) {
  BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed << ", " << nodes << " nodes") {
    lab l(seed, nodes);
    clients_write(l, 30, 5 * second);
    l.run_for(5 * second);
    check_the_end(l);
    for (const auto& a : l.answers)
      BOOST_TEST(
          (!a.failed || a.failed->code == ec::missing_field || a.failed->code == ec::not_found),
          (a.failed ? a.failed->message : std::string()));
    BOOST_TEST(l.drops.empty());
  }
}

BOOST_AUTO_TEST_CASE(two_libraries_converge_under_any_order_of_messages) {
  const auto [first, count] = seeds(60);
  for (uint64_t seed = first; seed < first + count; ++seed)
    converge(seed, 2);
}

BOOST_AUTO_TEST_CASE(three_libraries_converge_under_any_order_of_messages) {
  const auto [first, count] = seeds(60);
  for (uint64_t seed = first; seed < first + count; ++seed)
    converge(seed, 3);
}

BOOST_AUTO_TEST_CASE(a_seed_makes_the_same_run_twice) {
  const auto trace = [](uint64_t seed) {
    lab l(seed, 3);
    clients_write(l, 20, 2 * second);
    l.at(second, [&l] { l.cut(0, 1, second); });
    l.run_for(20 * second);
    return std::pair(l.trace(), l.records(0));
  };
  const auto [first, count] = seeds(3);
  for (uint64_t seed = first; seed < first + count; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      const auto once = trace(seed);
      BOOST_TEST((once == trace(seed)));
      BOOST_TEST(once.first != trace(seed + 1).first);
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
