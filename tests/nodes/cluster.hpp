#pragma once
// Real nodes on loopback, driven by the command line and the HTTP API alone.

#include "tests/nodes/api.hpp"
#include "tests/nodes/process.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace shoal::nodes {

/// One node's folder, and its process while it runs.
class node {
public:
  /// Runs `shoal init`; the API's port is free to choose at each start.
  node(const fs::path& dir, const std::string& name);
  ~node();

  const std::string& name() const { return name_; }
  const std::string& device() const { return device_; }
  uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  fs::path dir() const { return dir_; }
  std::string config() const { return dir_ / "shoal.toml"; }
  std::string log() const;

  /// Adds to shoal.toml.
  void configure(const std::string& toml);
  /// Replaces what `configure` added.
  void reconfigure(const std::string& toml);
  /// Starts the process; returns once it accepts work.
  void start(const std::map<std::string, std::string>& environment = {});
  void launch(const std::map<std::string, std::string>& environment = {}); // does not wait
  void await_start();
  bool running() { return process_ && process_->running(); }
  void signal(int number) { process_->signal(number); }
  pid_t pid() const { return process_->pid(); }
  /// The exit code, or 128 + the signal; nothing when it still runs after `limit`.
  std::optional<int> ended_within(std::chrono::milliseconds limit) {
    return process_->ended_within(limit);
  }
  /// SIGKILL; returns once it is gone.
  void kill9();
  /// SIGTERM; the exit code, or nothing when it did not end within `limit`.
  std::optional<int> stop(std::chrono::milliseconds limit = 6s);

  std::string url() const;
  std::string token() const { return read_file(dir_ / "api.token"); }
  api client() const { return api(url(), token()); }
  /// `shoal --config THIS …`
  finished cli(std::vector<std::string> words, const std::string& input = {}) const;

private:
  fs::path dir_;
  std::string name_;
  std::string device_;
  uint16_t port_;
  std::string as_made_; // shoal.toml as init wrote it
  std::optional<process> process_;
};

enum class topology { mesh, line };

/// N nodes of one library "lab", all of them members from the start.
class cluster {
public:
  struct options {
    topology shape = topology::mesh;
    /// What others dial instead of a node's own port; empty: that port.
    std::function<std::string(const node&)> address;
    /// Where the first dials the second, when each pair has its own way; empty: it does not. Goes
    /// with `dial = "configured"`, else nodes tell each other more addresses.
    std::function<std::string(const node&, const node&)> route;
    std::string sync; // more lines of [sync], or of other tables after them
  };

  explicit cluster(size_t n) : cluster(n, options{}) {}
  cluster(size_t n, const options& how);
  /// Prints the nodes' logs when the test has failed.
  ~cluster();

  node& operator[](size_t n) { return *nodes_[n]; }
  size_t size() const { return nodes_.size(); }
  const std::string& library() const { return library_; }
  /// A folder for the test's own files.
  const fs::path& scratch() const { return dir_.path(); }
  void start();
  /// One more node's folder, not a member of anything.
  node& add(const std::string& name);
  /// One more that carries the library and names all others as members, who do not know it.
  /// `address`: where it dials each of them; empty: their own ports.
  node& add_newcomer(const std::string& name,
                     const std::function<std::string(const node&)>& address = {},
                     const std::string& sync = {});

  /// True once all of `which` (default: all nodes) hold the same, settled, with one digest.
  bool converge(std::chrono::milliseconds limit = 30s, std::vector<size_t> which = {});
  /// `shoal export lab`.
  std::string exported(size_t n) const;
  /// The same export on all nodes; a failure shows the first line that differs.
  void check_exports(std::vector<size_t> which = {});

private:
  temp_dir dir_;
  std::string library_;
  std::vector<std::unique_ptr<node>> nodes_;
};

/// The shared path of all requests about the library "lab".
inline std::string lab_path(const std::string& rest = {}) { return "/v1/libraries/lab" + rest; }
/// The path of one record in it.
inline std::string record(const std::string& model, const std::string& id) {
  return lab_path("/records/" + model + "/" + id);
}
/// The records of an export, by id.
std::map<std::string, json> by_id(const std::string& exported);
/// Value of a metric's first series whose line holds all of `labels`; nothing when there is none.
std::optional<double> metric(const std::string& text, const std::string& name,
                             const std::vector<std::string>& labels = {});
/// A member's state as the node shows it in `peers`; nothing for one that it does not know.
std::string peer_state(node& at, const node& of);
/// Number of NODE's log entries of the library.
int64_t log_entries(node& n);

} // namespace shoal::nodes
