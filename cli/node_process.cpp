#include "cli/node_process.hpp"

#include "cli/client/context.hpp"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

extern "C" {
#include <sys/pidfd.h> // glibc 2.36 declares these without extern "C"
}

extern char** environ; // NOLINT: POSIX

namespace shoal::cli {

namespace {

using clock = std::chrono::steady_clock;

std::string read_all(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// True if the process is `shoal run --config FILE` with this very file.
bool runs_config(pid_t pid, const std::filesystem::path& file) {
  const std::filesystem::path proc = "/proc/" + std::to_string(pid);
  const std::string line = read_all(proc / "cmdline");
  std::error_code failed;
  const auto folder = std::filesystem::read_symlink(proc / "cwd", failed);
  std::string given;
  bool run = false;
  bool next_is_file = false;
  for (size_t at = 0; at < line.size();) {
    const std::string argument = line.c_str() + at;
    at += argument.size() + 1;
    if (next_is_file)
      given = argument;
    else if (argument.starts_with("--config="))
      given = argument.substr(std::string_view("--config=").size());
    run |= argument == "run";
    next_is_file = argument == "--config";
  }
  return run && !given.empty() && !failed
         && std::filesystem::equivalent(folder / given, file, failed) && !failed;
}

std::optional<endpoints> read_endpoints(const std::filesystem::path& dir) {
  const auto said = json::parse(read_all(dir / "run" / "endpoints.json"), nullptr, false);
  if (!said.is_object())
    return std::nullopt;
  const auto text = [&said](const char* name) {
    const auto at = said.find(name);
    return at != said.end() && at->is_string() ? at->get<std::string>() : std::string{};
  };
  const auto pid = said.find("pid");
  if (pid == said.end() || !pid->is_number_integer() || pid->get<int64_t>() <= 1)
    return std::nullopt;
  return endpoints{pid->get<pid_t>(), text("device"), text("listen"), text("api")};
}

std::string last_line(const std::filesystem::path& log) {
  constexpr size_t shown_bytes_max = 500;
  std::string text = read_all(log);
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  if (const auto start = text.rfind('\n'); start != std::string::npos)
    text.erase(0, start + 1);
  return text.substr(0, shown_bytes_max);
}

/// A process by descriptor: unlike a pid, it never comes to mean another process.
class process_fd {
public:
  explicit process_fd(pid_t pid) : fd_(pidfd_open(pid, 0)) {}
  process_fd(const process_fd&) = delete;
  process_fd(process_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~process_fd() {
    if (fd_ >= 0)
      close(fd_);
  }
  bool signal(int number) const {
    return fd_ >= 0 && pidfd_send_signal(fd_, number, nullptr, 0) == 0;
  }
  /// True once the process has ended, reaped or not.
  bool ended_by(clock::time_point deadline) const {
    while (fd_ >= 0) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
      pollfd waiting{fd_, POLLIN, 0};
      const int got = poll(&waiting, 1, left > 0 ? static_cast<int>(left) : 0);
      if (got > 0)
        return true;
      if (got == 0)
        return false;
      if (errno != EINTR)
        return false;
    }
    return true;
  }

private:
  int fd_;
};

} // namespace

std::optional<endpoints> running_in(const std::filesystem::path& dir) {
  auto said = read_endpoints(dir);
  if (!said || !runs_config(said->pid, dir / "shoal.toml"))
    return std::nullopt;
  return said;
}

result<pid_t> start_node(const std::filesystem::path& dir) {
  std::error_code failed;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", failed);
  const std::string file = std::filesystem::absolute(dir / "shoal.toml").lexically_normal();
  const std::string log = dir / "shoal.log";
  std::array<std::string, 4> words = {program, "run", "--config", file};
  std::array<char*, 5> arguments = {words[0].data(), words[1].data(), words[2].data(),
                                    words[3].data(), nullptr};

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  constexpr mode_t private_log = 0600;
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, private_log);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t child = 0;
  const int problem =
      posix_spawn(&child, program.c_str(), &files, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (problem != 0)
    return {ec::disk, "cannot start " + program + " with its log in " + log + ": "
                          + std::generic_category().message(problem)
                          + " (use a folder you may write to)"};
  return child;
}

result<endpoints> await_start(const std::filesystem::path& dir, pid_t child,
                              clock::time_point deadline) {
  constexpr auto pause = std::chrono::milliseconds(10);
  const std::string log = dir / "shoal.log";
  while (true) {
    if (auto said = read_endpoints(dir); said && said->pid == child)
      return std::move(*said);
    int how = 0;
    if (waitpid(child, &how, WNOHANG) == child) {
      const std::string code = WIFEXITED(how) ? "with exit code " + std::to_string(WEXITSTATUS(how))
                                              : "by signal " + std::to_string(WTERMSIG(how));
      std::string said = dir.filename().string();
      said.append(" ended ")
          .append(code)
          .append(": ")
          .append(last_line(log))
          .append(" (see ")
          .append(log)
          .append(")");
      const bool badly_configured = WIFEXITED(how) && WEXITSTATUS(how) == exit_config;
      return {badly_configured ? ec::config : ec::unavailable, std::move(said)};
    }
    if (clock::now() >= deadline)
      return {ec::timed_out,
              dir.filename().string() + " does not accept work yet (see " + log + ")"};
    std::this_thread::sleep_for(pause);
  }
}

void end_children(const std::vector<pid_t>& children, std::chrono::milliseconds patience) {
  std::vector<process_fd> asked;
  for (const pid_t child : children) {
    int how = 0;
    if (waitpid(child, &how, WNOHANG) != 0)
      continue; // ended, here or before; its pid may mean another process now
    kill(child, SIGTERM);
    asked.emplace_back(child);
  }
  const auto deadline = clock::now() + patience;
  for (const auto& process : asked)
    process.ended_by(deadline);
}

std::vector<std::filesystem::path> stop_nodes(const std::vector<std::filesystem::path>& dirs,
                                              std::chrono::milliseconds patience) {
  std::vector<std::pair<std::filesystem::path, process_fd>> asked;
  for (const auto& dir : dirs) {
    const auto before = running_in(dir);
    if (!before)
      continue;
    process_fd process(before->pid);
    // Looked at again: only now the descriptor is known to be that node's.
    if (const auto still = running_in(dir);
        still && still->pid == before->pid && process.signal(SIGTERM))
      asked.emplace_back(dir, std::move(process));
  }
  std::vector<std::filesystem::path> left;
  const auto deadline = clock::now() + patience;
  for (const auto& [dir, process] : asked)
    if (!process.ended_by(deadline))
      left.push_back(dir);
  return left;
}

} // namespace shoal::cli
