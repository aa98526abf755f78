#include "actors/own_device.hpp"

#include "store/models/edits.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

namespace shoal {

/// The value behind `key` in a file of `key<separator>value` lines, such as /proc/cpuinfo.
static std::string line_value(const char* file, std::string_view key, char separator) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.compare(0, key.size(), key) != 0)
      continue;
    const auto at = line.find(separator);
    if (at == std::string::npos)
      continue;
    const auto begin = line.find_first_not_of(" \t\"", at + 1);
    const auto end = line.find_last_not_of(" \t\"");
    return begin == std::string::npos ? std::string{} : line.substr(begin, end - begin + 1);
  }
  return {};
}

static std::string first_line(const char* file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

static std::string slug_of(const std::string& name) {
  std::string out;
  for (char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter)
      out += c;
    else if (c >= 'A' && c <= 'Z')
      out += static_cast<char>(c - 'A' + 'a');
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  while (!out.empty() && out.back() == '-')
    out.pop_back();
  return out;
}

std::optional<edit> own_device_change(device_id self, const std::string& node_name,
                                      const std::string& address,
                                      const std::optional<record_view>& standing) {
  models::device_facts facts;
  facts.name = node_name;
  if (standing && !standing->deleted)
    if (const auto it = standing->fields.find("name"); it != standing->fields.end()) {
      reader in(it->second);
      const auto name = in.str(it->second.size(), "name");
      if (!in.failed())
        facts.name = name;
    }
  facts.slug = slug_of(node_name);
  utsname uts{};
  if (uname(&uts) == 0)
    facts.os = uts.sysname;
  facts.os_version = line_value("/etc/os-release", "PRETTY_NAME", '=');
  facts.hardware_model = first_line("/sys/devices/virtual/dmi/id/product_name");
  facts.cpu_model = line_value("/proc/cpuinfo", "model name", ':');
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0)
    facts.memory_total_bytes = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page);
  if (!address.empty())
    facts.addresses = {address};
  facts.capabilities = {"sync"};
  auto change = models::own_device_edit(self, facts);
  if (!standing || standing->deleted)
    return change;
  for (const auto& f : change.fields) {
    const auto it = standing->fields.find(f.name);
    const bool cleared = f.value == "\xc0";
    if (cleared ? it != standing->fields.end()
                : it == standing->fields.end() || it->second != f.value)
      return change;
  }
  return std::nullopt;
}

} // namespace shoal
