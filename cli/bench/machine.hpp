#pragma once
// What a figure was measured on.

#include "cli/client/json.hpp"

#include <filesystem>

namespace shoal::cli::bench {

/// {"cpus","cpu","memory_mib","kernel","disk","load"}; `disk` is the kind of file system that holds
/// `folder`, `load` the mean of the last minute before the bench began.
json this_machine(const std::filesystem::path& folder);

} // namespace shoal::cli::bench
