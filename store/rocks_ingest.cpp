#include "store/rocks_ingest.hpp"

#include "config/limits.hpp"

#include <rocksdb/sst_file_writer.h>

#include <filesystem>

namespace shoal {

namespace fs = std::filesystem;

namespace {

constexpr const char* place = "incoming";

/// Below the database's, so that taking a file over is a link, and in a place of its own, so that
/// no half of a table is taken for one of a database that lost its file CURRENT.
fs::path place_in(const std::string& path) { return fs::path(path) / place; }

rocksdb::Status make_and_hand_over(rocksdb::DB& db,
                                   const std::vector<rocksdb::ColumnFamilyHandle*>& handles,
                                   const fs::path& where, const kv_batch& batch) {
  std::error_code code;
  fs::create_directory(where, code);
  if (code)
    return rocksdb::Status::IOError(where.string(), code.message());
  std::vector<rocksdb::IngestExternalFileArg> tables;
  for (size_t i = 0; i < batch.size();) {
    const auto f = batch[i].where;
    auto* handle = handles[static_cast<size_t>(f)];
    constexpr bool out_of_page_cache = false; // it is read again within seconds
    rocksdb::SstFileWriter table(rocksdb::EnvOptions(), db.GetOptions(handle), handle,
                                 out_of_page_cache);
    const auto file = (where / (std::string(to_string(f)) + ".sst")).string();
    if (auto s = table.Open(file); !s.ok())
      return s;
    for (; i < batch.size() && batch[i].where == f; ++i) {
      const auto& w = batch[i];
      if (auto s = w.value ? table.Put(w.key, *w.value) : table.Delete(w.key); !s.ok())
        return s;
    }
    if (auto s = table.Finish(); !s.ok())
      return s;
    rocksdb::IngestExternalFileArg taken;
    taken.column_family = handle;
    taken.external_files = {file};
    taken.options.move_files = true;
    taken.options.write_global_seqno = false; // it is in the MANIFEST
    tables.push_back(std::move(taken));
  }
  return db.IngestExternalFiles(tables);
}

} // namespace

tables_kept::tables_kept(const std::shared_ptr<rocksdb::FileSystem>& base)
    : rocksdb::FileSystemWrapper(base) {}

rocksdb::IOStatus tables_kept::LinkFile(const std::string& from, const std::string& to,
                                        const rocksdb::IOOptions& how,
                                        rocksdb::IODebugContext* debug) {
  if (fs::path(from).parent_path().filename() == place) {
    const std::lock_guard lock(mutex_);
    linked_.insert(to);
  }
  auto s = target()->LinkFile(from, to, how, debug);
  // Some file systems know no links, and say so as an error like any other. Then it is copied.
  return s.ok() || s.IsNoSpace() ? s : rocksdb::IOStatus::NotSupported(s.ToString());
}

rocksdb::IOStatus tables_kept::DeleteFile(const std::string& file, const rocksdb::IOOptions& how,
                                          rocksdb::IODebugContext* debug) {
  {
    const std::lock_guard lock(mutex_);
    if (linked_.contains(file))
      return rocksdb::IOStatus::OK();
  }
  return target()->DeleteFile(file, how, debug);
}

void tables_kept::taken_over() {
  const std::lock_guard lock(mutex_);
  linked_.clear();
}

bool worth_ingesting(rocksdb::DB& db, const kv_batch& batch, size_t bytes) {
  if (bytes < limits::ingest_bytes_min)
    return false;
  for (const auto* behind : {&rocksdb::DB::Properties::kIsWriteStopped,
                             &rocksdb::DB::Properties::kActualDelayedWriteRate}) {
    uint64_t value = 0;
    if (!db.GetIntProperty(*behind, &value) || value != 0)
      return false;
  }
  for (size_t i = 1; i < batch.size(); ++i) {
    const auto& a = batch[i - 1];
    const auto& b = batch[i];
    if (b.where < a.where || (b.where == a.where && b.key <= a.key))
      return false;
  }
  return true;
}

rocksdb::Status ingest(rocksdb::DB& db, const std::vector<rocksdb::ColumnFamilyHandle*>& handles,
                       const std::string& path, const kv_batch& batch, tables_kept& files) {
  auto s = make_and_hand_over(db, handles, place_in(path), batch);
  if (s.ok())
    files.taken_over();
  else
    remove_unfinished_tables(path); // where room is what lacked, they have some
  return s;
}

void remove_unfinished_tables(const std::string& path) {
  std::error_code ignored; // what stays is in the way of nothing: it is written over
  fs::remove_all(place_in(path), ignored);
}

} // namespace shoal
