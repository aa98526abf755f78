// Another process has the store: it is killed at any moment, or just holds the lock. The child is
// this executable, started afresh with only the suite `rocks_store_child`, because a fork of a
// process with RocksDB's threads has none of them.
#include "rocks_store_fixture.hpp"

#include <random>

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/wait.h>

using namespace shoal;

namespace {

/// One in sixteen goes to disk as tables.
kv_batch small_or_large(uint64_t n) { return n % 16 == 0 ? large_batch_of(n) : batch_of(n); }

class child_process {
public:
  explicit child_process(const std::string& directory) {
    int ends[2];
    BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const std::string number = "SHOAL_CHILD_PIPE=" + std::to_string(ends[1]);
    const std::string where = "SHOAL_CHILD_DIRECTORY=" + directory;
    pid_ = ::fork();
    BOOST_REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::fcntl(ends[1], F_SETFD, 0);
      const char* arguments[] = {"test_store", "--run_test=rocks_store_child",
                                 "--log_level=nothing", "--report_level=no", nullptr};
      const char* environment[] = {number.c_str(), where.c_str(), nullptr};
      ::execve("/proc/self/exe", const_cast<char**>(arguments), const_cast<char**>(environment));
      ::_exit(127);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process() {
    kill();
    ::close(pipe_);
  }

  /// Waits for the next acknowledgement; 0 when the child is gone.
  uint64_t next_ack() {
    uint64_t n = 0;
    return ::read(pipe_, &n, sizeof n) == sizeof n ? n : 0;
  }
  /// Ends the child in whatever it is doing; returns the last batch it had acknowledged.
  uint64_t kill_and_drain(uint64_t last) {
    kill();
    while (const auto n = next_ack())
      last = n;
    return last;
  }
  pid_t pid() const { return pid_; }

private:
  void kill() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }
  pid_t pid_ = -1;
  int pipe_ = -1;
};

} // namespace

BOOST_AUTO_TEST_SUITE(rocks_store_child, *boost::unit_test::disabled())

// Commits numbered batches and reports each once it was acknowledged, until it is killed.
BOOST_AUTO_TEST_CASE(commits_until_it_is_killed) {
  const char* directory = std::getenv("SHOAL_CHILD_DIRECTORY");
  const char* number = std::getenv("SHOAL_CHILD_PIPE");
  BOOST_REQUIRE(directory != nullptr);
  BOOST_REQUIRE(number != nullptr);
  const int pipe = std::atoi(number);
  rocks_options small; // memtables are flushed and compacted meanwhile
  small.memory = make_rocks_memory(1 << 20, 128 << 10);
  auto store = rocks_store::open(directory, small);
  BOOST_REQUIRE(store.ok());
  const auto count = (*store)->get(family::meta, "count");
  BOOST_REQUIRE(count.ok());
  uint64_t n = 0;
  if (*count)
    for (const char c : **count)
      n = (n << 8) | static_cast<uint8_t>(c);
  for (++n; (*store)->commit(small_or_large(n)).ok(); ++n)
    BOOST_REQUIRE(::write(pipe, &n, sizeof n) == sizeof n);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(rocks_store_kill, rocks_directory)

BOOST_AUTO_TEST_CASE(every_acknowledged_batch_is_there_whole_after_kill_9) {
  const auto seed = seed_of_this_run();
  std::mt19937_64 rng(seed);
  uint64_t before = 0;
  for (int round = 0; round < 8; ++round) {
    child_process child(path());
    uint64_t acked = 0;
    for (uint64_t wait = 1 + rng() % 120; wait > 0; --wait) {
      acked = child.next_ack();
      BOOST_REQUIRE(acked != 0);
    }
    acked = child.kill_and_drain(acked);
    BOOST_TEST_CONTEXT("seed " << seed << " round " << round << " acknowledged " << acked) {
      BOOST_TEST(acked > before);
      auto store = open();
      const auto rows = all_rows(*store);
      BOOST_REQUIRE(rows.ok());
      // What was acknowledged and at most the one batch that was under way.
      const auto count = store->get(family::meta, "count")->value();
      uint64_t kept = acked;
      while (kept <= acked + 1 && count != numbered(kept))
        ++kept;
      BOOST_TEST(kept >= acked);
      BOOST_TEST(kept <= acked + 1);
      rocks_rows expected;
      for (uint64_t n = 1; n <= kept; ++n)
        for (auto& w : small_or_large(n))
          expected[{static_cast<size_t>(w.where), w.key}] = *w.value;
      BOOST_TEST((*rows == expected));
      before = kept;
    }
  }
}

BOOST_AUTO_TEST_CASE(a_store_that_another_process_has_open_is_refused_with_its_pid) {
  child_process child(path());
  BOOST_REQUIRE(child.next_ack() != 0);
  const auto opened = rocks_store::open(path());
  BOOST_REQUIRE(!opened.ok());
  BOOST_TEST(opened.err().code == ec::unavailable);
  BOOST_TEST(opened.err().message.find(path()) != std::string::npos, opened.err().message);
  BOOST_TEST(
      opened.err().message.find("another shoal runs here (pid " + std::to_string(child.pid()) + ")")
          != std::string::npos,
      opened.err().message);
  BOOST_TEST(child.next_ack() != 0);
}

BOOST_AUTO_TEST_SUITE_END()
