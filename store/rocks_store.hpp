#pragma once
// A library's data directory: the RocksDB that implements kv_store. The only file, with its .cpp,
// that knows RocksDB.
//
// One column family per `family`, `meta` being RocksDB's "default". `meta` holds under "format" the
// version of the layout of keys and values, in decimal.
//
// Promises. A batch that was answered `ok` is there after kill -9 and power cuts, whole. Bytes that
// are not what was written are ec::corrupt with the file, at open or when they are read; never rows
// that are silently missing. Two faults look like a write that was under way when the power went,
// and cost acknowledged batches unseen: a log (write-ahead log or MANIFEST) that was cut, and a
// write-ahead log that was deleted. For those there is the high-water mark outside of the store.

#include "config/limits.hpp"
#include "store/sync/prefix_source.hpp"

#include <memory>
#include <string>

namespace shoal {

/// Version of the layout that this program writes. 2: longer counts of what is held back, which
/// programs of 1 take for damage. 3: rows that are kept as the op that made them.
constexpr uint32_t store_format = 3;
/// It reads this one and those since, and makes them its own when it opens them; no other.
constexpr uint32_t oldest_format = 1;

/// Block cache and memtable budget, shared by all libraries of a process.
class rocks_memory;
std::shared_ptr<rocks_memory>
make_rocks_memory(size_t block_cache_bytes = limits::block_cache_bytes,
                  size_t write_buffers_bytes = limits::write_buffers_bytes);

struct rocks_options {
  /// Empty: the store gets its own, of the default size.
  std::shared_ptr<rocks_memory> memory;
  int open_files_max = limits::open_files_max;
  /// False when the library is known to have had data: a directory without any is ec::not_found
  /// then.
  bool create = true;
};

class rocks_store final : public kv_store, public prefix_source {
public:
  /// Opens, or creates the directory with its parents. Errors name the path:
  ///   unavailable      another process has it open; names its pid
  ///   corrupt          damage, with the file and what to do
  ///   unknown_version  written in a newer format
  ///   disk_full        no room for what an opening writes; nothing is lost by it
  ///   not_found, disk
  static result<std::unique_ptr<rocks_store>> open(const std::string& path,
                                                   const rocks_options& options = {});
  ~rocks_store() override;

  result<std::optional<std::string>> get(family f, std::string_view key) const override;
  /// Sees what was committed before the call; sees nothing after. An error met by seek or next is
  /// in state().
  std::unique_ptr<kv_cursor> cursor(family f) const override;
  result<std::vector<std::optional<std::string>>>
  get_many(family f, std::span<const std::string> keys) const override;
  std::unique_ptr<kv_cursor> prefix_cursor(family f) const override;
  std::shared_ptr<const kv_view> snapshot() const override;

  /// One fdatasync; of a large batch that of each table and of the MANIFEST (rocks_ingest.hpp).
  /// ec::outcome_unknown when that or the write failed, and from then on for every
  /// commit until the store is opened again: whether the failed batch is there then, only the
  /// reopened store says. ec::corrupt when a damaged file was met in the background.
  status commit(const kv_batch& batch) override;
  /// While they are, and many come, tables of `owned` are merged late (merge_pace.hpp).
  void names_are_known(bool known) override;
  std::optional<std::chrono::seconds> rest() override;

  /// A commit failed for want of room: opened again, perhaps later, the store goes on.
  bool ran_out_of_room() const;

  /// Writes memtables out, so that the next open replays little; refuses commits from then on. The
  /// directory's lock goes with the store and the last cursor or snapshot of it.
  status close();

  /// Lives as long as anything reads or writes the database; its files may be moved only after.
  std::weak_ptr<const void> in_use() const;

  struct engine;

private:
  explicit rocks_store(std::shared_ptr<engine> opened) : engine_(std::move(opened)) {}
  std::shared_ptr<engine> engine_;
};

} // namespace shoal
