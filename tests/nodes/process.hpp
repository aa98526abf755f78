#pragma once
// Children of a test: started, signalled and reaped by their pid, never by name. The kernel ends
// them when the thread that started them ends, so start nodes from the test's own thread.

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace shoal::nodes {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using monotonic = std::chrono::steady_clock;

/// Path of the program under test.
extern const char* const program;

/// A temporary folder that goes with its object.
class temp_dir {
public:
  temp_dir();
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;
  ~temp_dir();
  const fs::path& path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }

private:
  fs::path path_;
};

void write_file(const fs::path& path, const std::string& text);
std::string read_file(const fs::path& path);

/// Polls `met` until it holds; false when it does not within `limit`.
template <class Condition>
bool eventually(Condition met, std::chrono::milliseconds limit = 20s);

/// A running child. Killed and reaped with its object.
class process {
public:
  /// Output and errors are appended to `log`.
  process(const std::vector<std::string>& words, const fs::path& log,
          const std::map<std::string, std::string>& environment = {});
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process();

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number);
  /// The exit code, or 128 + the signal; nothing when it still runs after `limit`.
  std::optional<int> ended_within(std::chrono::milliseconds limit);

private:
  pid_t pid_ = -1;
  std::optional<int> code_;
};

struct finished {
  int code = -1; // -1: it did not end in time and was killed
  std::string out;
  std::string err;
};

/// Runs the program under test to its end, at most 120 s.
finished shoal(std::vector<std::string> words, const std::string& input = {},
               const std::map<std::string, std::string>& environment = {});

/// A port that was free a moment ago, below the range that the kernel gives to outgoing
/// connections: a node that is down for a while finds it free when it returns.
uint16_t free_port();

/// SHOAL_SEED, or a fresh one; printed.
uint64_t test_seed();
/// How long chaos lasts: SHOAL_CHAOS_SECONDS, or `usual`.
size_t chaos_seconds(size_t usual);

/// The rounds of a campaign: as many as VARIABLE says, or `usual`; and none after the time that
/// SHOAL_SUITE_SECONDS gives each campaign.
class rounds {
public:
  rounds(const char* variable, size_t usual);
  /// True for one more; `done` counts it.
  bool next();
  size_t done() const { return done_; }

private:
  size_t most_;
  size_t done_ = 0;
  std::optional<monotonic::time_point> until_;
};

// ---- implementation of templates

void pause_between_polls();

template <class Condition>
bool eventually(Condition met, std::chrono::milliseconds limit) {
  const auto deadline = monotonic::now() + limit;
  for (;;) {
    if (met())
      return true;
    if (monotonic::now() >= deadline)
      return false;
    pause_between_polls();
  }
}

} // namespace shoal::nodes
