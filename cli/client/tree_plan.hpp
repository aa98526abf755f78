#pragma once
// What must be written so that the entry records of a location say what a scan found. Pure: no
// HTTP, no files.

#include "cli/client/json.hpp"
#include "cli/client/tree_scan.hpp"
#include "messages/ids.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace shoal::cli {

/// An entry record that the node holds. About 120 bytes and its name.
struct present_entry {
  record_id id;
  record_id parent; // nil: none
  entry_facts facts;
  bool extension_right = false; // the record's extension is that of its name
  std::string name;
};

/// Reads an entry record as the node lists it; nothing when it is of another location, deleted, or
/// has no kind that this program writes.
std::optional<present_entry> read_entry(const json& record, const record_id& location);

struct tree_plan {
  static constexpr uint32_t none = UINT32_MAX;

  std::vector<record_id> ids;    // of each scanned entry
  std::vector<uint32_t> present; // the record of each scanned entry, or `none`: it is new
  std::vector<uint32_t> writes;  // scanned entries that differ from their record, parents first
  /// Records of what vanished, only the topmost: deleting one takes what is below it. To be deleted
  /// after all writes, because things may have moved out.
  std::vector<record_id> removals;
  uint64_t added = 0;
  uint64_t moved = 0;   // another name or parent
  uint64_t changed = 0; // other facts only
  uint64_t removed = 0; // all that vanished

  bool empty() const { return writes.empty() && removals.empty(); }
};

/// Finds each scanned entry's record: at the same place with the same inode; else anywhere with the
/// same inode, kind and time of creation (it moved); else at the same place with the same kind (it
/// was replaced). What is below a directory that could not be read is left alone: it is not known
/// to be gone. `root` is the location's root entry, nil when it has none yet; `fresh_id` makes an
/// id for a new entry.
tree_plan make_plan(const scanned_tree& scan, const std::vector<present_entry>& present,
                    const record_id& root, const std::function<record_id()>& fresh_id);

/// The batch op that writes scanned entry `index`: all fields of a new one, the differing ones of
/// another (null where the file system no longer says).
json entry_op(const scanned_tree& scan, const std::vector<present_entry>& present,
              const tree_plan& plan, uint32_t index, const record_id& location);

/// A random uuid (version 4).
record_id random_record_id();

} // namespace shoal::cli
