// backup and restore: a library as one file.

#include "actors/high_water.hpp"
#include "actors/library_folder.hpp"
#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "cli/local_commands.hpp"
#include "config/options.hpp"
#include "store/backup.hpp"
#include "store/rocks_store.hpp"
#include "store/sync/replica.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <ostream>
#include <sys/file.h>
#include <unistd.h>

namespace shoal::cli {

namespace {

namespace fs = std::filesystem;

constexpr size_t commit_bytes = size_t{4} << 20;

error failed(const std::string& what, const fs::path& path) {
  return {ec::disk, what + " " + path.string() + ": " + std::strerror(errno)
                        + "; use a folder you may write to, with room left"};
}

status sync_folder(const fs::path& dir) {
  const int fd = ::open(dir.empty() ? "." : dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0)
    ::close(fd);
  return done ? success() : status(failed("cannot sync", dir));
}

/// A file under another name until it is whole; removed if that never comes.
class unfinished_file {
public:
  explicit unfinished_file(const fs::path& final)
      : final_(final), path_(final.string() + ".part-" + std::to_string(::getpid())),
        fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {}
  unfinished_file(const unfinished_file&) = delete;
  unfinished_file& operator=(const unfinished_file&) = delete;
  ~unfinished_file() {
    const bool made = fd_ >= 0;
    if (made)
      ::close(fd_);
    if (made && !finished_)
      ::unlink(path_.c_str());
  }

  const fs::path& path() const { return path_; }
  bool is_open() const { return fd_ >= 0; }
  bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  /// Gives it its name, unless something has that by now.
  status finish() {
    if (::fsync(fd_) != 0)
      return failed("cannot sync", path_);
    // Not over a file that came meanwhile; a file system without links cannot promise that.
    const bool linked = ::link(path_.c_str(), final_.c_str()) == 0;
    if (linked)
      ::unlink(path_.c_str());
    else if ((errno != EPERM && errno != EOPNOTSUPP)
             || ::rename(path_.c_str(), final_.c_str()) != 0)
      return failed("cannot name", final_);
    finished_ = true;
    return sync_folder(final_.parent_path());
  }

private:
  fs::path final_;
  fs::path path_;
  int fd_;
  bool finished_ = false;
};

void back_up(context& ctx, const std::string& library, const fs::path& file) {
  auto* node = ctx.node();
  if (!node)
    return;
  std::error_code unknown;
  if (fs::exists(file, unknown))
    return ctx.fail(exit_no, "conflict: " + file.string()
                                 + " is there already and is never overwritten; name another file");
  unfinished_file out(file);
  if (!out.is_open())
    return ctx.fail(exit_no, failed("cannot make", out.path()).message);
  bool written = true;
  const auto got = node->stream(library_path(library, {"backup"}), [&](std::string_view piece) {
    written = out.write(piece);
    return written;
  });
  if (!written)
    return ctx.fail(exit_no, failed("cannot write", out.path()).message);
  if (!got)
    return ctx.fail(got.err());
  if (!got->ok())
    return ctx.fail(exit_no, got->problem());
  // As it is on disk, before it has its name: a backup that cannot be read is none.
  backup_header about;
  const auto entries = read_backup(
      out.path(),
      [&](const backup_header& h) {
        about = h;
        return success();
      },
      [](const backup_entry&) { return success(); });
  if (!entries)
    return ctx.fail(exit_no, entries.err().message);
  const auto bytes = fs::file_size(out.path(), unknown);
  if (auto done = out.finish(); !done)
    return ctx.fail(exit_no, done.err().message);
  print_object(ctx, json{{"file", file.string()},
                         {"library", to_string(about.library)},
                         {"name", about.name},
                         {"entries", *entries},
                         {"bytes", bytes}});
}

/// A data directory of its own beside the libraries, until its library can be moved among them.
class restoring {
public:
  explicit restoring(const fs::path& data_dir)
      : data_dir_(data_dir), scratch_(data_dir / "restoring") {}
  restoring(const restoring&) = delete;
  restoring& operator=(const restoring&) = delete;
  ~restoring() {
    store_.reset();
    std::error_code ignored;
    if (begun_)
      fs::remove_all(scratch_, ignored);
    if (lock_ >= 0)
      ::close(lock_);
  }

