#include "cli/bench/machine.hpp"

#include <array>
#include <cstdlib>
#include <fstream>
#include <mntent.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <thread>
#include <unistd.h>

namespace shoal::cli::bench {

namespace {

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name"))
      return line.substr(std::min(line.find(": ") + 2, line.size()));
  return "unknown";
}

/// TYPE of the mount whose device holds the folder.
std::string file_system(const std::filesystem::path& folder) {
  struct stat wanted {};
  std::string out = "unknown";
  FILE* mounts = stat(folder.c_str(), &wanted) == 0 ? setmntent("/proc/mounts", "r") : nullptr;
  if (mounts == nullptr)
    return out;
  while (const auto* m = getmntent(mounts)) {
    struct stat about {};
    if (stat(m->mnt_dir, &about) == 0 && about.st_dev == wanted.st_dev)
      out = m->mnt_type;
  }
  endmntent(mounts);
  return out;
}

} // namespace

json this_machine(const std::filesystem::path& folder) {
  utsname kernel{};
  uname(&kernel);
  std::array<double, 1> load{};
  const bool known = getloadavg(load.data(), 1) == 1;
  const auto pages = static_cast<double>(sysconf(_SC_PHYS_PAGES));
  return {{"cpus", std::thread::hardware_concurrency()},
          {"cpu", cpu_model()},
          {"memory_mib",
           static_cast<uint64_t>(pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1048576)},
          {"kernel", std::string(kernel.sysname) + " " + kernel.release},
          {"disk", file_system(folder)},
          {"load", known ? json(load[0]) : json(nullptr)}};
}

} // namespace shoal::cli::bench
