#include "store/rocks_open_room.hpp"

#include <filesystem>
#include <fstream>
#include <sys/statvfs.h>

namespace shoal {

namespace fs = std::filesystem;

namespace {

template <class Function>
void each_file(const std::string& path, const char* extension, Function&& call) {
  std::error_code code;
  for (fs::directory_iterator it(path, code), end; !code && it != end; it.increment(code))
    if (it->path().extension() == extension)
      call(*it);
}

} // namespace

status room_to_replay(const std::string& path) {
  constexpr uint64_t besides = uint64_t{1} << 20; // MANIFEST, the new log, blocks half used
  uint64_t logs = 0;
  each_file(path, ".log", [&](const fs::directory_entry& file) {
    std::error_code code;
    const auto bytes = file.file_size(code);
    logs += code ? 0 : bytes;
  });
  struct statvfs about {};
  if (::statvfs(path.c_str(), &about) != 0)
    return success(); // opening it says why
  const auto free = static_cast<uint64_t>(about.f_bavail) * about.f_frsize;
  if (free >= logs + besides)
    return success();
  return error{ec::disk_full, path + ": opening it takes up to "
                                  + std::to_string((logs + besides) / 1024)
                                  + " KiB, and the disk has " + std::to_string(free / 1024)
                                  + " KiB free; it is opened once there is more room"};
}

tables_before::tables_before(const std::string& path) : path_(path), manifest_(manifest()) {
  each_file(path_, ".sst",
            [&](const fs::directory_entry& file) { names_.insert(file.path().filename()); });
}

std::string tables_before::manifest() const {
  std::ifstream in(path_ + "/CURRENT");
  std::string name;
  std::getline(in, name);
  std::error_code code;
  const auto bytes = name.empty() ? 0 : fs::file_size(path_ + "/" + name, code);
  return name + " " + (code ? "?" : std::to_string(bytes));
}

void tables_before::remove_others() const {
  if (manifest() != manifest_)
    return;
  std::set<fs::path> made;
  each_file(path_, ".sst", [&](const fs::directory_entry& file) {
    if (!names_.contains(file.path().filename()))
      made.insert(file.path());
  });
  std::error_code ignored; // what stays takes room until the next opening that succeeds
  for (const auto& file : made)
    fs::remove(file, ignored);
}

} // namespace shoal