  status begin(const backup_header& about) {
    about_ = about;
    final_ = library_folder(data_dir_, about.library);
    std::error_code unknown;
    if (fs::exists(final_, unknown))
      return {ec::conflict, "library " + about.name + " is in " + final_.string()
                                + " already and is never overwritten; leave it first, or name "
                                  "another data directory"};
    fs::create_directories(data_dir_, unknown);
    // The one that a node holds while it runs.
    lock_ = ::open((data_dir_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_ < 0)
      return failed("cannot make", data_dir_ / "lock");
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0)
      return {ec::unavailable,
              "a node runs on " + data_dir_.string() + "; stop it, and start it again afterwards"};
    fs::remove_all(scratch_, unknown); // of one that was killed
    begun_ = fs::create_directory(scratch_, unknown);
    if (!begun_)
      return {ec::disk, "cannot make " + scratch_.string() + ": " + unknown.message()};
    auto opened = rocks_store::open((library_folder(scratch_, about.library) / "db").string());
    if (!opened)
      return opened.err();
    store_ = std::move(*opened);
    return success();
  }

  status take(const backup_entry& e) {
    batch_.push_back({e.where, std::string(e.key), std::string(e.value)});
    bytes_ += e.key.size() + e.value.size();
    return bytes_ < commit_bytes ? success() : flush();
  }

  /// Everything is read: makes it a library of that data directory.
  status finish() {
    if (auto written = flush(); !written)
      return written;
    auto data = replica::open(*store_, about_.device, {});
    if (!data)
      return data.err();
    library_entry entry;
    entry.id = about_.library;
    entry.name = about_.name;
    entry.stored = true;
    const auto& members = (*data)->members();
    entry.contacts = contacts_of(members, about_.device);
    if (const auto self = members.find(about_.device); self != members.end())
      entry.generation = self->second.generation;
    auto newest = (*data)->last_stamp();
    data->reset();
    if (auto closed = store_->close(); !closed)
      return closed;
    store_.reset();
    if (auto kept = remember_library(scratch_, entry); !kept)
      return kept;
    // Higher than all it holds: the node knows that it is an older copy, and asks its peers for
    // what it wrote since, before it takes its records for all there is.
    const auto mark_file = high_water::file_of(data_dir_, about_.library);
    high_water mark(mark_file);
    ++newest.wall_ms;
    if (const auto before = mark.read(); before && newest < *before)
      newest = *before;
    mark.reached(newest);
    if (auto marked = mark.settle(0); !marked)
      return marked;
    std::error_code problem;
    fs::create_directories(final_.parent_path(), problem);
    ::rename(library_folder(scratch_, about_.library).c_str(), final_.c_str());
    if (!fs::exists(final_ / "library.json", problem))
      return failed("cannot make", final_);
    return sync_folder(final_.parent_path());
  }

  const backup_header& about() const { return about_; }

private:
  status flush() {
    bytes_ = 0;
    return batch_.empty() ? success() : store_->commit(std::exchange(batch_, {}));
  }

  fs::path data_dir_;
  fs::path scratch_;
  fs::path final_;
  backup_header about_;
  int lock_ = -1;
  bool begun_ = false;
  std::unique_ptr<rocks_store> store_;
  kv_batch batch_;
  size_t bytes_ = 0;
};

void restore(context& ctx, const fs::path& file, fs::path data_dir) {
  if (data_dir.empty()) {
    const auto named = config_file(ctx);
    if (named.empty())
      return;
    const auto opts = config::load(named, config::process_environment());
    if (!opts)
      return ctx.fail(opts.err());
    data_dir = opts->node.data_dir;
  }
  restoring into(data_dir);
  const auto entries = read_backup(
      file, [&](const backup_header& h) { return into.begin(h); },
      [&](const backup_entry& e) { return into.take(e); });
  if (!entries)
    return ctx.fail(exit_no,
                    std::string(to_string(entries.err().code)) + ": " + entries.err().message);
  if (auto done = into.finish(); !done)
    return ctx.fail(exit_no, std::string(to_string(done.err().code)) + ": " + done.err().message);
  print_object(ctx, json{{"library", to_string(into.about().library)},
                         {"name", into.about().name},
                         {"entries", *entries},
                         {"made", into.about().made_ms},
                         {"data_dir", data_dir.string()}});
  ctx.err << "Restored. The node takes it up at its next start." << std::endl;
}

} // namespace

void add_backup_commands(CLI::App& app, context& ctx) {
  struct words_type {
    std::string library;
    std::string file;
    std::string data_dir;
  };
  const auto words = std::make_shared<words_type>();
  auto* out = app.add_subcommand("backup", "Write a library into one file, while it is in use");
  out->add_option("LIB", words->library, "the library's name or id")->required();
  out->add_option("FILE", words->file, "a file that is not there yet")->required();
  out->callback([&ctx, words] { back_up(ctx, words->library, words->file); });

  auto* in = app.add_subcommand("restore", "Put a library from a backup into a data directory");
  in->add_option("FILE", words->file, "what backup wrote")->required();
  in->add_option("--data-dir", words->data_dir,
                 "the node's data directory; default: that of --config FILE")
      ->type_name("DIR");
  in->callback([&ctx, words] { restore(ctx, words->file, words->data_dir); });
}

} // namespace shoal::cli
