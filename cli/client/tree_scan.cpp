#include "cli/client/tree_scan.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

namespace shoal::cli {

namespace {

struct close_dir {
  void operator()(DIR* d) const { closedir(d); }
};
using open_dir = std::unique_ptr<DIR, close_dir>;

constexpr uint64_t entries_max = scanned_entry::no_parent - 1;
constexpr uint64_t progress_every = 1024;

int64_t millis(const struct statx_timestamp& t) { return t.tv_sec * 1000 + t.tv_nsec / 1'000'000; }

entry_kind kind_of(mode_t mode) {
  if (S_ISDIR(mode))
    return entry_kind::directory;
  return S_ISLNK(mode) ? entry_kind::symlink : entry_kind::file;
}

/// The facts of `name` in the open directory `at`, or errno.
int look_at(int at, const char* name, int flags, entry_facts& facts) {
  struct statx found {};
  if (statx(at, name, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, &found) != 0)
    return errno;
  facts.kind = kind_of(found.stx_mode);
  facts.permissions = found.stx_mode & 07777U;
  if (facts.kind != entry_kind::directory) // a directory's size is its file system's own affair
    facts.size = static_cast<int64_t>(found.stx_size);
  facts.modified_at = millis(found.stx_mtime);
  facts.inode = static_cast<int64_t>(found.stx_ino);
  if ((found.stx_mask & STATX_BTIME) != 0)
    facts.created_at = millis(found.stx_btime);
  return 0;
}

entry_kind kind_of_listed(unsigned char type) {
  if (type == DT_DIR)
    return entry_kind::directory;
  return type == DT_LNK ? entry_kind::symlink : entry_kind::file;
}

/// The length of the UTF-8 character that begins `text`, 0 when there is none: no overlong forms,
/// no surrogates.
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80)
    return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0U) != 0x80U)
      return 0;
  const unsigned second = byte(1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0;
  const bool beyond = first == 0xF4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : length;
}

