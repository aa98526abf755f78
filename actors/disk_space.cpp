#include "actors/disk_space.hpp"

#include "config/limits.hpp"

#include <sys/statvfs.h>

namespace shoal {

static std::string size_text(uint64_t bytes) {
  constexpr uint64_t mib = uint64_t{1} << 20;
  return bytes >= mib ? std::to_string(bytes / mib) + " MiB"
                      : std::to_string(bytes / 1024) + " KiB";
}

uint64_t disk_space::free_bytes() const {
  struct statvfs about {};
  if (::statvfs(folder_.c_str(), &about) != 0)
    return UINT64_MAX;
  return static_cast<uint64_t>(about.f_bavail) * about.f_frsize;
}

bool disk_space::low() {
  if (reserve_bytes_ == 0)
    return false;
  const auto least =
      low_ ? reserve_bytes_ + reserve_bytes_ / limits::disk_slack_part : reserve_bytes_;
  const bool now = free_bytes() < least;
  low_ = now;
  return now;
}

std::string disk_space::shortage() const {
  return "the disk of " + folder_.string() + " has " + size_text(free_bytes())
         + " free, and node.disk_reserve_bytes keeps " + size_text(reserve_bytes_)
         + " free for what is stored already";
}

status disk_space::check() {
  if (!low())
    return success();
  return error{ec::disk_full, shortage() + ": this node is read-only until there is more room"};
}

std::string disk_space::alarm() {
  return low()
             ? shortage()
                   + ": this node is read-only, and takes nothing from peers, until there is more "
                     "room"
             : std::string();
}

} // namespace shoal
