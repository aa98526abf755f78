#include "actors/catalog.hpp"

#include "actors/clocks.hpp"
#include "actors/own_device.hpp"
#include "actors/reader.hpp"
#include "actors/store_writer.hpp"
#include "config/limits.hpp"
#include "store/sync/records.hpp"

#include <caf/all.hpp>
#include <nlohmann/json.hpp>
#include <openssl/rand.h>

#include <fstream>

namespace shoal {

namespace fs = std::filesystem;

constexpr uint64_t hour_ms = 3'600'000;

uint64_t random_u64() {
  uint64_t v = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&v), sizeof v) != 1)
    std::abort(); // an epoch that repeats would lose data; no randomness, no service
  return v;
}

record_id random_record_id() {
  record_id id;
  if (RAND_bytes(id.bytes.data(), static_cast<int>(id.bytes.size())) != 1)
    std::abort();
  id.bytes[6] = static_cast<uint8_t>((id.bytes[6] & 0x0f) | 0x40); // UUIDv4
  id.bytes[8] = static_cast<uint8_t>((id.bytes[8] & 0x3f) | 0x80);
  return id;
}

static fs::path folder_of(const fs::path& data_dir, const library_id& id) {
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

static result<library_entry> read_entry(const fs::path& file) {
  std::ifstream in(file);
  const auto json = nlohmann::json::parse(in, nullptr, false);
  library_entry e;
  if (json.is_object() && json.contains("id") && json["id"].is_string() && json.contains("name")
      && json["name"].is_string() && json.contains("sync") && json["sync"].is_boolean()) {
    if (const auto id = parse_id<library_id>(json["id"].get<std::string>())) {
      e.id = *id;
      e.name = json["name"];
      e.sync = json["sync"];
      return e;
    }
  }
  return {ec::corrupt,
          file.string() + ": not a library's description ({\"id\",\"name\",\"sync\"})"};
}

result<std::vector<library_entry>> find_libraries(const fs::path& data_dir,
                                                  const config::options& options) {
  std::map<library_id, library_entry> all;
  std::error_code failed;
  for (const auto& dir : fs::directory_iterator(data_dir / "libraries", failed)) {
    const auto file = dir.path() / "library.json";
    if (!fs::exists(file, failed))
      continue;
    auto e = read_entry(file);
    if (!e)
      return e.err();
    all[e->id] = std::move(*e);
  }
  for (const auto& l : options.libraries) {
    auto& e = all[l.id];
    e.id = l.id;
    e.name = l.name;
    e.sync = l.sync;
    e.members = configured_members(l);
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
  const auto folder = folder_of(data_dir, entry.id);
  std::error_code failed;
  fs::create_directories(folder, failed);
  const auto file = folder / "library.json";
  const auto fresh = folder / "library.json.new";
  {
    std::ofstream out(fresh);
    out << nlohmann::ordered_json{{"id", to_string(entry.id)},
                                  {"name", entry.name},
                                  {"sync", entry.sync}}
               .dump()
        << "\n";
    if (!out.flush())
      return {ec::disk, fresh.string() + ": cannot be written"};
  }
  fs::rename(fresh, file, failed);
  if (failed)
    return {ec::disk, file.string() + ": " + failed.message()};
  return success();
}

/// Member set and device record as of this start, in one commit.
static status bring_up_to_date(const catalog_setup& setup, const library_entry& entry,
                               kv_store& store, replica& data) {
  kv_transaction txn(store);
  auto members = entry.members;
  auto& self = members[setup.key.device()];
  const auto known = data.members().find(setup.key.device());
  if (known != data.members().end())
    self = known->second;
  if (self.address != setup.address || self.name != setup.node_name) {
    self.address = setup.address;
    self.name = setup.node_name;
    self.revision = std::max(wall_ms(), self.revision + 1);
  }
  if (auto merged = data.merge_members(txn, members); !merged)
    return merged.err();
  auto standing =
      get_record(store, record_class::owned, "device", record_id{setup.key.device().bytes});
  if (!standing)
    return standing.err();
  if (auto change =
          own_device_change(setup.key.device(), setup.node_name, setup.address, *standing)) {
    auto made = data.commit(txn, std::span(&*change, 1), wall_ms());
    if (!made)
      return made.err();
  }
  if (txn.empty())
    return success();
  data.seal(txn);
  return store.commit(txn.take());
}

result<open_library> open(caf::actor_system& system, const catalog_setup& setup,
                          const library_entry& entry, caf::actor node) {
  if (auto kept = remember_library(setup.data_dir, entry); !kept)
    return kept.err();
  rocks_options how;
  how.memory = setup.memory;
  auto opened = rocks_store::open((folder_of(setup.data_dir, entry.id) / "db").string(), how);
  if (!opened)
    return error{opened.err().code, "library " + entry.name + ": " + opened.err().message};
  open_library out;
  out.store = std::move(*opened);
  replica_options options;
  options.fresh_epoch = random_u64();
  options.max_drift_ms = setup.sync.max_clock_drift_seconds * 1000;
  options.max_record_bytes = setup.sync.max_record_bytes;
  options.program = SHOAL_VERSION;
  auto data = replica::open(*out.store, setup.key.device(), options);
  if (!data)
    return error{data.err().code, "library " + entry.name + ": " + data.err().message};
  if (auto ready = bring_up_to_date(setup, entry, *out.store, **data); !ready)
    return error{ready.err().code, "library " + entry.name + ": " + ready.err().message};

  library_setup lib;
  lib.id = entry.id;
  lib.name = entry.name;
  lib.sync = entry.sync;
  lib.store = out.store;
  lib.readers = setup.readers;
  lib.node = std::move(node);
  lib.counted = setup.counted->add_library(entry.name);
  lib.protocol.self = setup.key.device();
  lib.protocol.boot_nonce = setup.boot_nonce;
  lib.protocol.name = setup.node_name;
  lib.protocol.models = setup.models->get()->hash();
  lib.protocol.heartbeat_us = setup.sync.heartbeat_seconds * 1'000'000;
  lib.protocol.max_drift_ms = options.max_drift_ms;
  lib.protocol.prune_us = setup.sync.prune_seconds * 1'000'000;
  lib.protocol.batch_window_us = setup.sync.batch_window_ms * 1000;
  lib.protocol.max_log_entries = setup.retention.max_log_entries;
  lib.protocol.max_log_age_ms = setup.retention.max_log_age_days * hour_ms * 24;
  lib.protocol.passed_over_after_us = limits::needs_snapshot_after_ms * 1000;

  auto first = std::make_shared<protocol::stored>();
  const auto summary = (*data)->summary();
  fill_in(*first, **data, summary, true);
  first->members = (*data)->members();
  for (const auto& [member, s] : (*data)->statements())
    first->statements.push_back(s);
  const auto stamp = (*data)->last_stamp().wall_ms;

  auto writing = std::make_shared<writer_setup>();
  writing->store = out.store;
  writing->data = std::move(*data);
  writing->key = setup.key;
  writing->library = entry.id;
  writing->counted = lib.counted;
  writing->min_tombstone_ms = setup.retention.min_tombstone_hours * hour_ms;
  writing->on_failure = setup.on_failure;

  out.core = std::make_shared<library_core>(std::move(lib));
  out.core->publish(summary, stamp);
  writing->wall_ms = [core = std::weak_ptr(out.core)] {
    const auto held = core.lock();
    return held ? held->bounded_wall_ms() : wall_ms();
  };
  // Weakly: the writer's thread ends only when nobody holds the writer any more, and the core does.
  writing->publish = [core = std::weak_ptr(out.core)](const replica_summary& made,
                                                      uint64_t newest) {
    if (const auto held = core.lock())
      held->publish(made, newest);
  };
  out.actor = system.spawn(library_actor, out.core);
  out.writer = system.spawn<caf::detached>(store_writer, writing, out.actor);
  out.core->connect(out.actor, out.writer);
  out.members = *first->members;
  caf::anon_send(out.actor, group_stored{std::move(first), mono_us()});
  if (entry.sync)
    setup.directory->put(entry.id, out.actor);
  return out;
}

} // namespace shoal
