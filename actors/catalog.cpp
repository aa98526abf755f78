#include "actors/catalog.hpp"
#include "actors/log_about.hpp"

#include "actors/clocks.hpp"
#include "actors/own_device.hpp"
#include "actors/reader.hpp"
#include "actors/socket_thread.hpp"
#include "actors/store_writer.hpp"
#include "actors/stored_event.hpp"
#include "config/limits.hpp"
#include "store/sync/records.hpp"

#include <caf/all.hpp>
#include <openssl/rand.h>
#include <spdlog/spdlog.h>

#include <tuple>

namespace shoal {

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

/// Member set and device record as of this start, in one commit.
static status bring_up_to_date(const catalog_setup& setup, const library_entry& entry,
                               kv_store& store, replica& data) {
  kv_transaction txn(store);
  auto members = entry.members;
  const auto known = data.members().find(setup.key.device());
  // Nobody becomes a member by its own say: who joins, or lost its store, waits for the others'
  // set. The founder and the configuration do say so.
  const bool named = known != data.members().end();
  if (named || entry.configured || entry.contacts.empty()) {
    auto& self = members[setup.key.device()];
    if (named)
      self = known->second;
    self.generation = std::max(self.generation, entry.generation); // as the others know it
    if (self.address != setup.address || self.name != setup.node_name) {
      self.address = setup.address;
      self.name = setup.node_name;
      self.revision = std::max(setup.time.wall_ms(), self.revision + 1);
    }
  }
  if (auto merged = data.merge_members(txn, members); !merged)
    return merged.err();
  auto standing =
      get_record(store, record_class::owned, "device", record_id{setup.key.device().bytes});
  if (!standing)
    return standing.err();
  if (auto change =
          own_device_change(setup.key.device(), setup.node_name, setup.address, *standing)) {
    auto made = data.commit(txn, std::span(&*change, 1), setup.time.wall_ms());
    if (!made)
      return made.err();
  }
  if (txn.empty())
    return success();
  data.seal(txn);
  return store.commit(txn.take());
}

/// Why the store is held for an older copy of itself; empty when it is not.
static std::string restored_text(const std::optional<hlc>& mark, const hlc& last) {
  if (!mark || std::tie(last.wall_ms, last.counter) >= std::tie(mark->wall_ms, mark->counter))
    return {};
  return "the store ends at " + to_string(last) + ", but had reached " + to_string(*mark)
         + ": this is an older copy of it, or its end was lost; lost ops are fetched from peers";
}

result<running_library> start_library(caf::actor_system& system, const catalog_setup& setup,
                                      library_entry& entry, std::shared_ptr<kv_store> store,
                                      std::function<void(const error&)> on_failure,
                                      caf::actor node) {
  running_library out;
  replica_options options;
  auto epoch = next_epoch(*store, setup.key.device(), setup.time.wall_ms(), setup.random_epoch());
  if (!epoch)
    return error{epoch.err().code, "library " + entry.name + ": " + epoch.err().message};
  options.fresh_epoch = *epoch;
  options.max_drift_ms = setup.sync.max_clock_drift_seconds * 1000;
  options.max_quarantined = limits::quarantined_ops_max;
  options.max_record_bytes = setup.sync.max_record_bytes;
  options.program = SHOAL_VERSION;
  auto data = replica::open(*store, setup.key.device(), options);
  if (!data)
    return error{data.err().code, "library " + entry.name + ": " + data.err().message};
  const bool refilled = !entry.stored;
  high_water mark(high_water::file_of(setup.data_dir, entry.id));
  const auto restored = restored_text(mark.read(), (*data)->last_stamp());
  if (auto ready = bring_up_to_date(setup, entry, *store, **data); !ready)
    return error{ready.err().code, "library " + entry.name + ": " + ready.err().message};
  const auto own = (*data)->members().find(setup.key.device());
  entry.stored = true;
  if (entry.generation == 0 && own != (*data)->members().end())
    entry.generation = own->second.generation;
  if (auto others = contacts_of((*data)->members(), setup.key.device()); !others.empty())
    entry.contacts = std::move(others);
  if (auto kept = remember_library(setup.data_dir, entry); !kept)
    return kept.err();
  if (!restored.empty())
    about("library", {{"library", to_string(entry.id)}})
        ->warn("{}: restored: {}", entry.name, restored);

  library_setup lib;
  lib.id = entry.id;
  lib.name = entry.name;
  lib.sync = entry.sync;
  lib.store = store;
  lib.time = setup.time;
  lib.dials = setup.dials;
  lib.disk = setup.disk;
  lib.paused = entry.paused;
  lib.restored = restored;
  lib.refilled = refilled;
  lib.readers = setup.readers;
  lib.node = node;
  lib.counted = setup.counted->add_library(entry.name);
  lib.protocol.self = setup.key.device();
  lib.protocol.boot_nonce = setup.boot_nonce;
  lib.protocol.generation = entry.generation;
  lib.protocol.is_own_word = [key = setup.key, id = entry.id](const statement& s) {
    return transport::identity::verify(key.public_key(), signed_bytes(s, id), s.signature);
  };
  lib.protocol.restored = !restored.empty();
  lib.protocol.name = setup.node_name;
  lib.protocol.models = setup.models->get()->hash();
  lib.protocol.heartbeat_us = setup.sync.heartbeat_seconds * 1'000'000;
  lib.protocol.max_drift_ms = options.max_drift_ms;
  lib.protocol.prune_us = setup.sync.prune_seconds * 1'000'000;
  lib.protocol.batch_ops = setup.sync.batch_max_records;
  lib.protocol.page_ops = setup.sync.backfill_page_records;
  lib.protocol.message_timeout_us = setup.sync.message_timeout_seconds * 1'000'000;
  lib.protocol.retry_initial_us = setup.sync.retry_initial_ms * 1000;
  lib.protocol.retry_max_us = setup.sync.retry_max_seconds * 1'000'000;
  lib.protocol.batch_window_us = setup.sync.batch_window_ms * 1000;
  lib.protocol.max_log_entries = setup.retention.max_log_entries;
  lib.protocol.max_log_age_ms = setup.retention.max_log_age_days * hour_ms * 24;
  lib.protocol.passed_over_after_us = limits::needs_snapshot_after_ms * 1000;
  for (const auto& [device, address] : entry.contacts)
    lib.protocol.contacts.insert(device);

  protocol::stored first;
  const auto summary = (*data)->summary();
  fill_in(first, **data, summary, true);
  first.members = (*data)->members();
  for (const auto& [member, s] : (*data)->statements())
    first.statements.push_back(s);
  const auto stamp = (*data)->last_stamp().wall_ms;

  auto writing = std::make_shared<writer_setup>();
  writing->store = std::move(store);
  writing->data = std::move(*data);
  writing->time = setup.time;
  writing->key = setup.key;
  writing->library = entry.id;
  writing->counted = lib.counted;
  // Longer than any two clocks are apart: a member that was given nothing yet, or an old copy of
  // itself, may write with a clock that is behind a delete's.
  writing->min_tombstone_ms =
      std::max(setup.retention.min_tombstone_hours * hour_ms, 2 * options.max_drift_ms);
  writing->mark = std::move(mark);
  writing->disk = setup.disk;
  writing->aside = setup.aside;
  writing->aside_bytes_min = setup.aside_bytes_min;
  writing->on_failure = std::move(on_failure);

  out.core = std::make_shared<library_core>(std::move(lib));
  out.core->publish(summary, stamp);
  writing->wall_ms = [core = std::weak_ptr(out.core), otherwise = setup.time.wall_ms] {
    const auto held = core.lock();
    return held ? held->bounded_wall_ms() : otherwise();
  };
  // Weakly: the core holds the writer, whose this is.
  writing->publish = [core = std::weak_ptr(out.core)](const replica_summary& made,
                                                      uint64_t newest) {
    if (const auto held = core.lock())
      held->publish(made, newest);
  };
  out.members = *first.members;
  // Before anybody may ask: whoever waits for "all members" while none is known would be told yes.
  auto asked = std::make_shared<protocol::effects>(out.core->take_stored(std::move(first)));
  if (setup.on_scheduler) {
    out.actor = system.spawn(library_actor, out.core);
    out.writer = system.spawn(store_writer, writing, out.actor);
  } else {
    out.actor = spawn_in_socket_thread(
        system, [core = out.core](auto* self) { return library_actor(self, core); });
    writing->place = std::make_shared<actor_place>(system, "shoal.writer");
    out.writer =
        spawn_with_place(system, writing->place, [writing, library = out.actor](auto* self) {
          return store_writer(self, writing, library);
        });
  }
  out.core->connect(out.actor, out.writer);
  caf::anon_send(out.actor, library_opened{std::move(asked)});
  if (entry.sync)
    setup.directory->put(entry.id, out.actor);
  return out;
}

result<open_library> open(caf::actor_system& system, const catalog_setup& setup,
                          library_entry& entry, caf::actor node) {
  if (auto kept = remember_library(setup.data_dir, entry); !kept)
    return kept.err();
  rocks_options how;
  how.memory = setup.memory;
  how.create = !entry.stored;
  auto opened = rocks_store::open((library_folder(setup.data_dir, entry.id) / "db").string(), how);
  if (!opened)
    return error{opened.err().code, "library " + entry.name + ": " + opened.err().message};
  open_library out;
  out.store = std::move(*opened);
  // The store by a weak pointer: it must go while the writer's setup is still there.
  auto on_failure = [node, id = entry.id, otherwise = setup.on_failure,
                     store = std::weak_ptr(out.store)](const error& e) {
    const auto held = store.lock();
    if (e.code == ec::corrupt)
      caf::anon_send(node, library_damaged{id, e.message});
    else if (e.code == ec::disk_full || (held && held->ran_out_of_room()))
      caf::anon_send(node, library_out_of_room{id, e.message});
    else
      otherwise(e);
  };
  auto running = start_library(system, setup, entry, out.store, std::move(on_failure), node);
  if (!running)
    return running.err();
  static_cast<running_library&>(out) = std::move(*running);
  return out;
}

} // namespace shoal
