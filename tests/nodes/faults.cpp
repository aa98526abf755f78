#include "tests/nodes/faults.hpp"

#include <boost/test/unit_test.hpp>

#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace shoal::nodes {

faulty_disk::faulty_disk(fs::path file) : file_(std::move(file)) {
  write_file(file_, std::string(sizeof(disk_faults), '\0'));
  const int fd = open(file_.c_str(), O_RDWR | O_CLOEXEC);
  void* at = mmap(nullptr, sizeof(disk_faults), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  BOOST_REQUIRE(at != MAP_FAILED);
  now_ = static_cast<disk_faults*>(at);
}

faulty_disk::~faulty_disk() { munmap(now_, sizeof *now_); }

void faulty_disk::heal() {
  for (auto* each : {&now_->syncs, &now_->writes, &now_->fail_sync, &now_->fail_count,
                     &now_->kill_at_sync, &now_->kill_at_write, &now_->free_bytes})
    *each = 0;
}

void faulty_disk::fail_syncs(uint64_t first, uint64_t count, int code) {
  now_->fail_errno = static_cast<uint64_t>(code);
  now_->fail_count = count;
  now_->fail_sync = first;
}

std::map<std::string, std::string> faulty_disk::environment() const {
  return {{"LD_PRELOAD", SHOAL_DISK_FAULTS},
          {"SHOAL_DISK_FAULTS_FILE", file_},
          {"ASAN_OPTIONS", "verify_asan_link_order=0"}};
}

small_disk::small_disk(fs::path at, uint64_t mib) : at_(std::move(at)) {
  fs::create_directories(at_);
  const auto size = "size=" + std::to_string(mib) + "m";
  mounted_ = mount("tmpfs", at_.c_str(), "tmpfs", 0, size.c_str()) == 0;
  if (!mounted_)
    BOOST_TEST_MESSAGE("SKIPPED: no file system can be mounted here (" << std::strerror(errno)
                                                                       << "); run as root");
}

small_disk::~small_disk() {
  if (mounted_)
    umount2(at_.c_str(), MNT_DETACH);
}

void small_disk::fill(uint64_t left) {
  empty();
  const int fd = open((at_ / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  BOOST_REQUIRE(fd >= 0);
  // Again when somebody took room between the question and the deed.
  const bool full = eventually([&] {
    struct statvfs about {};
    if (fstatvfs(fd, &about) != 0)
      return false;
    const auto free = static_cast<uint64_t>(about.f_bavail) * about.f_frsize;
    return free <= left || posix_fallocate(fd, 0, static_cast<off_t>(free - left)) == 0;
  });
  close(fd);
  BOOST_REQUIRE_MESSAGE(full, "cannot fill " << at_);
}

void small_disk::empty() { fs::remove(at_ / "filler"); }

} // namespace shoal::nodes
