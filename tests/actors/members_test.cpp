// Members that come and go by command, as the client that gave the command sees it.

#include "tests/actors/story.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::test {

BOOST_AUTO_TEST_SUITE(members_by_command)

static device_id numbered(uint8_t n) {
  device_id out{};
  out.bytes.fill(n);
  return out;
}

BOOST_AUTO_TEST_CASE(who_is_told_that_a_member_was_added_or_removed_finds_it_so) {
  const auto [first, count] = seeds(10);
  for (uint64_t seed = first; seed < first + count; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      lab l(seed, 2);
      BOOST_REQUIRE(l.run_until([&] { return l.level(); }, 60 * second));
      const auto core = l.core(0);
      for (uint8_t n = 1; n <= 40; ++n) {
        const auto device = numbered(n);
        const auto name = "m" + std::to_string(n);
        bool added = false;
        core->add_member(device, name + ":7420", name, false, [&](const result<nothing>& r) {
          added = true;
          BOOST_TEST(r.ok());
          const auto all = core->members();
          const auto it = all.find(device);
          BOOST_TEST((it != all.end() && it->second.name == name
                      && it->second.address == name + ":7420" && !it->second.removed),
                     name << " is not what was added");
        });
        BOOST_REQUIRE(l.run_until([&] { return added; }, 10 * second));
        if (n % 4 != 0)
          continue;
        bool removed = false;
        core->remove_member(device, false, [&](const result<nothing>& r) {
          removed = true;
          BOOST_TEST(r.ok());
          const auto all = core->members();
          BOOST_TEST(!is_member(all, device), name << " is still a member");
        });
        BOOST_REQUIRE(l.run_until([&] { return removed; }, 10 * second));
      }
    }
}

// Else a wait for "all members" that comes with the first would be told at once that all hold it.
BOOST_AUTO_TEST_CASE(the_members_are_known_before_the_library_takes_its_first_message) {
  lab l(1, 3);
  BOOST_REQUIRE(l.run_until([&] { return l.level(); }, 60 * second));
  const auto held = l.core(0)->status().held;
  l.crash(0);
  l.start(0);
  const auto core = l.core(0); // nothing of it has run
  BOOST_TEST(core->members().size() == 3);
  BOOST_TEST(core->status().members.size() == 2);
  BOOST_TEST((core->now() == held));
  bool answered = false;
  core->wait(held, {l.device(1), l.device(2)}, 2, 60'000, [&](const auto&) { answered = true; });
  BOOST_TEST(!answered);
  BOOST_TEST(l.run_until([&] { return l.level() && answered; }, 60 * second));
}

// The answer goes by way of the library's actor, which takes nothing any more once it is closed.
BOOST_AUTO_TEST_CASE(a_member_that_was_stored_is_answered_also_when_the_library_closes) {
  const auto [first, count] = seeds(100);
  size_t stored = 0;
  for (uint64_t seed = first; seed < first + count; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      lab l(seed, 1);
      BOOST_REQUIRE(l.run_until([&] { return l.level(); }, 60 * second));
      const auto core = l.core(0);
      size_t answers = 0;
      core->add_member(numbered(1), "m:7420", "m", false, [&](const result<nothing>& r) {
        ++answers;
        BOOST_TEST(r.ok());
      });
      for (auto steps = l.random().below(4); steps > 0; --steps)
        l.step();
      core->close("closed by the test");
      l.run_for(second);
      // What the writer never got is not answered; of that the API says that nobody knows.
      const bool found = core->members().contains(numbered(1));
      stored += found ? 1 : 0;
      BOOST_TEST(answers == (found ? 1U : 0U));
    }
  if (count > 10)
    BOOST_TEST((stored > 0 && stored < count), stored << " of " << count);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
