#include "actors/departures.hpp"

#include "store/small_file.hpp"

#include <nlohmann/json.hpp>

namespace shoal {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

static fs::path file_of(const fs::path& data_dir, const library_id& id) {
  return data_dir / "left" / (to_string(id) + ".json");
}

static bool parse(const std::string& text, departure& d) {
  const auto j = json::parse(text, nullptr, false);
  const auto is = [&](const char* key, auto check) { return j.contains(key) && check(j[key]); };
  const auto number = [](const json& v) { return v.is_number_unsigned(); };
  if (!j.is_object() || !is("name", [](const json& v) { return v.is_string(); })
      || !is("told", [](const json& v) { return v.is_boolean(); }) || !is("generation", number)
      || !is("left_ms", number) || !is("contacts", [](const json& v) { return v.is_object(); }))
    return false;
  d.name = j["name"];
  d.told = j["told"];
  d.generation = j["generation"];
  d.left_ms = j["left_ms"];
  for (const auto& [key, address] : j["contacts"].items()) {
    const auto device = parse_id<device_id>(key);
    if (!device || !address.is_string())
      return false;
    d.contacts[*device] = address;
  }
  return true;
}

result<std::vector<departure>> find_departures(const fs::path& data_dir) {
  std::vector<departure> out;
  std::error_code failed;
  for (const auto& file : fs::directory_iterator(data_dir / "left", failed)) {
    const auto id = parse_id<library_id>(file.path().stem().string());
    if (!id || file.path().extension() != ".json")
      continue;
    auto text = read_small_file(file.path());
    if (!text)
      return text.err();
    departure d;
    d.id = *id;
    if (!*text || !parse(**text, d))
      return error{ec::corrupt, file.path().string()
                                    + ": is no note of a library that was left; without the file, "
                                      "the library comes back if shoal.toml names it"};
    out.push_back(std::move(d));
  }
  return out;
}

status keep_departure(const fs::path& data_dir, const departure& d) {
  json contacts = json::object();
  for (const auto& [device, address] : d.contacts)
    contacts[to_string(device)] = address;
  return replace_file(file_of(data_dir, d.id), json{{"name", d.name},
                                                    {"generation", d.generation},
                                                    {"told", d.told},
                                                    {"left_ms", d.left_ms},
                                                    {"contacts", std::move(contacts)}}
                                                       .dump()
                                                   + "\n");
}

status forget_departure(const fs::path& data_dir, const library_id& id) {
  std::error_code failed;
  const auto file = file_of(data_dir, id);
  fs::remove(file, failed);
  if (failed)
    return error{ec::disk, file.string() + ": " + failed.message()};
  return success();
}

bool has_left(const fs::path& data_dir, const library_id& id) {
  std::error_code failed;
  return fs::exists(file_of(data_dir, id), failed);
}

} // namespace shoal
