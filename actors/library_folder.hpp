#pragma once
// What of a library is on disk beside its store, and which libraries there are.
//
//   DATA/libraries/ID/library.json {"id","name","sync","paused","stored","generation","contacts"}
//   DATA/libraries/ID/db/                RocksDB
//   DATA/libraries/left-ID-TIME/         a library that was left
//   DATA/libraries/damaged-ID-TIME/db/   a store that was replaced by a rebuild
//   DATA/libraries/removed-ID-TIME/db/   … because this device was removed and taken back
//   DATA/marks/ID                        high-water mark, see high_water.hpp

#include "config/options.hpp"
#include "messages/members.hpp"

#include <filesystem>

namespace shoal {

struct library_entry {
  library_id id;
  std::string name;
  bool sync = true;
  bool configured = false; // shoal.toml names it
  member_set members;      // from the configuration; generation 1
  bool paused = false;
  bool stored = false; // there is a store with data: one that is gone is damage, not a first start
  /// Of this device's own entry in the member set that the store was made under; 0 until known.
  uint64_t generation = 0;
  /// The other members as last known, and where to dial them: who may fill a store whose own member
  /// set does not name this device, since it is new or was lost.
  std::map<device_id, std::string> contacts;
  std::string damage; // why library.json cannot be used; empty when it can
};

std::filesystem::path library_folder(const std::filesystem::path& data_dir, const library_id& id);

/// All libraries: those of the configuration and those on disk. Two of one name are ec::config; a
/// library.json that cannot be read is its library's `damage` and nobody else's.
result<std::vector<library_entry>> find_libraries(const std::filesystem::path& data_dir,
                                                  const config::options& options);
/// Members that the configuration names, as generation 1.
member_set configured_members(const config::library_options& library);
/// Writes library.json, durably, if it says something else.
status remember_library(const std::filesystem::path& data_dir, const library_entry& entry);
/// What `contacts` is to be, from the member set in force.
std::map<device_id, std::string> contacts_of(const member_set& members, const device_id& self);

/// Moves the library's whole folder, or only its store, to WHY-ID-TIME; answers where. Nothing
/// there: an empty path. The store must be closed.
result<std::filesystem::path> put_aside(const std::filesystem::path& data_dir, const library_id& id,
                                        const std::string& why, bool only_store);
/// Removes the library's folder and its mark.
status delete_library(const std::filesystem::path& data_dir, const library_id& id);

} // namespace shoal