/// Opens a directory by a path of any length: one beyond PATH_MAX is opened in pieces.
int open_directory(const std::string& path, int flags) {
  constexpr size_t piece_max = 4000; // below PATH_MAX, 4096; a component has at most 255 bytes
  int at = AT_FDCWD;
  size_t from = 0;
  while (path.size() - from > piece_max) {
    const size_t slash = path.rfind('/', from + piece_max);
    const int next =
        openat(at, path.substr(from, slash - from).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int why = errno;
    if (at != AT_FDCWD)
      close(at);
    if (next < 0) {
      errno = why;
      return -1;
    }
    at = next;
    from = slash + 1;
  }
  const int fd = openat(at, path.c_str() + from, flags);
  const int why = errno;
  if (at != AT_FDCWD)
    close(at);
  errno = why;
  return fd;
}

/// One scan. A directory is listed whole before any other, so a single one is open at a time,
/// however deep the tree, and children stand behind their parent.
class scan {
public:
  scan(const scan_watch& watch, std::string root) : watch_(watch), root_(std::move(root)) {}

  result<scanned_tree> run() {
    scanned_entry root;
    if (const int failed = look_at(AT_FDCWD, root_.c_str(), 0, root.facts))
      return {ec::not_found, root_ + " cannot be read: " + std::strerror(failed)};
    if (root.facts.kind != entry_kind::directory)
      return {ec::not_found, root_ + " is not a directory; index takes the root of a tree"};
    root.name = text_of_name(std::filesystem::path(root_).filename().string());
    if (root.name.empty())
      root.name = "/";
    tree_.entries.push_back(std::move(root));
    open_.push_back({0, root_});
    while (!open_.empty()) {
      auto [index, path] = std::move(open_.back());
      open_.pop_back();
      if (auto listed = list(index, path); !listed)
        return listed.err();
    }
    tree_.entries.shrink_to_fit();
    return std::move(tree_);
  }

private:
  struct directory {
    uint32_t index = 0;
    std::string path; // as bytes
  };

  void unreadable(scanned_entry& entry, const std::string& path, int why) {
    entry.unreadable = true;
    ++tree_.unreadable;
    if (watch_.unreadable)
      watch_.unreadable(path, std::strerror(why));
  }

  status list(uint32_t index, const std::string& path) {
    // O_NOFOLLOW: a directory that was swapped for a link meanwhile must not lead the scan
    // elsewhere.
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (index == 0 ? 0 : O_NOFOLLOW);
    const int fd = open_directory(path, flags);
    if (fd < 0) {
      unreadable(tree_.entries[index], path, errno);
      return success();
    }
    open_dir dir(fdopendir(fd));
    if (!dir) {
      const int why = errno;
      close(fd);
      unreadable(tree_.entries[index], path, why);
      return success();
    }
    int64_t children = 0;
    while (true) {
      errno = 0;
      const dirent* found = readdir(dir.get());
      if (!found) {
        if (errno != 0)
          unreadable(tree_.entries[index], path, errno);
        break;
      }
      if (std::strcmp(found->d_name, ".") == 0 || std::strcmp(found->d_name, "..") == 0)
        continue;
      if (tree_.entries.size() >= entries_max)
        return {ec::too_big, root_ + " holds more than " + std::to_string(entries_max)
                                 + " entries; index its folders one by one"};
      if (add(index, path, fd, *found))
        ++children;
    }
    if (!tree_.entries[index].unreadable)
      tree_.entries[index].facts.child_count = children;
    return success();
  }

  /// False when it vanished before it could be looked at.
  bool add(uint32_t parent, const std::string& path, int at, const dirent& found) {
    scanned_entry entry;
    entry.parent = parent;
    entry.name = text_of_name(found.d_name);
    const int failed = look_at(at, found.d_name, AT_SYMLINK_NOFOLLOW, entry.facts);
    if (failed == ENOENT)
      return false;
    const auto below = [&] { return (path.back() == '/' ? path : path + '/') + found.d_name; };
    if (failed != 0) {
      entry.facts.kind = kind_of_listed(found.d_type);
      unreadable(entry, below(), failed);
    } else if (entry.facts.kind == entry_kind::directory) {
      open_.push_back({static_cast<uint32_t>(tree_.entries.size()), below()});
    } else if (entry.facts.kind == entry_kind::file) {
      ++tree_.files;
      tree_.bytes += static_cast<uint64_t>(entry.facts.size);
    }
    tree_.entries.push_back(std::move(entry));
    if (watch_.progress && tree_.entries.size() % progress_every == 0)
      watch_.progress(tree_.entries.size());
    return true;
  }

  const scan_watch& watch_;
  std::string root_;
  scanned_tree tree_;
  std::vector<directory> open_; // still to be listed
};

} // namespace

std::string_view to_string(entry_kind kind) {
  switch (kind) {
  case entry_kind::file: return "file";
  case entry_kind::directory: return "directory";
  case entry_kind::symlink: return "symlink";
  }
  return "file";
}

result<scanned_tree> scan_tree(const std::filesystem::path& root, const scan_watch& watch) {
  return scan(watch, root.string()).run();
}

std::string text_of_name(std::string_view name) {
  static constexpr char digits[] = "0123456789ABCDEF";
  bool whole = true;
  for (size_t i = 0; whole && i < name.size();) {
    const size_t length = character_length(name.substr(i));
    whole = length > 0;
    i += length;
  }
  if (whole)
    return std::string(name);
  std::string out;
  for (size_t i = 0; i < name.size();) {
    const size_t length = character_length(name.substr(i));
    if (length == 0 || name[i] == '%') {
      const auto byte = static_cast<unsigned char>(name[i++]);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += name.substr(i, length);
      i += length;
    }
  }
  return out;
}

std::string extension_of(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size())
    return {};
  std::string out(name.substr(dot + 1));
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

} // namespace shoal::cli
