#pragma once
// Opening a store on a disk without room. An opening writes the log of the one before into table
// files; one that fails half way leaves those behind, and with each further try takes more of what
// little room there is.

#include "messages/error.hpp"

#include <set>
#include <string>

namespace shoal {

/// ec::disk_full when the disk has less room than the logs to replay take.
status room_to_replay(const std::string& path);

/// The table files of a store before an opening.
class tables_before {
public:
  explicit tables_before(const std::string& path);
  /// The opening has failed: removes what it made. Nothing, once the store refers to it: when
  /// CURRENT, or the MANIFEST that it names, is not what it was.
  void remove_others() const;

private:
  std::string manifest() const;

  std::string path_;
  std::set<std::string> names_;
  std::string manifest_; // name, size
};

} // namespace shoal
