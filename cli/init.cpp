// shoal init: a new node's folder.

#include "actors/transport/identity.hpp"
#include "cli/client/context.hpp"
#include "cli/local_commands.hpp"
#include "config/limits.hpp"
#include "config/options.hpp"
#include "config/plain_text.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <ostream>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace shoal::cli {

namespace {

error failed(const std::string& what, const std::filesystem::path& path, const std::string& right) {
  return {ec::disk, what + " " + path.string() + ": " + std::generic_category().message(errno)
                        + " (" + right + ")"};
}

status sync_folder(const std::filesystem::path& dir) {
  const int fd = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && fsync(fd) == 0;
  if (fd >= 0)
    close(fd);
  if (!done)
    return failed("cannot sync", dir, "use a folder on a disk that works");
  return success();
}

/// Lower-case hexadecimal digits of bytes from the kernel's generator. No line end, so that a
/// script which takes the file's content as it is sends a valid header.
result<std::string> random_token() {
  std::array<unsigned char, limits::token_random_bytes> raw{};
  if (getrandom(raw.data(), raw.size(), 0) != static_cast<ssize_t>(raw.size()))
    return {ec::disk, "the kernel gives no random bytes (a system with getrandom(2) is needed)"};
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : raw) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string config_text(const new_node& what) {
  using config::toml_string;
  return "# This node's configuration. `shoal config default` prints every key there is, with its "
         "default.\n"
         "# Relative paths belong to this file's folder.\n"
         "\n"
         "[node]\n"
         "name = "
         + toml_string(what.name)
         + "\n"
           "data_dir = \"data\"\n"
           "listen = "
         + toml_string(what.listen)
         + " # for peers; 0.0.0.0:PORT to be reached from other machines\n"
           "\n"
           "[tls]\n"
           "key = \"device.key\"\n"
           "certificate = \"device.crt\"\n"
           "\n"
           "[api]\n"
           "listen = "
         + toml_string(what.api)
         + "\n"
           "token = \"api.token\"\n"
         + what.more;
}

/// What the command line checks before anything is made.
std::string check_listen(const std::string& text) {
  const auto parsed = config::parse_address(text, config::port_zero::allowed);
  return parsed ? std::string{}
                : "'" + text + "' " + parsed.err().message + " (use HOST:PORT or [IPV6]:PORT)";
}

std::string check_name(const std::string& text) {
  return config::is_name(text) ? std::string{}
                               : "is no name (use 1 to " + std::to_string(config::name_bytes_max)
                                     + " bytes of UTF-8 without control characters)";
}

std::string host_name() {
  std::array<char, 256> buffer{};
  if (gethostname(buffer.data(), buffer.size() - 1) != 0 || !config::is_name(buffer.data()))
    return "node";
  return buffer.data();
}

} // namespace

status write_new_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  const std::string right = "use a folder you may write to, with space left";
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0)
    return failed("cannot make", path,
                  errno == EEXIST ? "it is never overwritten; use another folder" : right);
  bool done = fchmod(fd, mode) == 0;
  while (done && !content.empty()) {
    const ssize_t wrote = write(fd, content.data(), content.size());
    if (wrote < 0 && errno == EINTR)
      continue;
    done = wrote > 0;
    content.remove_prefix(done ? static_cast<size_t>(wrote) : 0);
  }
  done = done && fsync(fd) == 0;
  auto problem = done ? success() : status(failed("cannot write", path, right));
  close(fd);
  if (!done)
    unlink(path.c_str()); // it is ours: O_EXCL made it
  return problem;
}

result<std::string> prepare_node(const new_node& what) {
  std::error_code problem;
  std::filesystem::create_directories(what.dir, problem);
  if (problem)
    return error{ec::disk, "cannot make " + what.dir.string() + ": " + problem.message()
                               + " (use a folder you may write to)"};
  for (const char* name : {"shoal.toml", "device.key", "device.crt", "api.token"}) {
    struct stat about {};
    if (lstat((what.dir / name).c_str(), &about) == 0)
      return error{ec::conflict, (what.dir / name).string()
                                     + " is there already and is never overwritten"
                                     + " (use another folder)"};
  }
  auto token = random_token();
  if (!token)
    return token.err();
  const auto identity = transport::make_identity(what.dir, what.name);
  if (!identity)
    return identity.err();
  constexpr mode_t secret = 0600;
  if (auto done = write_new_file(what.dir / "api.token", *token, secret); !done)
    return done.err();
  return to_string(identity->device());
}

status finish_node(const new_node& what) {
  constexpr mode_t readable = 0644;
  if (auto done = write_new_file(what.dir / "shoal.toml", config_text(what), readable); !done)
    return done.err();
  return sync_folder(what.dir);
}

void add_init(CLI::App& root, context& ctx) {
  auto what = std::make_shared<new_node>();
  what->listen = "127.0.0.1:7420";
  what->api = "127.0.0.1:7421";
  auto* command = root.add_subcommand(
      "init", "Make a new node's folder: configuration, key, certificate, API token");
  command->add_option("DIR", what->dir, "The folder; made if it is not there")->required();
  command->add_option("--name", what->name, "What peers show for this node; default: the host name")
      ->check(check_name);
  command
      ->add_option("--listen", what->listen,
                   "HOST:PORT for peers; port 0 picks a free one at start")
      ->capture_default_str()
      ->check(check_listen);
  command
      ->add_option("--api", what->api,
                   "HOST:PORT of the HTTP API; port 0 picks a free one at start")
      ->capture_default_str()
      ->check(check_listen);
  command->callback([what, &ctx] {
    if (what->name.empty())
      what->name = host_name();
    const auto device = prepare_node(*what);
    if (!device) {
      ctx.fail(device.err());
      return;
    }
    if (auto done = finish_node(*what); !done) {
      ctx.fail(done.err());
      return;
    }
    ctx.out << *device << std::endl;
    ctx.err << "Made " << what->dir.string() << ". Start the node with: shoal run --config "
            << (what->dir / "shoal.toml").string() << std::endl;
  });
}

} // namespace shoal::cli
