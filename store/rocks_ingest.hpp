#pragma once
// Large batches on their way into RocksDB: as table files that it takes over whole, past the
// write-ahead log and the memtables. Only rocks_store.cpp includes this.

#include "store/sync/kv.hpp"

#include <rocksdb/db.h>
#include <rocksdb/file_system.h>

#include <mutex>
#include <set>

namespace shoal {

/// The file system of a database that takes tables over. RocksDB 7.8 deletes a table that it could
/// not take over; but when it is the MANIFEST's sync that failed, the MANIFEST may well name the
/// table, and without it the next opening finds damage. So what is being taken over stays until
/// that is known to have worked; if not, the next opening deletes what its MANIFEST does not name.
class tables_kept final : public rocksdb::FileSystemWrapper {
public:
  explicit tables_kept(const std::shared_ptr<rocksdb::FileSystem>& base);
  static const char* kClassName() { return "shoal.tables_kept"; }
  const char* Name() const override { return kClassName(); }
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& how,
                             rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& file, const rocksdb::IOOptions& how,
                               rocksdb::IODebugContext* debug) override;
  /// What was being taken over now belongs to the database.
  void taken_over();

private:
  std::mutex mutex_; // RocksDB's threads delete files, too
  std::set<std::string> linked_;
};

/// Whether a batch goes this way: it is large enough to be worth a sync per family, each family's
/// keys ascend, none twice, as kv_transaction::take() has them, and compactions keep up: writes
/// wait for those when they must, tables that are taken over would not.
bool worth_ingesting(rocksdb::DB& db, const kv_batch& batch, size_t bytes);

/// Writes a table per family and has them taken over at once: all of them, after a kill or a power
/// cut as well, or none. After a failure that is decided by the next opening. `handles` by
/// `family`; `path` is the database's directory, `files` its file system.
rocksdb::Status ingest(rocksdb::DB& db, const std::vector<rocksdb::ColumnFamilyHandle*>& handles,
                       const std::string& path, const kv_batch& batch, tables_kept& files);

/// What a kill left of tables that were not taken over.
void remove_unfinished_tables(const std::string& path);

} // namespace shoal
