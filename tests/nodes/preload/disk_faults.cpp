// Syncs that fail, kills in the middle of a write, a disk that seems full; see README.md.

#include "tests/nodes/preload/disk_faults.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using shoal::nodes::disk_faults;

disk_faults* open_shared() {
  const char* path = std::getenv("SHOAL_DISK_FAULTS_FILE");
  const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0)
    return nullptr;
  void* at = mmap(nullptr, sizeof(disk_faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return at == MAP_FAILED ? nullptr : static_cast<disk_faults*>(at);
}

disk_faults* shared() {
  static disk_faults* const at = open_shared();
  return at;
}

int sync_with(long call, int fd) {
  if (auto* f = shared()) {
    const uint64_t n = ++f->syncs;
    if (n == f->kill_at_sync)
      kill(getpid(), SIGKILL);
    const uint64_t first = f->fail_sync;
    if (first != 0 && n >= first && n - first < f->fail_count) {
      errno = static_cast<int>(f->fail_errno.load());
      return -1;
    }
  }
  return static_cast<int>(syscall(call, fd));
}

/// How much of a write to do; kills the process when it was done by half.
bool is_last_write(int fd) {
  struct stat about {};
  auto* f = shared();
  if (f == nullptr || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
    return false;
  return ++f->writes == f->kill_at_write;
}

} // namespace

extern "C" {

int fdatasync(int fd) { return sync_with(SYS_fdatasync, fd); }
int fsync(int fd) { return sync_with(SYS_fsync, fd); }

ssize_t write(int fd, const void* data, size_t bytes) {
  if (is_last_write(fd)) {
    syscall(SYS_write, fd, data, bytes / 2);
    kill(getpid(), SIGKILL);
  }
  return syscall(SYS_write, fd, data, bytes);
}

ssize_t pwrite64(int fd, const void* data, size_t bytes, off64_t at) {
  if (is_last_write(fd)) {
    syscall(SYS_pwrite64, fd, data, bytes / 2, at);
    kill(getpid(), SIGKILL);
  }
  return syscall(SYS_pwrite64, fd, data, bytes, at);
}

ssize_t pwrite(int fd, const void* data, size_t bytes, off_t at) {
  return pwrite64(fd, data, bytes, at);
}

int statvfs(const char* path, struct statvfs* about) noexcept {
  using function = int (*)(const char*, struct statvfs*);
  static const auto real = reinterpret_cast<function>(dlsym(RTLD_NEXT, "statvfs"));
  const int failed = real(path, about);
  if (auto* f = shared(); failed == 0 && f != nullptr && f->free_bytes != 0)
    about->f_bavail = static_cast<fsblkcnt_t>(f->free_bytes / about->f_frsize);
  return failed;
}

} // extern "C"
