// Many libraries in one node: each works, one start opens all of them.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::nodes {

BOOST_AUTO_TEST_SUITE(many_libraries)

BOOST_AUTO_TEST_CASE(fifty_libraries_are_served_by_one_node_also_after_a_restart) {
  constexpr int count = 50;
  temp_dir dir;
  node one(dir / "one", "one");
  one.start();
  auto client = one.client();
  for (int n = 0; n < count; ++n) {
    const auto name = "lib" + std::to_string(n);
    const auto made = client.post("/v1/libraries", {{"name", name}});
    BOOST_REQUIRE_MESSAGE(made.ok(), name << ": " << made.status << " " << made.text);
    BOOST_REQUIRE(
        client.put("/v1/libraries/" + name + "/records/tag/new", {{"canonical_name", name}}).ok());
  }
  BOOST_TEST(*one.stop(30s) == 0);
  const auto begun = monotonic::now();
  one.start();
  const auto took = monotonic::now() - begun;
  BOOST_TEST_MESSAGE("a start with "
                     << count << " libraries took "
                     << std::chrono::duration_cast<std::chrono::milliseconds>(took).count()
                     << " ms");
  auto again = one.client();
  BOOST_TEST(eventually([&] { return again.get("/readyz").ok(); }));
  for (int n = 0; n < count; ++n) {
    const auto got = again.get("/v1/libraries/lib" + std::to_string(n) + "/records/tag");
    BOOST_TEST(got.body["items"].size() == 1U);
  }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
