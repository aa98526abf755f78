// shoal devcluster: a cluster of real nodes on this machine, to try things with.

#include "cli/client/commands.hpp"
#include "cli/client/listing.hpp"
#include "cli/lab.hpp"
#include "cli/node_process.hpp"
#include "config/limits.hpp"
#include "config/options.hpp"
#include "config/plain_text.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <sstream>

namespace shoal::cli {

namespace {

using std::filesystem::path;

struct request {
  lab_plan plan; // no nodes: as many as there are, or three
  std::string shape = "mesh";
};

constexpr size_t nodes_by_default = 3;

json described(const path& dir) {
  const auto now = running_in(dir);
  json out = {{"node", dir.filename().string()}, {"state", now ? "running" : "stopped"}};
  out["config"] = std::filesystem::absolute(dir / "shoal.toml").lexically_normal().string();
  out["pid"] = now ? json(now->pid) : json(nullptr);
  out["device"] = now ? json(now->device) : json(nullptr);
  out["listen"] = now ? json(now->listen) : json(nullptr);
  out["api"] = now ? json(now->api) : json(nullptr);
  return out;
}

void print(context& ctx, const std::vector<path>& dirs) {
  list_printer list(ctx, {"node", "state", "pid", "device", "listen", "api"});
  for (const auto& dir : dirs)
    list.add(described(dir));
  list.finish();
}

/// As this program is called: by its name where that is found, else by its path.
std::string this_program() {
  std::error_code failed;
  const auto me = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed)
    return "shoal";
  const char* all = std::getenv("PATH");
  std::istringstream folders(all ? all : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (std::filesystem::equivalent(path(folder) / "shoal", me, failed))
      return "shoal";
  return me.string();
}

void up(context& ctx, request asked) {
  auto dirs = nodes_in(asked.plan.dir);
  if (!dirs.empty() && asked.plan.nodes != 0 && asked.plan.nodes != dirs.size()) {
    ctx.fail(exit_no, asked.plan.dir.string() + " has " + std::to_string(dirs.size())
                          + " nodes already (leave -n out to start those, or use another folder)");
    return;
  }
  if (dirs.empty()) {
    if (asked.plan.nodes == 0)
      asked.plan.nodes = nodes_by_default;
    asked.plan.shape = asked.shape == "line"   ? topology::line
                       : asked.shape == "star" ? topology::star
                                               : topology::mesh;
    if (auto done = make_lab(asked.plan); !done) {
      ctx.fail(done.err());
      return;
    }
    dirs = nodes_in(asked.plan.dir);
  }
  if (const auto started = start_lab(dirs); !started) {
    ctx.fail(started.err());
    return;
  }
  print(ctx, dirs);
  const auto opts = config::load(dirs.front() / "shoal.toml", config::process_environment());
  const std::string library =
      opts && !opts->libraries.empty() ? opts->libraries.front().name : asked.plan.library;
  const std::string first = (dirs.front() / "shoal.toml").string();
  const std::string last = (dirs.back() / "shoal.toml").string();
  const std::string me = this_program();
  ctx.err << "Try:\n"
          << "  " << me << " put " << library << " tag new canonical_name=Hello --config " << first
          << "\n"
          << "  " << me << " wait " << library << " --config " << first << "\n"
          << "  " << me << " list " << library << " tag --config " << last << "\n"
          << "  " << me << " status --config " << first << "\n";
  if (const auto now = running_in(dirs.front()))
    ctx.err << "  open " << now->api << " in a browser; it asks for the line in "
            << (dirs.front() / "api.token").string() << "\n";
  ctx.err << "  " << me << " devcluster down " << asked.plan.dir.string() << std::endl;
}

/// The nodes of a cluster that is there; otherwise says that none is.
std::vector<path> existing(context& ctx, const path& dir) {
  auto dirs = nodes_in(dir);
  if (dirs.empty())
    ctx.fail(exit_no, dir.string() + " holds no cluster (make one with: shoal devcluster up "
                          + dir.string() + " -n 3)");
  return dirs;
}

void down(context& ctx, const path& dir) {
  const auto dirs = existing(ctx, dir);
  const auto left = stop_nodes(dirs, std::chrono::milliseconds(limits::devcluster_stop_ms));
  if (left.empty())
    return;
  std::string names;
  for (const auto& one : left)
    names += (names.empty() ? "" : ", ") + one.filename().string();
  ctx.fail(exit_no, "still running after SIGTERM: " + names
                        + " (see their shoal.log; kill -9 loses nothing)");
}

std::string check_library(const std::string& name) {
  return config::is_name(name) && !parse_uuid(name)
             ? std::string{}
             : "is no name for a library (use 1 to " + std::to_string(config::name_bytes_max)
                   + " bytes of UTF-8 without control characters, not a uuid)";
}

} // namespace

void add_devcluster_commands(CLI::App& app, context& ctx) {
  auto asked = std::make_shared<request>();
  auto* group = app.add_subcommand("devcluster",
                                   "A cluster of real nodes on this machine, to try things with");
  group->require_subcommand(1);
  const auto takes_folder = [&asked](CLI::App* command) {
    command
        ->add_option("DIR", asked->plan.dir,
                     "Folder of the cluster; node-1, node-2, … are made in it")
        ->required();
  };

  auto* start = group->add_subcommand(
      "up", "Make nodes with keys, configurations and members, and start them; "
            "start them again if they are there");
  takes_folder(start);
  start->add_option("-n,--nodes", asked->plan.nodes, "How many nodes; default 3")
      ->check(CLI::Range(size_t{1}, limits::devcluster_nodes_max));
  start->add_option("--library", asked->plan.library, "Name of the library they share")
      ->capture_default_str()
      ->check(check_library);
  start->add_option("--topology", asked->shape, "Who dials whom: mesh, line or star")
      ->capture_default_str()
      ->check(CLI::IsMember({"mesh", "line", "star"}));
  start->callback([asked, &ctx] { up(ctx, *asked); });

  auto* stop = group->add_subcommand("down", "Stop the nodes; their data stays");
  takes_folder(stop);
  stop->callback([asked, &ctx] { down(ctx, asked->plan.dir); });

  auto* look =
      group->add_subcommand("status", "Show each node: running or stopped, pid, addresses");
  takes_folder(look);
  look->callback([asked, &ctx] {
    if (const auto dirs = existing(ctx, asked->plan.dir); !dirs.empty())
      print(ctx, dirs);
  });
}

} // namespace shoal::cli
