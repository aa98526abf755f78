#include "tests/nodes/process.hpp"

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <netinet/in.h>
#include <random>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern char** environ; // NOLINT: POSIX

namespace shoal::nodes {

#ifdef SHOAL_UNDER_TEST
const char* const program = SHOAL_UNDER_TEST;
#else
const char* const program = SHOAL_BINARY;
#endif

temp_dir::temp_dir() {
  std::string name = fs::temp_directory_path() / "shoal-nodes-XXXXXX";
  BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

temp_dir::~temp_dir() {
  std::error_code failed;
  // A test may have taken rights away, which stops others than root from removing what is below.
  for (fs::recursive_directory_iterator at(path_, fs::directory_options::skip_permission_denied,
                                           failed);
       !failed && at != fs::recursive_directory_iterator(); at.increment(failed))
    if (at->is_directory(failed) && !at->is_symlink(failed))
      fs::permissions(at->path(), fs::perms::owner_all, fs::perm_options::add, failed);
  fs::remove_all(path_, failed);
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  BOOST_REQUIRE_MESSAGE(out.good(), "cannot write " << path);
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void pause_between_polls() { std::this_thread::sleep_for(10ms); }

namespace {

/// Everything a child needs, made before the fork: between fork and exec only system calls are
/// allowed when other threads run.
struct image {
  image(const std::vector<std::string>& words, const std::map<std::string, std::string>& extra)
      : words_(words) {
    for (auto& word : words_)
      arguments.push_back(word.data());
    arguments.push_back(nullptr);
    for (char** at = environ; *at != nullptr; ++at)
      if (const std::string one = *at; !one.starts_with("SHOAL_")) // a developer's own settings
        variables_.push_back(one);
    for (const auto& [name, value] : extra)
      variables_.push_back(name + "=" + value);
    for (auto& variable : variables_)
      environment.push_back(variable.data());
    environment.push_back(nullptr);
  }

  [[noreturn]] void become(int in, int out, int err, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) // it ended before the line above
      _exit(127);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(arguments[0], arguments.data(), environment.data());
    _exit(127);
  }

  std::vector<char*> arguments;
  std::vector<char*> environment;

private:
  std::vector<std::string> words_;
  std::vector<std::string> variables_;
};

int open_file(const fs::path& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
  BOOST_REQUIRE_MESSAGE(fd >= 0, "cannot open " << path);
  return fd;
}

int code_of(int how) { return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how); }

} // namespace

process::process(const std::vector<std::string>& words, const fs::path& log,
                 const std::map<std::string, std::string>& environment) {
  image child(words, environment);
  const int in = open_file("/dev/null", O_RDONLY);
  const int out = open_file(log, O_WRONLY | O_CREAT | O_APPEND);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0)
    child.become(in, out, out, parent);
  close(in);
  close(out);
  BOOST_REQUIRE(pid_ > 0);
}

process::~process() {
  if (running()) {
    kill(pid_, SIGKILL); // also ends a stopped one
    waitpid(pid_, nullptr, 0);
  }
}

bool process::running() {
  int how = 0;
  if (!code_ && waitpid(pid_, &how, WNOHANG) == pid_)
    code_ = code_of(how);
  return !code_;
}

void process::signal(int number) {
  if (running()) // reaped only here: the pid is still the child's
    kill(pid_, number);
}

std::optional<int> process::ended_within(std::chrono::milliseconds limit) {
  eventually([this] { return !running(); }, limit);
  return code_;
}

finished shoal(std::vector<std::string> words, const std::string& input,
               const std::map<std::string, std::string>& environment) {
  static std::atomic<unsigned> next{0};
  static const temp_dir scratch;
  const std::string base = scratch / std::to_string(next++);
  words.insert(words.begin(), program);
  image child(words, environment);
  write_file(base + ".in", input);
  const int in = open_file(base + ".in", O_RDONLY);
  const int out = open_file(base + ".out", O_WRONLY | O_CREAT | O_TRUNC);
  const int err = open_file(base + ".err", O_WRONLY | O_CREAT | O_TRUNC);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0)
    child.become(in, out, err, parent);
  for (const int fd : {in, out, err})
    close(fd);
  BOOST_REQUIRE(pid > 0);
  finished done;
  int how = 0;
  if (eventually([&] { return waitpid(pid, &how, WNOHANG) == pid; }, 120s)) {
    done.code = code_of(how);
  } else {
    kill(pid, SIGKILL);
    waitpid(pid, &how, 0);
  }
  done.out = read_file(base + ".out");
  done.err = read_file(base + ".err");
  for (const char* end : {".in", ".out", ".err"})
    fs::remove(base + end);
  return done;
}

uint16_t free_port() {
  static std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<unsigned> any(10'000, 32'000);
  for (int tries = 0; tries < 1000; ++tries) {
    const auto port = static_cast<uint16_t>(any(random));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
    close(fd);
    if (bound)
      return port;
  }
  BOOST_FAIL("no free port on 127.0.0.1 between 10000 and 32000");
  return 0;
}

uint64_t test_seed() {
  const char* given = std::getenv("SHOAL_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : uint64_t{std::random_device{}()};
  std::cout << "seed " << seed << " (SHOAL_SEED=" << seed << " repeats it)" << std::endl;
  return seed;
}

static size_t number_from(const char* variable, size_t usual) {
  const char* given = std::getenv(variable);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : usual;
}

size_t chaos_seconds(size_t usual) { return number_from("SHOAL_CHAOS_SECONDS", usual); }

rounds::rounds(const char* variable, size_t usual) : most_(number_from(variable, usual)) {
  if (const auto seconds = number_from("SHOAL_SUITE_SECONDS", 0); seconds > 0)
    until_ = monotonic::now() + std::chrono::seconds(seconds);
}

bool rounds::next() {
  if (done_ >= most_ || (until_ && monotonic::now() >= *until_))
    return false;
  ++done_;
  return true;
}

} // namespace shoal::nodes
