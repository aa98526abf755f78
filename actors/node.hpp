#pragma once
// The daemon: what `shoal run` runs.

#include "config/options.hpp"
#include "store/models/registry.hpp"

namespace shoal {

/// `models`: what the options declare, made by models::make_registry. Runs a node until SIGTERM or
/// SIGINT and returns the process's exit code: 0 after an orderly stop, 78 for what the
/// configuration has wrong, 1 for a store that cannot be opened, 75 after a failed sync
/// or for a disk that is full. Takes over the process: call from main, before any other thread
/// runs.
int run_node(const config::options& options, models::registry models);

} // namespace shoal
