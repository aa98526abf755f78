#pragma once
// What the operating system says of the volume a folder is on.

#include "messages/error.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace shoal::cli {

struct volume_facts {
  /// Names the volume across mounts and restarts: `uuid:` and the file system's UUID where it has
  /// one, else `mount:` with type, source and mount point.
  std::string fingerprint;
  std::string display_name;
  std::string mount_point;
  std::string file_system;        // type, for example ext4
  int64_t total_capacity = 0;     // bytes
  int64_t available_capacity = 0; // bytes
  bool is_removable = false;
};

/// The volume that `folder` (absolute, without links) is on. ec::not_found when it cannot be looked
/// at.
result<volume_facts> volume_of(const std::filesystem::path& folder);

/// One mount of /proc/self/mountinfo.
struct mount_line {
  std::string device; // major:minor
  std::string mount_point;
  std::string file_system;
  std::string source;
};

/// The mount that holds `folder`: of those whose mount point is `folder` or above it, the longest;
/// of equals the last, which lies on top. All fields empty when there is none. `mountinfo` as in
/// proc(5), with its \040 escapes.
mount_line find_mount(std::string_view mountinfo, std::string_view folder);

} // namespace shoal::cli
