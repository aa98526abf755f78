// Idempotency keys on real nodes that are killed at any time: whoever asks until it is answered has
// written once.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <random>
#include <thread>

namespace shoal::nodes {

BOOST_AUTO_TEST_SUITE(once)

BOOST_AUTO_TEST_CASE(a_client_that_repeats_until_it_is_answered_writes_once_however_often_it_dies) {
  const auto seed = test_seed();
  std::mt19937_64 random(seed);
  cluster lab(1);
  lab.start();
  std::atomic<int> answered{0};
  std::atomic<int> repeated{0};
  std::atomic<bool> stop{false};
  std::string url = lab[0].url();
  std::mutex url_mutex;
  const auto token = lab[0].token();
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c)
    clients.emplace_back([&, c] {
      for (int n = 0; !stop; ++n) {
        const auto name = std::to_string(c) + "-" + std::to_string(n);
        // Not let go before it is answered.
        for (int tries = 0;; ++tries) {
          std::string at;
          {
            const std::lock_guard guard(url_mutex);
            at = url;
          }
          const auto got = api(at, token).put(record("tag", "new"), {{"canonical_name", name}},
                                              {{"Idempotency-Key", "key-" + name}});
          if (got.ok())
            break;
          ++repeated;
          std::this_thread::sleep_for(10ms);
        }
        ++answered;
      }
    });
  for (int kills = 0; kills < 8; ++kills) {
    const auto goal = answered + 20 + static_cast<int>(random() % 50);
    BOOST_REQUIRE(eventually([&] { return answered >= goal; }, 60s));
    lab[0].kill9();
    lab[0].start();
    const std::lock_guard guard(url_mutex);
    url = lab[0].url();
  }
  stop = true;
  for (auto& c : clients)
    c.join();
  std::map<std::string, int> times;
  for (const auto& [id, r] : by_id(lab.exported(0)))
    if (r["model"] == "tag")
      ++times[r["fields"]["canonical_name"]];
  BOOST_TEST(times.size() == static_cast<size_t>(answered), "SHOAL_SEED=" << seed);
  for (const auto& [name, n] : times)
    BOOST_TEST(n == 1, name << " was written " << n << " times; SHOAL_SEED=" << seed);
  BOOST_TEST(repeated > 0);
}

BOOST_AUTO_TEST_CASE(a_key_with_another_method_path_or_body_is_refused) {
  cluster lab(1);
  lab.start();
  auto client = lab[0].client();
  const std::map<std::string, std::string> key{{"Idempotency-Key", "k"}};
  const auto first = client.put(record("tag", "new"), {{"canonical_name", "x"}}, key);
  BOOST_REQUIRE(first.ok());
  const auto again = client.put(record("tag", "new"), {{"canonical_name", "x"}}, key);
  BOOST_TEST(again.body["id"] == first.body["id"]);
  BOOST_TEST(again.body["seq"] == first.body["seq"]);
  BOOST_TEST(client.put(record("tag", "new"), {{"canonical_name", "y"}}, key).status == 409);
  BOOST_TEST(client.put(record("collection", "new"), {{"canonical_name", "x"}}, key).status >= 400);
  BOOST_TEST(client.send("DELETE", record("tag", first.body["id"]), "", key).status == 409);
  BOOST_TEST(client.get(record("tag", first.body["id"])).ok());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
