// Libraries that are stopped while clients write and peers send.

#include "tests/actors/story.hpp"

#include "config/limits.hpp"
#include "store/sync/records.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/send.hpp>

#include <algorithm>

namespace shoal::test {

BOOST_AUTO_TEST_SUITE(stops)

BOOST_AUTO_TEST_CASE(a_library_that_is_stopped_under_load_ends_in_order) {
  const auto [first, count] = seeds(40);
  for (uint64_t seed = first; seed < first + count; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      lab l(seed, 2);
      BOOST_REQUIRE(l.run_until([&] { return l.level(); }, 60 * second));
      constexpr size_t writes = 60;
      const auto core = l.core(0);
      std::vector<int> answered(writes);
      std::vector<uint64_t> durable;
      for (size_t i = 0; i < writes; ++i)
        l.at(l.random().below(second / 10), [&, i] {
          core->write({tag_edit(1000 + i, "n", "c")}, std::nullopt,
                      [&, i](const result<api::write_answer>& r) {
                        ++answered[i];
                        if (r)
                          durable.push_back(1000 + i);
                        else
                          BOOST_TEST((r.err().code == ec::unavailable), r.err().message);
                      });
        });
      l.at(l.random().below(second / 10), [&] { l.send(0, stop_library{"stopping", false}); });
      const auto began = l.now();
      BOOST_REQUIRE(l.run_until([&] { return !l.stopped.empty(); }, 20 * second));
      BOOST_TEST(l.now() - began <= limits::offer_ms * 1000 + second / 5);
      BOOST_TEST((l.stopped == std::vector<size_t>{0}));

      // As the node does it: the library has said its last word, now the writer ends.
      const auto in_use = l.store_in_use(0);
      caf::anon_send_exit(l.writer(0), caf::exit_reason::user_shutdown);
      l.run_for(second);
      BOOST_TEST(std::all_of(answered.begin(), answered.end(), [](int n) { return n == 1; }),
                 "each write is answered once");
      for (const auto number : durable) {
        const auto here = get_record(l.disk_of(0), record_class::shared, "tag", record_of(number));
        BOOST_TEST((here.ok() && here->has_value()), "an acknowledged write is on the disk");
        const auto there = get_record(l.disk_of(1), record_class::shared, "tag", record_of(number));
        BOOST_TEST((there.ok() && there->has_value()), "it was offered to the peer before the end");
      }
      const auto status = l.core(1)->status();
      BOOST_TEST(status.members.size() == 1U);
      BOOST_TEST(!status.members.front().connected);
      core->write({tag_edit(1, "n", "c")}, std::nullopt, [](const result<api::write_answer>& r) {
        BOOST_TEST((!r.ok() && r.err().code == ec::unavailable));
      });
      BOOST_TEST(in_use.use_count() == 1, "nobody but the disk's owner holds the store");
    }
}

BOOST_AUTO_TEST_CASE(a_library_whose_peer_takes_nothing_stops_when_its_time_is_over) {
  lab l(3, 2);
  BOOST_REQUIRE(l.run_until([&] { return l.level(); }, 60 * second));
  l.hold(0, 1, true);
  l.write(0, {tag_edit(300, "n", "c")});
  l.run_for(second / 10);
  const auto began = l.now();
  l.send(0, stop_library{"stopping", false});
  BOOST_REQUIRE(l.run_until([&] { return !l.stopped.empty(); }, 20 * second));
  BOOST_TEST(l.now() - began >= limits::offer_ms * 1000);
  BOOST_TEST(l.now() - began <= limits::offer_ms * 1000 + second / 5);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
