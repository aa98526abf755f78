#include "cli/lab.hpp"

#include "cli/local_commands.hpp"
#include "cli/node_process.hpp"
#include "config/limits.hpp"

#include <optional>

namespace shoal::cli {

using std::filesystem::path;

path node_dir(const path& dir, size_t n) { return dir / ("node-" + std::to_string(n + 1)); }

std::vector<path> nodes_in(const path& dir) {
  std::vector<path> out;
  std::error_code ignored;
  while (std::filesystem::exists(node_dir(dir, out.size()) / "shoal.toml", ignored))
    out.push_back(node_dir(dir, out.size()));
  return out;
}

status make_lab(const lab_plan& plan) {
  auto reserved = port_reservation::take(plan.nodes * 2);
  if (!reserved)
    return reserved.err();
  const auto library = random_uuid();
  if (!library)
    return library.err();
  std::vector<new_node> nodes;
  std::vector<planned_node> planned;
  for (size_t n = 0; n < plan.nodes; ++n) {
    const auto& ports = reserved->ports();
    const auto at = [](uint16_t port) { return "127.0.0.1:" + std::to_string(port); };
    nodes.push_back({node_dir(plan.dir, n),
                     "node-" + std::to_string(n + 1),
                     at(ports[2 * n]),
                     at(ports[2 * n + 1]),
                     {}});
    const auto device = prepare_node(nodes.back());
    if (!device)
      return device.err();
    planned.push_back({*device, ports[2 * n]});
  }
  for (size_t n = 0; n < plan.nodes; ++n) {
    nodes[n].more = library_text(planned, n, plan.shape, *library, plan.library);
    if (auto done = finish_node(nodes[n]); !done)
      return done;
  }
  return success();
}

result<std::vector<started_node>> start_lab(const std::vector<path>& dirs) {
  std::vector<started_node> started;
  std::optional<error> problem;
  const auto patience = std::chrono::milliseconds(
      limits::devcluster_start_ms + limits::devcluster_start_ms_per_node * dirs.size());
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (const auto& dir : dirs) {
    if (running_in(dir))
      continue;
    const auto child = start_node(dir);
    if (!child) {
      problem = child.err();
      break;
    }
    started.emplace_back(dir, *child);
  }
  for (const auto& [dir, child] : started) {
    if (problem)
      break;
    if (auto said = await_start(dir, child, deadline); !said)
      problem = said.err();
  }
  if (!problem)
    return started;
  std::vector<pid_t> children;
  children.reserve(started.size());
  for (const auto& [dir, child] : started)
    children.push_back(child);
  end_children(children, std::chrono::milliseconds(limits::devcluster_stop_ms));
  return *problem;
}

} // namespace shoal::cli
