#include "synced_files.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace shoal::synced_files {

std::atomic<uint64_t> syncs = 0;
std::atomic<bool> disk_fails = false;
std::function<void()> on_sync;
std::atomic<bool> no_links = false;

namespace {

/// Inode, and when it was made: a new file may get the inode of one that was deleted.
using identity = std::tuple<uint64_t, int64_t, uint32_t>;

std::recursive_mutex guard;
fs::path watched;
std::map<identity, uint64_t> bytes_of;     // of files
std::map<identity, std::string> logs;      // written over zeros: their size says nothing
std::map<std::string, identity> names_now; // of the watched directory, when it was synced last

std::optional<identity> regular_file(int directory, const char* name) {
  struct statx about {};
  if (::statx(directory, name, *name == '\0' ? AT_EMPTY_PATH : 0,
              STATX_INO | STATX_BTIME | STATX_TYPE, &about)
          != 0
      || !S_ISREG(about.stx_mode))
    return std::nullopt;
  return identity{about.stx_ino, about.stx_btime.tv_sec, about.stx_btime.tv_nsec};
}
std::optional<identity> regular_file(const fs::path& file) {
  return regular_file(AT_FDCWD, file.c_str());
}

void note(int fd) {
  struct stat about {};
  if (watched.empty() || ::fstat(fd, &about) != 0)
    return;
  struct stat root {};
  if (const auto file = regular_file(fd, "")) {
    bytes_of[*file] = static_cast<uint64_t>(about.st_size);
    const auto name = fs::read_symlink("/proc/self/fd/" + std::to_string(fd));
    if (name.extension() == ".log") {
      std::ifstream in(name, std::ios::binary);
      logs[*file].assign(std::istreambuf_iterator<char>(in), {});
    }
  } else if (::stat(watched.c_str(), &root) == 0 && root.st_ino == about.st_ino) {
    names_now.clear();
    for (const auto& entry : fs::directory_iterator(watched))
      if (const auto inside = regular_file(entry.path()))
        names_now[entry.path().filename()] = *inside;
  }
}

int sync(int fd, long how) {
  const std::lock_guard lock(guard);
  ++syncs;
  if (disk_fails) {
    errno = EIO;
    return -1;
  }
  if (on_sync)
    on_sync();
  const auto done = static_cast<int>(::syscall(how, fd));
  if (done == 0)
    note(fd);
  return done;
}

} // namespace

void watch(const fs::path& directory) {
  const std::lock_guard lock(guard);
  watched = directory;
  bytes_of.clear();
  logs.clear();
  names_now.clear();
  for (const auto& entry : fs::directory_iterator(watched))
    if (const auto file = regular_file(entry.path())) {
      names_now[entry.path().filename()] = *file;
      bytes_of[*file] = entry.file_size();
    }
}

void copy_after_power_cut(const fs::path& copy) {
  const std::lock_guard lock(guard);
  fs::remove_all(copy);
  fs::create_directories(copy);
  std::map<identity, fs::path> files; // by whatever name they have now; some go meanwhile
  for (const auto& entry : fs::recursive_directory_iterator(watched))
    if (const auto file = regular_file(entry.path()))
      files[*file] = entry.path();
  for (const auto& [name, file] : names_now) {
    const auto from = files.find(file);
    if (from == files.end())
      continue; // removed since; a disk that still has it does no harm
    std::error_code gone;
    fs::copy_file(from->second, copy / name, gone);
    if (gone)
      continue;
    const auto synced = bytes_of.find(file);
    fs::resize_file(copy / name, synced == bytes_of.end() ? 0 : synced->second);
    if (const auto log = logs.find(file); log != logs.end())
      std::ofstream(copy / name, std::ios::binary | std::ios::trunc) << log->second;
  }
}

} // namespace shoal::synced_files

extern "C" int fdatasync(int fd) { return shoal::synced_files::sync(fd, SYS_fdatasync); }
extern "C" int fsync(int fd) { return shoal::synced_files::sync(fd, SYS_fsync); }
extern "C" int link(const char* from, const char* to) {
  if (shoal::synced_files::no_links) {
    errno = EPERM;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_link, from, to));
}
