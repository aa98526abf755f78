#include "actors/library_folder.hpp"

#include "actors/high_water.hpp"
#include "store/small_file.hpp"

#include <nlohmann/json.hpp>

#include <ctime>
#include <set>

namespace shoal {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

fs::path library_folder(const fs::path& data_dir, const library_id& id) {
  return data_dir / "libraries" / to_string(id);
}

member_set configured_members(const config::library_options& library) {
  member_set out;
  for (const auto& m : library.members)
    if (m.at)
      out[m.device].address = config::to_string(*m.at);
    else
      out[m.device];
  return out;
}

std::map<device_id, std::string> contacts_of(const member_set& members, const device_id& self) {
  std::map<device_id, std::string> out;
  for (const auto& [device, m] : members)
    if (!m.removed && device != self)
      out[device] = m.address;
  return out;
}

static std::string render(const library_entry& e) {
  json contacts = json::object();
  for (const auto& [device, address] : e.contacts)
    contacts[to_string(device)] = address;
  return json{{"id", to_string(e.id)},
              {"name", e.name},
              {"sync", e.sync},
              {"paused", e.paused},
              {"stored", e.stored},
              {"generation", e.generation},
              {"contacts", std::move(contacts)}}
             .dump()
         + "\n";
}

/// False when a key is missing or is of another type. Keys that later versions added may be absent.
static bool parse(const std::string& text, library_entry& e) {
  const auto j = json::parse(text, nullptr, false);
  if (!j.is_object() || !j.contains("name") || !j["name"].is_string() || !j.contains("sync")
      || !j["sync"].is_boolean())
    return false;
  e.name = j["name"];
  e.sync = j["sync"];
  const auto flag = [&](const char* key) {
    return j.contains(key) && j[key].is_boolean() && j[key].get<bool>();
  };
  e.paused = flag("paused");
  e.stored = flag("stored");
  if (j.contains("generation") && j["generation"].is_number_unsigned())
    e.generation = j["generation"];
  if (j.contains("contacts") && j["contacts"].is_object())
    for (const auto& [key, address] : j["contacts"].items())
      if (const auto device = parse_id<device_id>(key); device && address.is_string())
        e.contacts[*device] = address;
  return true;
}

static library_entry read_entry(const fs::path& file, const library_id& id) {
  library_entry e;
  e.id = id;
  auto text = read_small_file(file);
  if (text && *text && parse(**text, e))
    return e;
  e = {};
  e.id = id;
  e.name = to_string(id);
  e.stored = true;
  e.damage = !text ? text.err().message
                   : file.string()
                         + ": is no library's description; `shoal library rebuild` "
                           "replaces it";
  return e;
}

result<std::vector<library_entry>> find_libraries(const fs::path& data_dir,
                                                  const config::options& options) {
  std::map<library_id, library_entry> all;
  std::error_code failed;
  for (const auto& dir : fs::directory_iterator(data_dir / "libraries", failed)) {
    // What was put aside has a longer name.
    const auto id = parse_id<library_id>(dir.path().filename().string());
    if (const auto file = dir.path() / "library.json"; id && fs::exists(file, failed))
      all[*id] = read_entry(file, *id);
  }
  for (const auto& l : options.libraries) {
    auto& e = all[l.id];
    e.id = l.id;
    e.name = l.name;
    e.sync = l.sync;
    e.configured = true;
    e.members = configured_members(l);
    e.damage.clear(); // all that it must say is in the configuration
  }
  std::vector<library_entry> out;
  std::set<std::string> names;
  for (auto& [id, e] : all) {
    if (!names.insert(e.name).second)
      return {ec::config,
              "two libraries are named " + e.name + "; rename one in the configuration"};
    out.push_back(std::move(e));
  }
  return out;
}

status remember_library(const fs::path& data_dir, const library_entry& entry) {
  const auto file = library_folder(data_dir, entry.id) / "library.json";
  const auto text = render(entry);
  if (const auto known = read_small_file(file); known && *known && **known == text)
    return success(); // no sync for a start that changes nothing
  return replace_file(file, text);
}

static std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return text;
}

result<fs::path> put_aside(const fs::path& data_dir, const library_id& id, const std::string& why,
                           bool only_store) {
  const auto folder = library_folder(data_dir, id);
  std::error_code failed;
  fs::remove(high_water::file_of(data_dir, id), failed); // the next store begins at nothing
  if (!fs::exists(only_store ? folder / "db" : folder, failed))
    return fs::path();
  const auto base = why + "-" + to_string(id) + "-" + utc_now();
  auto aside = data_dir / "libraries" / base;
  for (int n = 2; fs::exists(aside, failed); ++n) // twice within a second
    aside = data_dir / "libraries" / (base + "-" + std::to_string(n));
  if (only_store) {
    fs::create_directories(aside, failed);
    if (failed)
      return error{ec::disk, aside.string() + ": " + failed.message()};
  }
  auto moved = only_store ? move_folder(folder / "db", aside / "db") : move_folder(folder, aside);
  if (!moved)
    return moved.err();
  return aside;
}

status delete_library(const fs::path& data_dir, const library_id& id) {
  const auto folder = library_folder(data_dir, id);
  std::error_code failed;
  // First its description: what is left of a deletion that was cut off is no library.
  fs::remove(folder / "library.json", failed);
  fs::remove_all(folder, failed);
  if (failed)
    return error{ec::disk, folder.string() + ": " + failed.message()};
  fs::remove(high_water::file_of(data_dir, id), failed);
  return success();
}

} // namespace shoal
