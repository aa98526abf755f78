// Each of a process's first syncs fails once, and the process dies at each of its first writes and
// syncs: what was acknowledged before is there after, and no stamp is given out twice.

#include "tests/nodes/faults.hpp"
#include "tests/nodes/tag_writer.hpp"

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <csignal>

namespace shoal::nodes {

namespace {

struct failing_node : cluster {
  failing_node() : cluster(2), disk(scratch() / "disk") { (*this)[1].start(); }

  /// Starts the first node, which may not live to accept work.
  void launch() {
    (*this)[0].launch(disk.environment());
    auto& n = (*this)[0];
    BOOST_REQUIRE(eventually(
        [&] { return !n.running() || fs::exists(n.dir() / "run" / "endpoints.json"); }, 30s));
  }
  /// Writes until the fault was met; false when it never was.
  bool write_until(uint64_t syncs) {
    for (uint64_t n = 0; n < syncs + 50; ++n) {
      const auto said =
          json::parse(read_file((*this)[0].dir() / "run" / "endpoints.json"), nullptr, false);
      if (!(*this)[0].running() || !said.is_object())
        return true;
      if (!client || said["api"] != url) {
        url = said["api"];
        client.emplace(url, (*this)[0].token());
      }
      if (!tags.put(*client))
        return true;
    }
    return false;
  }
  void check() {
    BOOST_REQUIRE_MESSAGE(converge(), "not equal within 30 s");
    check_exports();
    tags.check(exported(0));
  }

  faulty_disk disk;
  tag_writer tags{1};
  std::optional<api> client;
  std::string url;
};

} // namespace

BOOST_AUTO_TEST_SUITE(syncs)

BOOST_AUTO_TEST_CASE(each_of_the_first_syncs_of_a_process_fails_once_and_nothing_is_lost) {
  failing_node lab;
  std::map<std::string, size_t> told; // what clients heard
  size_t restarts = 0;
  size_t unmet = 0;
  rounds each("SHOAL_SYNCS", 25);
  while (each.next()) {
    BOOST_TEST_CONTEXT("sync " << each.done() << " of a process failed") {
      // Every fifth time the disk does not get well before the process has ended.
      const bool sticky = each.done() % 5 == 0;
      lab.disk.heal();
      lab.disk.fail_syncs(each.done(), sticky ? UINT64_MAX : 1, EIO);
      lab.launch();
      if (!lab.write_until(each.done()))
        ++unmet;
      else if (lab.tags.last().status != 200)
        ++told[lab.tags.last().status == 0 ? "no answer" : lab.tags.last().error()];
      if (sticky)
        lab.disk.mend_syncs();
      // It ends, to be started again, or opens the library anew by itself.
      BOOST_REQUIRE(eventually(
          [&] {
            if (!lab[0].running())
              return true;
            return writes_again(lab[0], lab.tags, 0ms);
          },
          30s));
      if (lab[0].running()) {
        BOOST_TEST((lab[0].stop() == 0));
      } else {
        ++restarts;
        BOOST_TEST((lab[0].ended_within(0ms) == 75));
      }
      if (each.done() % 25 == 0) {
        lab.disk.heal();
        lab.launch();
        lab.check();
        lab[0].kill9();
      }
    }
  }
  lab.disk.heal();
  lab.launch();
  lab.check();
  std::string answers;
  for (const auto& [what, n] : told)
    answers += (answers.empty() ? "" : ", ") + std::to_string(n) + " " + what;
  BOOST_TEST_MESSAGE(each.done() << " failed syncs: " << restarts << " restarts, " << unmet
                                 << " not met; clients heard: " << answers << "; "
                                 << lab.tags.count() << " writes acknowledged");
  if (each.done() >= 25) // the first ones meet an opening
    BOOST_TEST(told["outcome_unknown"] > 0U);
}

BOOST_AUTO_TEST_CASE(a_process_dies_at_each_of_its_first_writes_and_syncs_and_nothing_is_lost) {
  std::mt19937_64 random(test_seed());
  failing_node lab;
  size_t died = 0;
  rounds each("SHOAL_KILLS", 30);
  while (each.next()) {
    // An opening takes up to a hundred of either.
    const auto at = 1 + random() % (random() % 2 == 0 ? 60 : 400);
    const bool sync = random() % 2 == 0;
    BOOST_TEST_CONTEXT("killed at " << (sync ? "sync " : "write ") << at) {
      lab.disk.heal();
      if (sync)
        lab.disk.kill_at_sync(at);
      else
        lab.disk.kill_at_write(at);
      lab.launch();
      if (lab.write_until(at)) {
        BOOST_TEST((lab[0].ended_within(10s) == 128 + SIGKILL));
        ++died;
      } else {
        lab[0].kill9();
      }
      if (each.done() % 25 == 0) {
        lab.disk.heal();
        lab.launch();
        lab.check();
        lab[0].kill9();
      }
    }
  }
  lab.disk.heal();
  lab.launch();
  lab.check();
  BOOST_TEST_MESSAGE(each.done() << " rounds, " << died << " deaths in the middle of a call, "
                                 << lab.tags.count() << " writes acknowledged");
  BOOST_TEST(died * 10 > each.done() * 9);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
