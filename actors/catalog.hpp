#pragma once
// The libraries of a node: which there are on disk, opening and making them.
//
//   DATA/libraries/ID/library.json   {"id","name","sync"}
//   DATA/libraries/ID/db/            RocksDB

#include "actors/current_models.hpp"
#include "actors/library.hpp"
#include "actors/peer_link.hpp"
#include "config/options.hpp"
#include "store/rocks_store.hpp"

#include <caf/actor_system.hpp>

#include <filesystem>

namespace shoal {

/// What opening a library takes.
struct catalog_setup {
  std::filesystem::path data_dir;
  transport::identity key;
  std::string node_name;
  std::string address; // what peers should dial; may be empty
  uint64_t boot_nonce = 0;
  config::sync_options sync;
  config::retention_options retention;
  std::shared_ptr<rocks_memory> memory;
  std::shared_ptr<metrics> counted;
  std::vector<caf::actor> readers;
  std::shared_ptr<library_directory> directory;
  std::function<void(const error&)> on_failure; // see writer_setup
  std::shared_ptr<current_models> models;
};

struct library_entry {
  library_id id;
  std::string name;
  bool sync = true;
  member_set members; // from the configuration; generation 1
};

struct open_library {
  member_set members; // as opened
  std::shared_ptr<library_core> core;
  caf::actor actor;
  caf::actor writer;
  std::shared_ptr<rocks_store> store;
};

/// All libraries: those of the configuration and those on disk. Two of one name are ec::config.
result<std::vector<library_entry>> find_libraries(const std::filesystem::path& data_dir,
                                                  const config::options& options);
/// Members that the configuration names, as generation 1.
member_set configured_members(const config::library_options& library);
/// Writes library.json, so that the library is found again.
status remember_library(const std::filesystem::path& data_dir, const library_entry& entry);
/// Opens the store, brings member set and device record up to date, and starts the actors.
result<open_library> open(caf::actor_system& system, const catalog_setup& setup,
                          const library_entry& entry, caf::actor node);

/// 64 random bits, 16 random bytes.
uint64_t random_u64();
record_id random_record_id();

} // namespace shoal
