#include "store/rocks_store.hpp"

#include "store/merge_pace.hpp"
#include "store/rocks_ingest.hpp"
#include "store/rocks_log_file.hpp"
#include "store/rocks_log_tail.hpp"
#include "store/rocks_open_room.hpp"
#include "store/rocks_settings.hpp"
#include "store/rocks_table_file.hpp"
#include "store/rocks_write_batch.hpp"

#include <rocksdb/db.h>
#include <rocksdb/snapshot.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>

namespace shoal {

/// The open database. Cursors and snapshots hold it, because RocksDB must not go before they do.
struct rocks_store::engine {
  std::string path;
  std::shared_ptr<rocks_memory> memory;
  std::shared_ptr<tables_kept> files =
      std::make_shared<tables_kept>(checked_tables(zeroed_logs(rocksdb::FileSystem::Default())));
  std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(files);
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families; // by `family`
  std::atomic<bool> failed = false;                   // a commit's outcome is unknown
  std::atomic<bool> out_of_room = false;              // and that is why
  std::atomic<bool> closed = false;
  bool names_known = false; // these three are the committing thread's
  merge_pace pace;
  int merged_at = tables_merged_at;
  std::shared_ptr<const void> alive = std::make_shared<char>(); // see in_use()

  engine() = default;
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;
  ~engine() {
    for (auto* f : families)
      db->DestroyColumnFamilyHandle(f);
  }
  rocksdb::ColumnFamilyHandle* handle(family f) const { return families[static_cast<size_t>(f)]; }
};

namespace {

constexpr const char* format_key = "format";

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

std::string_view view(const rocksdb::Slice& s) { return {s.data(), s.size()}; }

/// A full disk, a quota, a limit on the size of files.
bool lacks_room(const rocksdb::Status& s) {
  return s.IsNoSpace()
         || (s.IsIOError()
             && (s.ToString().find(std::strerror(EFBIG)) != std::string::npos
                 || s.ToString().find(std::strerror(EDQUOT)) != std::string::npos));
}

error failure(const std::string& path, const rocksdb::Status& s) {
  if (s.IsCorruption())
    return {ec::corrupt,
            path + " is damaged (" + s.ToString()
                + "); `shoal library rebuild` moves it aside and fills it again from peers"};
  return {lacks_room(s) ? ec::disk_full : ec::disk, path + ": " + s.ToString()};
}

std::string family_name(family f) {
  return f == family::meta ? rocksdb::kDefaultColumnFamilyName : std::string(to_string(f));
}

/// A new directory survives a power cut only when the one above it was synced, too.
status make_directory(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code code;
  std::vector<fs::path> made;
  for (auto at = fs::weakly_canonical(path, code); !at.empty() && !fs::exists(at, code);
       at = at.parent_path())
    made.push_back(at);
  fs::create_directories(path, code);
  if (code)
    return error{ec::disk, path + ": cannot make the directory: " + code.message()};
  for (const auto& at : made) {
    const int fd = ::open(at.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = fd >= 0 && ::fsync(fd) == 0;
    if (fd >= 0)
      ::close(fd);
    if (!synced)
      return error{ec::disk, at.parent_path().string() + ": cannot sync the directory"};
  }
  return success();
}

enum class contents { nothing, database, remains };

/// `remains`: data files but no CURRENT. RocksDB would start an empty database on top of them. (A
/// MANIFEST alone is what a kill during the very first open leaves.)
contents look_into(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code code;
  if (fs::exists(fs::path(path) / "CURRENT", code))
    return contents::database;
  for (fs::directory_iterator it(path, code), end; !code && it != end; it.increment(code)) {
    const auto extension = it->path().extension();
    if (extension == ".sst" || extension == ".log")
      return contents::remains;
  }
  return contents::nothing;
}

/// The pid that holds the lock file, 0 if none. Never called while this process may hold it:
/// closing any descriptor of the file would drop that lock.
pid_t lock_holder(const std::string& path) {
  const int fd = ::open((path + "/LOCK").c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0)
    return 0;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool asked = ::fcntl(fd, F_GETLK, &lock) == 0;
  ::close(fd);
  return asked && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

/// The write-ahead logs and the MANIFEST, in name order.
std::vector<std::string> logs_in(const std::string& path) {
  std::vector<std::string> names;
  std::error_code code;
  for (std::filesystem::directory_iterator it(path, code), end; !code && it != end;
       it.increment(code)) {
    const auto name = it->path().filename().string();
    if (it->path().extension() == ".log" || name.starts_with("MANIFEST-"))
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

error open_failure(const std::string& path, const rocksdb::Status& s) {
  const std::string text = s.ToString();
  const bool here = text.find("lock hold by current process") != std::string::npos;
  if (s.IsIOError() && (here || text.find("/LOCK: ") != std::string::npos)) {
    const pid_t pid = here ? ::getpid() : lock_holder(path);
    if (pid != 0)
      return {ec::unavailable, path + ": another shoal runs here (pid " + std::to_string(pid)
                                   + "); stop it, or choose another data_dir"};
  }
  // RocksDB names the table file of a bad block, but not the log of a bad record.
  if (s.IsCorruption() && text.find(".sst") == std::string::npos) {
    std::string names;
    for (const auto& name : logs_in(path))
      names += (names.empty() ? "one of " : ", ") + name;
    return failure(path, rocksdb::Status::Corruption(names + ": " + text));
  }
  // A file that is gone is damage as much as one that changed.
  if (s.IsIOError() && text.find("No such file") != std::string::npos)
    return failure(path, rocksdb::Status::Corruption(text));
  if (s.IsInvalidArgument() && text.find("olumn famil") != std::string::npos)
    return {ec::unknown_version, path + ": has column families that format "
                                     + std::to_string(store_format) + " does not know (" + text
                                     + "); use the newer shoal that wrote it"};
  return failure(path, s);
}

/// What a kill left half done, before RocksDB opens: with the lock that it will take, for what is
/// half done may be another process's.
status settle_files(const std::string& path) {
  auto& files = *rocksdb::FileSystem::Default();
  rocksdb::FileLock* lock = nullptr;
  const auto locked = files.LockFile(path + "/LOCK", {}, &lock, nullptr);
  if (!locked.ok())
    return open_failure(path, locked);
  auto settled = settle_log_ends(path);
  remove_unfinished_tables(path);
  static_cast<void>(files.UnlockFile(lock, {}, nullptr)); // or DB::Open says that it is locked
  if (!settled && settled.err().code == ec::corrupt)
    return failure(path, rocksdb::Status::Corruption(settled.err().message));
  return settled;
}

/// Walks RocksDB's iterator; `keep` is the engine and, for a snapshot, the snapshot.
class rocks_cursor final : public kv_cursor {
public:
  rocks_cursor(std::shared_ptr<const void> keep, const std::string& path, rocksdb::Iterator* it)
      : keep_(std::move(keep)), path_(path), it_(it) {}

  void seek(std::string_view key) override { it_->Seek(slice(key)); }
  bool valid() const override { return it_->Valid(); }
  void next() override { it_->Next(); }
  std::string_view key() const override { return view(it_->key()); }
  std::string_view value() const override { return view(it_->value()); }
  status state() const override {
    const auto s = it_->status();
    return s.ok() ? success() : status(failure(path_, s));
  }

private:
  std::shared_ptr<const void> keep_;
  const std::string& path_; // the engine's
  std::unique_ptr<rocksdb::Iterator> it_;
};

using engine_ptr = std::shared_ptr<rocks_store::engine>;

result<std::optional<std::string>> get_from(const rocks_store::engine& e,
                                            const rocksdb::ReadOptions& how, family f,
                                            std::string_view key) {
  std::string value;
  const auto s = e.db->Get(how, e.handle(f), slice(key), &value);
  if (s.IsNotFound())
    return std::optional<std::string>();
  if (!s.ok())
    return failure(e.path, s);
  return std::optional(std::move(value));
}

result<std::vector<std::optional<std::string>>> get_many_from(const rocks_store::engine& e,
                                                              const rocksdb::ReadOptions& how,
                                                              family f,
                                                              std::span<const std::string> keys) {
  const std::vector<rocksdb::Slice> names(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> said(keys.size());
  constexpr bool ascending = true;
  e.db->MultiGet(how, e.handle(f), names.size(), names.data(), values.data(), said.data(),
                 ascending);
  std::vector<std::optional<std::string>> out(keys.size());
  for (size_t i = 0; i < keys.size(); ++i)
    if (said[i].ok())
      out[i] = values[i].ToString();
    else if (!said[i].IsNotFound())
      return failure(e.path, said[i]);
  return out;
}

class rocks_snapshot final : public kv_view, public std::enable_shared_from_this<rocks_snapshot> {
public:
  explicit rocks_snapshot(engine_ptr e) : engine_(std::move(e)), pinned_(engine_->db.get()) {
    how_.snapshot = pinned_.snapshot();
  }
  result<std::optional<std::string>> get(family f, std::string_view key) const override {
    return get_from(*engine_, how_, f, key);
  }
  std::unique_ptr<kv_cursor> cursor(family f) const override {
    return std::make_unique<rocks_cursor>(shared_from_this(), engine_->path,
                                          engine_->db->NewIterator(how_, engine_->handle(f)));
  }

private:
  engine_ptr engine_;
  rocksdb::ManagedSnapshot pinned_;
  rocksdb::ReadOptions how_ = scanning();
};

/// Through the write-ahead log.
rocksdb::Status write(const rocks_store::engine& e, const kv_batch& batch, size_t bytes) {
  // No record of the log ends in zeros (rocks_log_file.hpp).
  auto out = write_batch_of(batch, e.families, "\xff", bytes);
  rocksdb::WriteOptions how;
  how.sync = true;
  return e.db->Write(how, &out);
}

/// Refuses a format that is not known; a new or older database gets this one's version.
status settle_format(rocks_store::engine& e) {
  const auto make_own = [&e]() -> status {
    rocksdb::WriteOptions how;
    how.sync = true;
    const auto s = e.db->Put(how, e.handle(family::meta), format_key, std::to_string(store_format));
    return s.ok() ? success() : status(failure(e.path, s));
  };
  auto stored = get_from(e, {}, family::meta, format_key);
  if (!stored)
    return stored.err();
  if (!*stored) {
    for (size_t i = 0; i < family_count; ++i) {
      const std::unique_ptr<rocksdb::Iterator> it(e.db->NewIterator(scanning(), e.families[i]));
      it->SeekToFirst();
      if (!it->status().ok())
        return failure(e.path, it->status());
      if (it->Valid())
        return failure(e.path,
                       rocksdb::Status::Corruption("it has records, but no format version"));
    }
    return make_own();
  }
  uint32_t version = 0;
  const char* end = (*stored)->data() + (*stored)->size();
  const auto parsed = std::from_chars((*stored)->data(), end, version);
  if (parsed.ec != std::errc{} || parsed.ptr != end || version == 0)
    return failure(e.path, rocksdb::Status::Corruption("its format version is '" + **stored + "'"));
  if (version >= oldest_format && version <= store_format)
    return version == store_format ? success() : make_own();
  return error{ec::unknown_version,
               e.path + ": written in format " + std::to_string(version)
                   + ", this shoal knows format " + std::to_string(store_format)
                   + (version > store_format ? "; use a newer shoal" : "; use an older shoal")};
}

} // namespace

result<std::unique_ptr<rocks_store>> rocks_store::open(const std::string& path,
                                                       const rocks_options& options) {
  const auto found = look_into(path);
  if (found == contents::remains)
    return failure(path, rocksdb::Status::Corruption("data files, but no file CURRENT"));
  if (found == contents::nothing && !options.create)
    return error{ec::not_found, path + ": no library is stored here"};
  if (auto made = make_directory(path); !made)
    return made.err();
  if (auto settled = settle_files(path); !settled)
    return settled.err();
  if (auto room = room_to_replay(path); !room)
    return room.err();
  const tables_before before(path);
  // Its last owner's thread closes the database, which takes a while; who waits for that must not
  // be told when it begins.
  auto e = std::shared_ptr<engine>(new engine, [](engine* last) {
    const auto alive = std::move(last->alive);
    delete last;
  });
  e->path = path;
  e->memory = options.memory ? options.memory : make_rocks_memory();
  std::vector<rocksdb::ColumnFamilyDescriptor> wanted;
  for (size_t i = 0; i < family_count; ++i)
    wanted.emplace_back(family_name(static_cast<family>(i)),
                        family_options(static_cast<family>(i), *e->memory));
  auto how = database_options(options, *e->memory);
  how.env = e->env.get();
  rocksdb::DB* db = nullptr;
  const auto s = rocksdb::DB::Open(how, path, wanted, &e->families, &db);
  if (!s.ok()) {
    if (lacks_room(s))
      before.remove_others();
    return open_failure(path, s);
  }
  e->db.reset(db);
  if (auto ok = settle_format(*e); !ok)
    return ok.err();
  return std::unique_ptr<rocks_store>(new rocks_store(std::move(e)));
}

rocks_store::~rocks_store() = default;

result<std::optional<std::string>> rocks_store::get(family f, std::string_view key) const {
  return get_from(*engine_, {}, f, key);
}

std::unique_ptr<kv_cursor> rocks_store::cursor(family f) const {
  return std::make_unique<rocks_cursor>(engine_, engine_->path,
                                        engine_->db->NewIterator(scanning(), engine_->handle(f)));
}

result<std::vector<std::optional<std::string>>>
rocks_store::get_many(family f, std::span<const std::string> keys) const {
  return get_many_from(*engine_, {}, f, keys);
}

std::unique_ptr<kv_cursor> rocks_store::prefix_cursor(family f) const {
  rocksdb::ReadOptions how;
  how.prefix_same_as_start = true;
  return std::make_unique<rocks_cursor>(engine_, engine_->path,
                                        engine_->db->NewIterator(how, engine_->handle(f)));
}

std::shared_ptr<const kv_view> rocks_store::snapshot() const {
  return std::make_shared<rocks_snapshot>(engine_);
}

static void plan_merges(rocks_store::engine& e, size_t names, bool ingested) {
  const auto at = e.pace.after(std::chrono::steady_clock::now(), names, ingested, e.names_known);
  if (at == e.merged_at)
    return;
  if (e.db->SetOptions(e.handle(family::owned),
                       {{"level0_file_num_compaction_trigger", std::to_string(at)}})
          .ok())
    e.merged_at = at; // else the next commit tries again
}

void rocks_store::names_are_known(bool known) { engine_->names_known = known; }

std::optional<std::chrono::seconds> rocks_store::rest() {
  if (engine_->closed || engine_->failed)
    return std::nullopt;
  if (engine_->merged_at != tables_merged_at)
    plan_merges(*engine_, 0, false);
  if (engine_->merged_at == tables_merged_at)
    return std::nullopt;
  return merge_pace::rest;
}

status rocks_store::commit(const kv_batch& batch) {
  if (engine_->closed)
    return error{ec::unavailable, engine_->path + ": is closed; open it again to write"};
  if (engine_->failed)
    return error{
        ec::outcome_unknown,
        engine_->path
            + ": an earlier write failed to reach the disk; open the library again to write"};
  size_t bytes = 0;
  size_t names = 0;
  for (const auto& w : batch) {
    bytes += w.key.size() + (w.value ? w.value->size() : 0) + 16;
    names += w.where == family::owned;
  }
  const bool large = worth_ingesting(*engine_->db, batch, bytes);
  const auto s =
      large ? ingest(*engine_->db, engine_->families, engine_->path, batch, *engine_->files)
            : write(*engine_, batch, bytes);
  if (s.ok()) {
    plan_merges(*engine_, names, large);
    return success();
  }
  // Reported as unknown even where RocksDB refused early: after EIO the kernel may have dropped or
  // kept the pages.
  engine_->out_of_room = lacks_room(s);
  engine_->failed = true;
  if (s.IsCorruption()) // met by a compaction: this store is of no use any more, opened again or
                        // not
    return failure(engine_->path, s);
  return error{ec::outcome_unknown, engine_->path
                                        + ": the write may or may not have reached the disk ("
                                        + s.ToString() + "); open the library again to write"};
}

bool rocks_store::ran_out_of_room() const { return engine_->out_of_room; }

std::weak_ptr<const void> rocks_store::in_use() const { return engine_->alive; }

status rocks_store::close() {
  if (engine_->closed.exchange(true))
    return success();
  if (engine_->failed)
    return success(); // a flush could turn the unknown outcome into another
  rocksdb::FlushOptions how;
  how.wait = true;
  const auto s = engine_->db->Flush(how, engine_->families);
  return s.ok() ? success() : status(failure(engine_->path, s));
}

} // namespace shoal
