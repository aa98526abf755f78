// shoal bench: that it measures what it says, leaves nothing behind, and ends when told to. How
// fast anything is, is no test's business.

#include "tests/nodes/api.hpp"
#include "tests/nodes/process.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>

using namespace shoal;
using namespace shoal::nodes;

namespace {

/// Processes that have `folder` in their command line.
size_t processes_of(const fs::path& folder) {
  size_t found = 0;
  std::error_code ignored;
  for (fs::directory_iterator it("/proc", ignored), end; it != end; it.increment(ignored))
    // The bench itself names the folder alone.
    if (read_file(it->path() / "cmdline").find(folder.string() + "/shoal-bench-")
        != std::string::npos)
      ++found;
  return found;
}

/// Runs a small bench in a folder of its own, and checks what all of them have in common.
json run_bench(const std::string& what, std::vector<std::string> more) {
  const temp_dir dir;
  std::vector<std::string> words{"bench", what, "--runs", "1", "--dir", dir.path(), "-o", "json"};
  words.insert(words.end(), more.begin(), more.end());
  const auto ended = nodes::shoal(words);
  BOOST_TEST_REQUIRE(ended.code == 0, ended.err);
  auto report = json::parse(ended.out, nullptr, false);
  BOOST_TEST_REQUIRE(report.is_object(), ended.out);
  BOOST_TEST(report["what"] == what);
  BOOST_TEST(report["machine"]["cpus"] > 0);
  BOOST_TEST(report["settings"]["runs"] == 1);
  BOOST_TEST(report["settings"]["record_bytes"] == 200);
  BOOST_TEST(report["ratio"] > 0.0);
  for (const char* part : {"floor", "results"})
    BOOST_TEST_CONTEXT(part) { BOOST_TEST(report[part]["per_second"] > 0.0); }
  const auto& r = report["results"];
  BOOST_TEST(r["p50"] > 0.0);
  BOOST_TEST(r["p99"] >= r["p50"]);
  BOOST_TEST(r["max"] >= r["p99"]);
  BOOST_TEST(fs::is_empty(dir.path()));
  BOOST_TEST(processes_of(dir.path()) == 0U);
  return report;
}

} // namespace

BOOST_AUTO_TEST_SUITE(benches)

BOOST_AUTO_TEST_CASE(broadcast_takes_every_write_to_every_peer) {
  const auto report = run_bench("broadcast", {"-n", "3", "--seconds", "1"});
  BOOST_TEST(report["settings"]["nodes"] == 3);
  BOOST_TEST(report["settings"]["peers"] == 2);
  BOOST_TEST(report["results"]["writes"] > 0);
  BOOST_TEST(report["floor"]["writes"] > 0);
  for (const char* part : {"floor", "results"}) {
    const auto& all = report[part]["distribution"];
    BOOST_TEST_REQUIRE(all.size() > 100U);
    for (size_t i = 1; i < all.size(); ++i) {
      BOOST_TEST(all[i][0] > all[i - 1][0]);
      BOOST_TEST(all[i][1] >= all[i - 1][1]);
    }
  }
}

BOOST_AUTO_TEST_CASE(writes_are_as_many_as_the_node_counted) {
  const auto report = run_bench(
      "writes", {"--records", "500", "--seconds", "60", "--clients", "8", "--model", "tag"});
  BOOST_TEST(report["settings"]["nodes"] == 1);
  BOOST_TEST(report["settings"]["clients"] == 8);
  BOOST_TEST(report["results"]["records"] == 500);
}

BOOST_AUTO_TEST_CASE(throughput_catchup_and_backfill_move_all_records) {
  const auto throughput = run_bench("throughput", {"-n", "2", "--records", "2500"});
  BOOST_TEST(throughput["results"]["records"] == 2500);
  BOOST_TEST(throughput["results"]["wire_bytes_per_record"] > 20.0);
  const auto catchup = run_bench("catchup", {"-n", "2", "--records", "300"});
  BOOST_TEST(catchup["results"]["records"] == 300);
  BOOST_TEST(catchup["results"]["wire_bytes_per_record"] > 20.0);
  const auto backfill = run_bench("backfill", {"-n", "2", "--records", "3000"});
  BOOST_TEST(backfill["results"]["records"] == 3000);
  BOOST_TEST(backfill["results"]["wire_bytes_per_record"] > 20.0);
  BOOST_TEST(backfill["results"]["disk_bytes_per_record"] > 20.0);
  BOOST_TEST(backfill["results"]["peak_mib"] > 1.0);
}

BOOST_AUTO_TEST_CASE(wrong_arguments_are_refused_in_one_line) {
  const std::vector<std::vector<std::string>> wrong = {{"bench"},
                                                       {"bench", "speed"},
                                                       {"bench", "broadcast", "-n", "1"},
                                                       {"bench", "broadcast", "-n", "1000"},
                                                       {"bench", "broadcast", "--seconds", "0"},
                                                       {"bench", "backfill", "--records", "0"},
                                                       {"bench", "writes", "--model", "volume"},
                                                       {"bench", "broadcast", "--clients", "3"}};
  for (const auto& words : wrong) {
    const auto ended = nodes::shoal(words);
    BOOST_TEST(ended.code == 2);
    BOOST_TEST(std::count(ended.err.begin(), ended.err.end(), '\n') == 1, ended.err);
  }
  const auto nowhere = nodes::shoal({"bench", "writes", "--dir", "/proc/nothing"});
  BOOST_TEST(nowhere.code == 1);
  BOOST_TEST(nowhere.err.find("--dir FOLDER") != std::string::npos, nowhere.err);
}

BOOST_AUTO_TEST_CASE(a_bench_that_is_interrupted_stops_its_nodes_and_removes_its_folder) {
  const temp_dir dir;
  const temp_dir logs;
  process bench({program, "bench", "broadcast", "-n", "3", "--seconds", "600", "--dir", dir.path()},
                logs / "log");
  BOOST_TEST_REQUIRE(eventually([&] { return processes_of(dir.path()) == 3; }, 60s));
  bench.signal(SIGINT);
  BOOST_TEST((bench.ended_within(60s) == 1), read_file(logs / "log"));
  BOOST_TEST(read_file(logs / "log").find("interrupted") != std::string::npos);
  BOOST_TEST(processes_of(dir.path()) == 0U);
  BOOST_TEST(fs::is_empty(dir.path()));
}

BOOST_AUTO_TEST_SUITE_END()
