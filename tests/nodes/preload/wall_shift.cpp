// CLOCK_REALTIME, moved by what a test writes into a shared file; see README.md.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

/// The shift in ms; nullptr where no file is named, or it is not there.
const std::atomic<int64_t>* shared_shift() {
  const char* path = std::getenv("SHOAL_WALL_SHIFT_FILE");
  const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0)
    return nullptr;
  void* at = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return at == MAP_FAILED ? nullptr : static_cast<const std::atomic<int64_t>*>(at);
}

} // namespace

extern "C" int clock_gettime(clockid_t which, timespec* now) noexcept {
  static const auto* shift = shared_shift();
  const auto failed = static_cast<int>(syscall(SYS_clock_gettime, which, now));
  if (failed != 0 || which != CLOCK_REALTIME || !shift)
    return failed;
  const int64_t ms = shift->load();
  now->tv_sec += ms / 1000;
  now->tv_nsec += ms % 1000 * 1'000'000;
  if (now->tv_nsec < 0) {
    now->tv_nsec += 1'000'000'000;
    --now->tv_sec;
  } else if (now->tv_nsec >= 1'000'000'000) {
    now->tv_nsec -= 1'000'000'000;
    ++now->tv_sec;
  }
  return 0;
}
