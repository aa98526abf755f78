#pragma once
// Opening a library: its store, its member set and device record as of this start, its actors.

#include "actors/clocks.hpp"
#include "actors/current_models.hpp"
#include "actors/disk_space.hpp"
#include "actors/library.hpp"
#include "actors/library_folder.hpp"
#include "actors/peer_link.hpp"
#include "actors/store_writer.hpp"
#include "store/rocks_store.hpp"

#include <caf/actor_system.hpp>

namespace shoal {

/// 64 random bits, 16 random bytes.
uint64_t random_u64();
record_id random_record_id();

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
  std::shared_ptr<disk_space> disk;
  std::shared_ptr<metrics> counted;
  std::vector<caf::actor> readers;
  std::shared_ptr<library_directory> directory;
  std::shared_ptr<dial_board> dials;
  std::function<void(const error&)> on_failure; // see writer_setup
  std::shared_ptr<current_models> models;
  clocks time = {};
  std::function<uint64_t()> random_epoch = random_u64;
  /// Libraries run in the thread of the sockets, and writers there or on a thread each; true: all
  /// run on the scheduler's, for tests with stores in memory.
  bool on_scheduler = false;
  commit_aside aside = commit_on_a_thread; // this and the next: see writer_setup
  size_t aside_bytes_min = limits::ingest_bytes_min;
};

struct running_library {
  member_set members; // as opened
  std::shared_ptr<library_core> core;
  caf::actor actor;
  caf::actor writer;
};
struct open_library : running_library {
  std::shared_ptr<rocks_store> store;
};

/// Opens the store, brings member set and device record up to date, and starts the actors. `entry`
/// becomes what is to be remembered of it, and is.
result<open_library> open(caf::actor_system& system, const catalog_setup& setup,
                          library_entry& entry, caf::actor node);

/// The part of `open` that comes after the store was opened, whatever store it is. `on_failure`:
/// see writer_setup.
result<running_library> start_library(caf::actor_system& system, const catalog_setup& setup,
                                      library_entry& entry, std::shared_ptr<kv_store> store,
                                      std::function<void(const error&)> on_failure,
                                      caf::actor node);

} // namespace shoal
