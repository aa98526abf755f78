#pragma once
// A node of a devcluster as a process: how it is started, found again and stopped. Its folder holds
// shoal.toml, shoal.log and, while it runs, run/endpoints.json.

#include "messages/error.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace shoal::cli {

/// What a running node says about itself.
struct endpoints {
  pid_t pid = 0;
  std::string device;
  std::string listen;
  std::string api;
};

/// Of the node that runs in this folder now. Nothing when none does, also when a node that was
/// killed left its endpoints.json behind and another process has its pid.
std::optional<endpoints> running_in(const std::filesystem::path& dir);

/// Starts this very program as a node in the background: its own session, output appended to
/// shoal.log.
result<pid_t> start_node(const std::filesystem::path& dir);

/// Waits until the child accepts work. An error says what the log's last line says when it ended
/// instead.
result<endpoints> await_start(const std::filesystem::path& dir, pid_t child,
                              std::chrono::steady_clock::time_point deadline);

/// Sends SIGTERM to those children that have not ended, and waits until they have or patience is at
/// its end.
void end_children(const std::vector<pid_t>& children, std::chrono::milliseconds patience);

/// Sends SIGTERM to every node that runs in these folders and waits until they have ended. Returns
/// those folders whose node was still there at the deadline.
std::vector<std::filesystem::path> stop_nodes(const std::vector<std::filesystem::path>& dirs,
                                              std::chrono::milliseconds patience);

} // namespace shoal::cli
