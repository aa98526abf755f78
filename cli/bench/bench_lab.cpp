#include "cli/bench/bench_lab.hpp"

#include "cli/bench/interrupt.hpp"
#include "cli/bench/record_maker.hpp"
#include "cli/lab.hpp"
#include "config/limits.hpp"

#include <charconv>
#include <fstream>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

namespace shoal::cli::bench {

namespace fs = std::filesystem;

bool is_memory(const fs::path& folder) {
  struct statfs about {};
  return statfs(folder.c_str(), &about) == 0
         && (about.f_type == TMPFS_MAGIC || about.f_type == RAMFS_MAGIC);
}

result<fs::path> make_scratch(const std::string& wanted) {
  std::vector<fs::path> places{wanted};
  if (wanted.empty())
    places = {"/var/tmp", "."};
  std::string tried;
  for (const auto& place : places) {
    std::error_code failed;
    const auto whole = fs::absolute(place, failed).lexically_normal();
    std::string name = whole / "shoal-bench-XXXXXX";
    if (wanted.empty() && is_memory(whole))
      tried += (tried.empty() ? "" : "; ") + whole.string() + " is memory";
    else if (mkdtemp(name.data()) != nullptr)
      return fs::path(name);
    else
      tried += (tried.empty() ? "" : "; ") + whole.string() + " cannot be written to";
  }
  return error{ec::disk, "no folder for the nodes: " + tried
                             + " (name one on the disk to be measured: --dir FOLDER)"};
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  fs::remove_all(at_, ignored);
}

result<std::unique_ptr<bench_lab>> bench_lab::make(const fs::path& scratch, size_t nodes) {
  const auto dir = scratch / "lab";
  std::error_code ignored;
  fs::remove_all(dir, ignored); // of the run before
  if (auto made = make_lab({dir, nodes, "lab", topology::mesh}); !made)
    return made.err();
  return std::unique_ptr<bench_lab>(new bench_lab(dir, nodes));
}

bench_lab::~bench_lab() {
  std::vector<fs::path> dirs;
  std::vector<pid_t> pids;
  for (const auto& [n, pid] : children_) {
    dirs.push_back(folder(n));
    pids.push_back(pid);
  }
  stop_nodes(dirs, std::chrono::milliseconds(limits::devcluster_stop_ms));
  end_children(pids, std::chrono::milliseconds(limits::devcluster_stop_ms)); // not yet accepting
  for (const pid_t pid : pids)
    if (waitpid(pid, nullptr, WNOHANG) == 0) { // nothing it holds is wanted any more
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
}

fs::path bench_lab::folder(size_t n) const { return node_dir(dir_, n); }

status bench_lab::launch(size_t n) {
  const auto child = start_node(folder(n));
  if (!child)
    return child.err();
  children_[n] = *child;
  return success();
}

bool bench_lab::accepts(size_t n) {
  auto said = running_in(folder(n));
  if (!said || said->pid != children_[n])
    return false;
  ends_[n] = std::move(*said);
  return true;
}

status bench_lab::start(size_t from, size_t to) {
  for (size_t n = from; n < to; ++n)
    if (auto launched = launch(n); !launched)
      return launched;
  const auto patience = std::chrono::milliseconds(
      limits::devcluster_start_ms + limits::devcluster_start_ms_per_node * (to - from));
  const auto deadline = clock::now() + patience;
  for (size_t n = from; n < to; ++n)
    for (;;) {
      if (auto go_on = not_interrupted(); !go_on)
        return go_on;
      // In short turns, so that a signal is seen between them.
      auto said =
          await_start(folder(n), children_[n], clock::now() + std::chrono::milliseconds(100));
      if (said) {
        ends_[n] = std::move(*said);
        break;
      }
      if (said.err().code != ec::timed_out || clock::now() > deadline)
        return said.err();
    }
  return success();
}

status bench_lab::stop(size_t n) {
  if (!stop_nodes({folder(n)}, std::chrono::milliseconds(limits::devcluster_stop_ms)).empty())
    return error{ec::timed_out,
                 folder(n).filename().string() + " does not end (see its shoal.log)"};
  waitpid(children_[n], nullptr, 0);
  children_.erase(n);
  ends_.erase(n);
  return success();
}

result<http_pipe> bench_lab::pipe(size_t n) const {
  std::string token;
  std::ifstream(folder(n) / "api.token") >> token;
  return http_pipe::open(ends_.at(n), token);
}

status bench_lab::await_peers(size_t n, size_t peers) const {
  if (peers == 0)
    return success();
  auto to = pipe(n);
  if (!to)
    return to.err();
  const auto path = lab_path("/wait?peers=" + std::to_string(peers) + "&timeout=5");
  constexpr int tries = 120; // ten minutes, and a signal is seen between them
  for (int i = 0; i < tries; ++i) {
    if (auto sent = to->send(to->request("GET", path, {})); !sent)
      return sent;
    const auto got = to->receive();
    if (!got)
      return got.err();
    if (got->status == 200)
      return success();
    if (got->status != 408)
      return error{ec::unavailable, "wait was answered: " + got->body.substr(0, 300)};
  }
  return error{ec::timed_out, "the peers are not level after ten minutes (see each shoal.log below "
                                  + dir_.string() + ")"};
}

status bench_lab::fill(size_t n, const std::string& model, uint64_t records, uint64_t seed) const {
  constexpr uint64_t at_once = 5000;
  auto to = pipe(n);
  if (!to)
    return to.err();
  record_maker make(model, seed);
  for (uint64_t left = records; left > 0;) {
    const auto now = std::min(left, at_once);
    if (const auto done = to->ask("POST", lab_path("/batch"), make.batch(now)); !done)
      return done.err();
    left -= now;
  }
  return success();
}

result<double> bench_lab::metric(size_t n, std::string_view name) const {
  auto to = pipe(n);
  if (!to)
    return to.err();
  const auto text = to->ask("GET", "/metrics");
  if (!text)
    return text.err();
  double sum = 0;
  bool found = false;
  const std::string begin = "\n" + std::string(name) + "{";
  for (auto at = text->find(begin); at != std::string::npos; at = text->find(begin, at + 1)) {
    const auto end = text->find('\n', at + 1);
    const auto value = text->rfind(' ', end) + 1;
    sum += std::stod(text->substr(value, end - value));
    found = true;
  }
  if (!found)
    return error{ec::not_found, "the node shows no metric " + std::string(name)};
  return sum;
}

double bench_lab::memory_mib(size_t n, const std::string& line) const {
  const auto child = children_.find(n);
  if (child == children_.end())
    return 0;
  std::ifstream in("/proc/" + std::to_string(child->second) + "/status");
  for (std::string word; in >> word;)
    if (word == line + ":") {
      double kib = 0;
      in >> kib;
      return rounded(kib / 1024);
    }
  return 0;
}

uint64_t bench_lab::store_bytes(size_t n) const {
  uint64_t sum = 0;
  std::error_code failed;
  for (fs::recursive_directory_iterator it(folder(n) / "data", failed), end; !failed && it != end;
       it.increment(failed))
    if (it->is_regular_file(failed))
      sum += it->file_size(failed);
  return sum;
}

result<json> bench_lab::digest(size_t n) const {
  auto to = pipe(n);
  if (!to)
    return to.err();
  const auto text = to->ask("GET", lab_path("/digest"));
  if (!text)
    return text.err();
  return json::parse(*text, nullptr, false);
}

} // namespace shoal::cli::bench
