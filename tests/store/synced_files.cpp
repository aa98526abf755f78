#include "synced_files.hpp"

#include <cerrno>
#include <map>
#include <mutex>

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

std::recursive_mutex guard;
fs::path watched;
std::map<ino_t, uint64_t> bytes_of;     // of files
std::map<std::string, ino_t> names_now; // of the watched directory, when it was synced last

void note(int fd) {
  struct stat about {};
  if (watched.empty() || ::fstat(fd, &about) != 0)
    return;
  struct stat root {};
  if (!S_ISDIR(about.st_mode)) {
    auto& bytes = bytes_of[about.st_ino];
    bytes = static_cast<uint64_t>(about.st_size);
  } else if (::stat(watched.c_str(), &root) == 0 && root.st_ino == about.st_ino) {
    names_now.clear();
    for (const auto& entry : fs::directory_iterator(watched)) {
      struct stat file {};
      if (::stat(entry.path().c_str(), &file) == 0 && S_ISREG(file.st_mode))
        names_now[entry.path().filename()] = file.st_ino;
    }
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
  names_now.clear();
  for (const auto& entry : fs::directory_iterator(watched)) {
    struct stat file {};
    if (::stat(entry.path().c_str(), &file) != 0)
      continue;
    names_now[entry.path().filename()] = file.st_ino;
    bytes_of[file.st_ino] = static_cast<uint64_t>(file.st_size);
  }
}

void copy_after_power_cut(const fs::path& copy) {
  const std::lock_guard lock(guard);
  fs::remove_all(copy);
  fs::create_directories(copy);
  std::map<ino_t, fs::path> files; // by whatever name they have now; some go meanwhile
  for (const auto& entry : fs::recursive_directory_iterator(watched)) {
    struct stat file {};
    if (::stat(entry.path().c_str(), &file) == 0 && S_ISREG(file.st_mode))
      files[file.st_ino] = entry.path();
  }
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
