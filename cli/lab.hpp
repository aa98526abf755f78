#pragma once
// A devcluster's folder: the nodes in it are made, found and started here. The commands are in
// devcluster.cpp and bench/.

#include "cli/cluster_plan.hpp"

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace shoal::cli {

struct lab_plan {
  std::filesystem::path dir;
  size_t nodes = 0;
  std::string library = "lab";
  topology shape = topology::mesh;
};

/// DIR/node-1 for the first, counted from 0.
std::filesystem::path node_dir(const std::filesystem::path& dir, size_t n);

/// The nodes made in `dir` so far.
std::vector<std::filesystem::path> nodes_in(const std::filesystem::path& dir);

/// Makes the folders of all nodes, each a member of the library on every other.
status make_lab(const lab_plan& plan);

using started_node = std::pair<std::filesystem::path, pid_t>;

/// Starts those that do not run, and waits until they accept work. On an error it stops again what
/// it started.
result<std::vector<started_node>> start_lab(const std::vector<std::filesystem::path>& dirs);

} // namespace shoal::cli
