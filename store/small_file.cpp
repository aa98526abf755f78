#include "store/small_file.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <system_error>
#include <unistd.h>

namespace shoal {

namespace fs = std::filesystem;

namespace {

error failure(const fs::path& what, int code) {
  const bool room = code == ENOSPC || code == EDQUOT || code == EFBIG;
  return {room ? ec::disk_full : ec::disk,
          what.string() + ": " + std::generic_category().message(code)};
}

status sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return failure(folder, errno);
  const bool synced = ::fsync(fd) == 0;
  const int why = errno;
  ::close(fd);
  return synced ? success() : status(failure(folder, why));
}

status write_synced(const fs::path& file, const std::string& text) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return failure(file, errno);
  size_t done = 0;
  int why = 0;
  while (done < text.size() && why == 0) {
    const auto n = ::write(fd, text.data() + done, text.size() - done);
    if (n >= 0)
      done += static_cast<size_t>(n);
    else if (errno != EINTR)
      why = errno;
  }
  if (why == 0 && ::fdatasync(fd) != 0)
    why = errno;
  ::close(fd);
  return why == 0 ? success() : status(failure(file, why));
}

} // namespace

status replace_file(const fs::path& file, const std::string& text) {
  std::error_code code;
  fs::create_directories(file.parent_path(), code);
  if (code)
    return failure(file.parent_path(), code.value());
  const fs::path fresh = file.string() + ".new";
  if (auto written = write_synced(fresh, text); !written)
    return written;
  fs::rename(fresh, file, code);
  if (code)
    return failure(file, code.value());
  return sync_folder(file.parent_path());
}

result<std::optional<std::string>> read_small_file(const fs::path& file) {
  std::error_code code;
  if (!fs::exists(file, code))
    return code ? result<std::optional<std::string>>(failure(file, code.value()))
                : result<std::optional<std::string>>(std::optional<std::string>());
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in)
    return failure(file, EIO);
  return std::optional(std::move(text));
}

status move_folder(const fs::path& from, const fs::path& to) {
  std::error_code code;
  if (fs::exists(to, code))
    return error{ec::conflict, to.string() + " is there already; move it away first"};
  fs::rename(from, to, code);
  if (code)
    return failure(from, code.value());
  return sync_folder(to.parent_path());
}

} // namespace shoal
