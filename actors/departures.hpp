#pragma once
// Libraries that this device has left. A note of each stays in DATA_DIR/left: a library that is
// named in shoal.toml must not come back by itself with the next start, and the others must hear
// of a leave that nobody was there to be told of, else they would count this device for ever.

#include "actors/library_folder.hpp"

namespace shoal {

struct departure {
  library_id id;
  std::string name;
  /// Of this device's removal. 0: it was never a member.
  uint64_t generation = 0;
  bool told = false; // a member holds the removal durably, and will pass it on
  uint64_t left_ms = 0;
  std::map<device_id, std::string> contacts; // the members, and where to dial them
};

/// All notes. One that cannot be read is an error: what it forbids would happen else.
result<std::vector<departure>> find_departures(const std::filesystem::path& data_dir);
/// Durable.
status keep_departure(const std::filesystem::path& data_dir, const departure& d);
status forget_departure(const std::filesystem::path& data_dir, const library_id& id);
/// For any thread.
bool has_left(const std::filesystem::path& data_dir, const library_id& id);

} // namespace shoal
