#include "cli/client/volume.hpp"

#include "cli/client/tree_scan.hpp"

#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace shoal::cli {

namespace {

namespace fs = std::filesystem;

/// Undoes mountinfo's \ooo escapes of space, tab, newline and backslash.
std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&](size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8
                               + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool is_at_or_below(std::string_view folder, std::string_view above) {
  return above == "/" || folder == above
         || (folder.starts_with(above) && folder[above.size()] == '/');
}

/// The UUID of the file system on a block device; empty when udev knows none.
std::string file_system_uuid(const std::string& source) {
  std::error_code failed;
  const fs::path device = fs::canonical(source, failed);
  if (failed)
    return {};
  for (fs::directory_iterator i("/dev/disk/by-uuid", failed), end; !failed && i != end;
       i.increment(failed)) {
    std::error_code dangling;
    if (fs::canonical(i->path(), dangling) == device && !dangling)
      return i->path().filename().string();
  }
  return {};
}

/// A partition has no `removable` of its own: its disk, one folder up, has.
bool removable(const std::string& device) {
  for (const char* file : {"/removable", "/../removable"}) {
    std::ifstream in("/sys/dev/block/" + device + file);
    int flag = 0;
    if (in >> flag)
      return flag == 1;
  }
  return false;
}

} // namespace

mount_line find_mount(std::string_view mountinfo, std::string_view folder) {
  mount_line best;
  std::istringstream lines{std::string(mountinfo)};
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string id;
    std::string parent;
    std::string root;
    std::string word;
    mount_line mount;
    words >> id >> parent >> mount.device >> root >> mount.mount_point;
    while (words >> word && word != "-") // mount options, then optional fields, up to a dash
      continue;
    if (!(words >> mount.file_system >> mount.source))
      continue;
    mount.mount_point = unescape(mount.mount_point);
    mount.source = unescape(mount.source);
    if (is_at_or_below(folder, mount.mount_point)
        && mount.mount_point.size() >= best.mount_point.size())
      best = std::move(mount);
  }
  return best;
}

result<volume_facts> volume_of(const fs::path& folder) {
  struct statvfs space {};
  if (statvfs(folder.c_str(), &space) != 0)
    return {ec::not_found, folder.string() + " cannot be looked at: " + std::strerror(errno)};
  std::ifstream in("/proc/self/mountinfo");
  const std::string mountinfo{std::istreambuf_iterator<char>(in), {}};
  const auto mount = find_mount(mountinfo, folder.string());
  volume_facts out;
  const std::string uuid = file_system_uuid(mount.source);
  out.mount_point = text_of_name(mount.mount_point);
  out.file_system = text_of_name(mount.file_system);
  out.fingerprint = uuid.empty() ? "mount:" + out.file_system + ":" + text_of_name(mount.source)
                                       + ":" + out.mount_point
                                 : "uuid:" + uuid;
  out.display_name = mount.mount_point == "/"
                         ? "/"
                         : text_of_name(fs::path(mount.mount_point).filename().string());
  out.total_capacity = static_cast<int64_t>(space.f_blocks * space.f_frsize);
  out.available_capacity = static_cast<int64_t>(space.f_bavail * space.f_frsize);
  out.is_removable = removable(mount.device);
  return out;
}

} // namespace shoal::cli
