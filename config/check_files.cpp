// What the options point at must be there and safe before anything starts.

#include "config/limits.hpp"
#include "config/raw.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace shoal::config {

namespace {

enum class privacy { open, closed };

std::string octal(mode_t mode) {
  std::string out = "0";
  for (int shift = 6; shift >= 0; shift -= 3)
    out += static_cast<char>('0' + ((mode >> shift) & 7U));
  return out;
}

/// Readable, regular, not empty, of sane size; `closed`: no access for group and others. Returns
/// the content.
result<std::string> read_checked(const options& opts, const std::string& name,
                                 const std::filesystem::path& path, privacy wanted,
                                 const std::string& right) {
  const auto source = opts.sources.find(name);
  const std::string where = source == opts.sources.end() || source->second == "default"
                                ? opts.file.string()
                                : source->second;
  const auto refuse = [&](const std::string& problem, const std::string& better) {
    return config_error(where, name, path.string() + " " + problem, better);
  };
  // Opened first and asked about after, so that what was checked is what is read. Not to wait on a
  // pipe.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return refuse("cannot be read: " + std::generic_category().message(errno), right);
  struct stat about {};
  std::string content(limits::secret_file_bytes_max + 1, '\0');
  ssize_t got = -1;
  const bool known = fstat(fd, &about) == 0;
  if (known && S_ISREG(about.st_mode))
    got = read(fd, content.data(), content.size());
  close(fd);
  if (!known || !S_ISREG(about.st_mode))
    return refuse("is not a regular file", right);
  if (wanted == privacy::closed && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return refuse("is open to others (mode " + octal(about.st_mode) + ")",
                  "run: chmod 600 " + path.string());
  if (got <= 0)
    return refuse(got == 0 ? "is empty" : "cannot be read", right);
  if (static_cast<size_t>(got) > limits::secret_file_bytes_max)
    return refuse("is larger than " + std::to_string(limits::secret_file_bytes_max) + " bytes",
                  right);
  content.resize(static_cast<size_t>(got));
  return content;
}

} // namespace

status check_files(const options& opts) {
  const std::string remake = "shoal init DIR makes one";
  if (auto got = read_checked(opts, "tls.key", opts.tls.key, privacy::closed, remake); !got)
    return got.err();
  if (auto got = read_checked(opts, "tls.certificate", opts.tls.certificate, privacy::open, remake);
      !got)
    return got.err();
  auto token = read_checked(opts, "api.token", opts.api.token, privacy::closed, remake);
  if (!token)
    return token.err();
  const std::string_view text(*token);
  const auto end = text.find_last_not_of(" \r\n");
  const auto trimmed = text.substr(0, end == std::string_view::npos ? 0 : end + 1);
  bool plain = trimmed.size() >= limits::token_bytes_min;
  for (const char c : trimmed)
    plain &= c > 0x20 && c < 0x7f;
  if (!plain)
    return config_error(opts.file.string(), "api.token",
                        opts.api.token.string() + " holds no token",
                        "use one line of at least " + std::to_string(limits::token_bytes_min)
                            + " visible ASCII characters");
  return success();
}

} // namespace shoal::config
