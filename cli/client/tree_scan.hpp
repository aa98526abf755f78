#pragma once
// Reading a directory tree, once, into a compact list. No HTTP, no records: tree_plan.hpp compares.

#include "messages/error.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::cli {

/// Sockets, fifos and devices count as files.
enum class entry_kind : uint8_t { file, directory, symlink };
std::string_view to_string(entry_kind kind);

/// What is recorded of a file, apart from its name and place. Times in ms since 1970; `unknown`
/// where the file system does not say.
struct entry_facts {
  static constexpr int64_t unknown = INT64_MIN;

  entry_kind kind = entry_kind::file;
  uint32_t permissions = no_permissions; // the low 12 bits of st_mode
  int64_t size = unknown;                // bytes
  int64_t modified_at = unknown;
  int64_t created_at = unknown;
  int64_t inode = unknown;
  int64_t child_count = unknown; // of a directory that could be read

  static constexpr uint32_t no_permissions = UINT32_MAX;
  bool operator==(const entry_facts&) const = default;
};

/// One file of the tree. A tree of a million files needs about 100 MiB.
struct scanned_entry {
  static constexpr uint32_t no_parent = UINT32_MAX;

  uint32_t parent = no_parent; // index into scanned_tree::entries; only the root has none
  bool unreadable =
      false; // a directory that could not be listed, or a file that could not be looked at
  entry_facts facts;
  std::string name; // text_of_name() of its last component
};

struct scanned_tree {
  std::vector<scanned_entry> entries; // the root first, every parent before its children
  uint64_t files = 0;                 // of kind file
  uint64_t bytes = 0;                 // of those
  uint64_t unreadable = 0;
};

struct scan_watch {
  /// Called for each path that could not be read, with the reason; the scan goes on.
  std::function<void(const std::string& path, const std::string& why)> unreadable;
  /// Called now and then with the number of entries so far.
  std::function<void(uint64_t)> progress;
};

/// Scans the directory `root` and all below it. Links are recorded and not followed; other file
/// systems mounted below are scanned as well. What vanishes while it is looked at is left out.
/// ec::not_found: `root` is no directory or cannot be looked at; ec::too_big: more than 2^32 - 2
/// entries.
result<scanned_tree> scan_tree(const std::filesystem::path& root, const scan_watch& watch);

/// A name as text: bytes that are not UTF-8 become %XX, and then % itself %25, so that no two names
/// of one folder look alike.
std::string text_of_name(std::string_view name);

/// The extension of a file's name: lower case (ASCII letters only), without the dot; empty when
/// there is none, as in `.profile` and `name.`.
std::string extension_of(std::string_view name);

} // namespace shoal::cli
