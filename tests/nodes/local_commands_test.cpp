// The commands that work on files and processes of this machine; here because they link the whole
// program.

#include "cli/client/commands.hpp"
#include "cli/cluster_plan.hpp"
#include "cli/local_commands.hpp"
#include "cli/node_process.hpp"
#include "config/options.hpp"
#include "sim/campaign.hpp"

#include <CLI/CLI.hpp>
#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <netinet/in.h>
#include <set>
#include <sstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace shoal::cli {

namespace {

struct shell {
  shell() {
    std::string name = std::filesystem::temp_directory_path() / "shoal-cli-XXXXXX";
    BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
    dir = name;
  }
  shell(const shell&) = delete;
  shell& operator=(const shell&) = delete;
  ~shell() {
    std::error_code ignored;
    std::filesystem::remove_all(dir, ignored);
  }
  /// Runs a command line as the program would; out and err hold what it printed.
  int run(const std::vector<std::string>& words) {
    std::istringstream in;
    std::ostringstream out_to;
    std::ostringstream err_to;
    CLI::App app{"", "shoal"};
    context ctx(in, out_to, err_to, false);
    add_client_options(app, ctx);
    add_node_commands(app, ctx);
    add_config_commands(app, ctx);
    add_devcluster_commands(app, ctx);
    add_backup_commands(app, ctx);
    add_sim_command(app, ctx);
    const int code = run_command_line(app, ctx, words);
    out = out_to.str();
    err = err_to.str();
    return code;
  }
  std::string read(const std::filesystem::path& path) const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  mode_t mode(const std::filesystem::path& path) const {
    struct stat about {};
    return stat(path.c_str(), &about) == 0 ? about.st_mode & 07777U : 0;
  }
  std::filesystem::path dir;
  std::string out;
  std::string err;
};

} // namespace

BOOST_AUTO_TEST_SUITE(local_commands)

BOOST_FIXTURE_TEST_CASE(init_makes_a_node_that_config_check_and_id_accept, shell) {
  const std::string node = dir / "alice";
  const mode_t before = umask(0);
  BOOST_TEST(
      run({"init", node, "--name", "Al \"ice\"", "--listen", "127.0.0.1:0", "--api", "[::1]:0"})
      == exit_done);
  umask(before);
  const std::string device = out;
  BOOST_TEST(device.size() == 37); // a uuid and a line end, nothing else
  BOOST_TEST(mode(dir / "alice/device.key") == 0600U);
  BOOST_TEST(mode(dir / "alice/api.token") == 0600U);
  BOOST_TEST(read(dir / "alice/api.token").size() == 64);
  const auto opts = config::load(dir / "alice/shoal.toml", {});
  BOOST_REQUIRE(opts.ok());
  BOOST_TEST(opts->node.name == "Al \"ice\"");
  BOOST_TEST(to_string(opts->api.listen) == "[::1]:0");
  BOOST_TEST(run({"id", "--config", node + "/shoal.toml"}) == exit_done);
  BOOST_TEST(out == device);
  BOOST_TEST(run({"config", "check", "--config", node + "/shoal.toml"}) == exit_done);
  BOOST_TEST(run({"init", dir / "bob"}) == exit_done);
  BOOST_TEST(out != device);
  BOOST_TEST(read(dir / "bob/api.token") != read(dir / "alice/api.token"));
}

BOOST_FIXTURE_TEST_CASE(init_never_overwrites_and_then_makes_nothing, shell) {
  for (const char* name : {"shoal.toml", "device.key", "device.crt", "api.token"})
    BOOST_TEST_CONTEXT(name) {
      const auto node = dir / (std::string("has-") + name);
      std::filesystem::create_directory(node);
      std::ofstream(node / name) << "mine";
      BOOST_TEST(run({"init", node}) == exit_no);
      BOOST_TEST(err.find("is never overwritten") != std::string::npos, err);
      BOOST_TEST(read(node / name) == "mine");
      BOOST_TEST(std::distance(std::filesystem::directory_iterator(node), {}) == 1);
    }
  std::filesystem::create_symlink(dir / "elsewhere", dir / "link");
  BOOST_TEST(!write_new_file(dir / "link", "x", 0600).ok());
  BOOST_TEST(!std::filesystem::exists(dir / "elsewhere"));
}

BOOST_FIXTURE_TEST_CASE(wrong_arguments_and_wrong_configurations_have_their_own_exit_codes, shell) {
  BOOST_TEST(run({"init", dir / "x", "--listen", "nonsense"}) == exit_usage);
  BOOST_TEST(run({"init", dir / "x", "--name", "a\nb"}) == exit_usage);
  BOOST_TEST(!std::filesystem::exists(dir / "x"));
  BOOST_TEST(run({"config", "check"}) == exit_usage);
  BOOST_TEST(run({"devcluster", "up", dir / "x", "-n", "0"}) == exit_usage);
  BOOST_TEST(run({"devcluster", "up", dir / "x", "--topology", "ring"}) == exit_usage);
  BOOST_TEST(run({"devcluster", "down", dir / "x"}) == exit_no);
  BOOST_TEST(run({"run", "--config", dir / "none.toml"}) == exit_config);
  BOOST_REQUIRE(run({"init", dir / "node"}) == exit_done);
  const std::string file = dir / "node/shoal.toml";
  std::ofstream(file, std::ios::app) << "[sync]\nbatch_windw_ms = 5\n";
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"config", "check"}, {"config", "show"}, {"id"}, {"run"}}) {
    auto line = words;
    line.insert(line.end(), {"--config", file});
    BOOST_TEST(run(line) == exit_config);
    BOOST_TEST(err.find("shoal: " + file) == 0, err);
    BOOST_TEST(err.find("the nearest is sync.batch_window_ms") != std::string::npos, err);
    BOOST_TEST(err.find('\n') == err.size() - 1);
  }
}

BOOST_FIXTURE_TEST_CASE(a_node_whose_key_is_missing_or_open_does_not_start, shell) {
  BOOST_REQUIRE(run({"init", dir / "node"}) == exit_done);
  const std::string file = dir / "node/shoal.toml";
  chmod((dir / "node/device.key").c_str(), 0644);
  BOOST_TEST(run({"run", "--config", file}) == exit_config);
  BOOST_TEST(err.find("tls.key") != std::string::npos, err);
  std::filesystem::remove(dir / "node/device.key");
  BOOST_TEST(run({"run", "--config", file}) == exit_config);
  BOOST_TEST(run({"config", "check", "--config", file}) == exit_config);
}

BOOST_FIXTURE_TEST_CASE(completion_knows_every_command, shell) {
  for (const char* name : {"bash", "zsh", "fish"})
    BOOST_TEST_CONTEXT(name) {
      BOOST_REQUIRE(run({"completion", name}) == exit_done);
      for (const char* word :
           {"init", "devcluster", "status", "topology", "config", "default", "output"})
        BOOST_TEST(out.find(word) != std::string::npos, word);
    }
  BOOST_TEST(run({"completion", "tcsh"}) == exit_usage);
}

BOOST_AUTO_TEST_CASE(each_topology_links_whom_its_name_says) {
  for (size_t a = 0; a < 4; ++a)
    for (size_t b = 0; b < 4; ++b) {
      BOOST_TEST(linked(topology::mesh, a, b) == (a != b));
      BOOST_TEST(linked(topology::line, a, b) == (a + 1 == b || b + 1 == a));
      BOOST_TEST(linked(topology::star, a, b) == (a != b && (a == 0 || b == 0)));
    }
}

BOOST_FIXTURE_TEST_CASE(every_other_node_is_a_member_and_only_neighbours_have_an_address, shell) {
  std::vector<planned_node> plan;
  for (uint16_t n = 0; n < 3; ++n)
    plan.push_back({*random_uuid(), static_cast<uint16_t>(9000 + n)});
  const std::string library = *random_uuid();
  const auto load = [&](size_t self, topology shape) {
    std::ofstream(dir / "shoal.toml") << library_text(plan, self, shape, library, "a \"lab\"");
    const auto opts = config::load(dir / "shoal.toml", {});
    BOOST_REQUIRE_MESSAGE(opts.ok(), (opts ? std::string{} : opts.err().message));
    return *opts;
  };
  const auto end = load(0, topology::line);
  BOOST_TEST((end.sync.dial == config::dial_policy::configured));
  BOOST_REQUIRE(end.libraries.size() == 1);
  BOOST_TEST(to_string(end.libraries[0].id) == library);
  BOOST_TEST(end.libraries[0].name == "a \"lab\"");
  BOOST_REQUIRE(end.libraries[0].members.size() == 2);
  BOOST_TEST(to_string(end.libraries[0].members[0].device) == plan[1].device);
  BOOST_TEST(to_string(*end.libraries[0].members[0].at) == "127.0.0.1:9001");
  BOOST_TEST(!end.libraries[0].members[1].at.has_value());
  const auto mesh = load(1, topology::mesh);
  BOOST_TEST((mesh.sync.dial == config::dial_policy::all));
  for (const auto& member : mesh.libraries[0].members)
    BOOST_TEST(member.at.has_value());
}

BOOST_AUTO_TEST_CASE(reserved_ports_are_distinct_and_held) {
  const auto reserved = port_reservation::take(40);
  BOOST_REQUIRE(reserved.ok());
  const auto& ports = reserved->ports();
  BOOST_TEST(std::set<uint16_t>(ports.begin(), ports.end()).size() == 40);
  for (const uint16_t port : ports) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_TEST(bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0);
    close(fd);
  }
}

BOOST_FIXTURE_TEST_CASE(a_devcluster_starts_tells_a_killed_node_starts_it_again_and_stops, shell) {
  const std::string cluster = dir / "lab";
  const auto program = [&](const std::string& rest) {
    const std::string line = std::string(SHOAL_BINARY) + " devcluster " + rest + " >"
                             + (dir / "out").string() + " 2>" + (dir / "err").string();
    const int how = std::system(line.c_str()); // NOLINT(cert-env33-c): our own binary
    out = read(dir / "out");
    err = read(dir / "err");
    return WEXITSTATUS(how);
  };
  const auto states = [&] {
    BOOST_TEST(program("status " + cluster + " -o json") == exit_done);
    std::vector<std::string> all;
    const json answer = json::parse(out);
    for (const auto& item : answer["items"])
      all.push_back(string_at(item, "state"));
    return all;
  };
  using list = std::vector<std::string>;
  BOOST_TEST(program("up " + cluster + " -n 2 --library photos -o json") == exit_done, err);
  BOOST_TEST(states() == (list{"running", "running"}), boost::test_tools::per_element());
  BOOST_TEST(program("up " + cluster) == exit_done, err);
  // What it tells to try works as it stands: this program is in no PATH.
  BOOST_TEST(err.find("  " + std::string(SHOAL_BINARY) + " put photos tag new ")
                 != std::string::npos,
             err);
  const auto second = running_in(dir / "lab/node-2");
  BOOST_REQUIRE(second.has_value());
  BOOST_REQUIRE(kill(second->pid, SIGKILL) == 0);
  BOOST_TEST(states() == (list{"running", "stopped"}), boost::test_tools::per_element());
  BOOST_TEST(program("up " + cluster + " -n 3") == exit_no);
  BOOST_TEST(err.find("has 2 nodes already") != std::string::npos, err);
  BOOST_TEST(program("up " + cluster) == exit_done, err);
  const auto again = running_in(dir / "lab/node-2");
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST(again->device == second->device);
  BOOST_TEST(again->listen == second->listen);
  BOOST_TEST(program("down " + cluster) == exit_done, err);
  BOOST_TEST(states() == (list{"stopped", "stopped"}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_devcluster_that_cannot_start_says_why_and_leaves_nothing_running, shell) {
  const std::string cluster = dir / "lab";
  const std::string quiet = " >/dev/null 2>" + (dir / "err").string();
  BOOST_REQUIRE(
      std::system(
          (std::string(SHOAL_BINARY) + " devcluster up " + cluster + " -n 2" + quiet).c_str())
      == 0);
  BOOST_REQUIRE(
      std::system((std::string(SHOAL_BINARY) + " devcluster down " + cluster + quiet).c_str())
      == 0);
  chmod((dir / "lab/node-2/device.key").c_str(), 0644);
  const int how =
      std::system((std::string(SHOAL_BINARY) + " devcluster up " + cluster + quiet).c_str());
  BOOST_TEST(WEXITSTATUS(how) == exit_config);
  const std::string said = read(dir / "err");
  BOOST_TEST(said.find("node-2 ended with exit code 78") != std::string::npos, said);
  BOOST_TEST(said.find("tls.key") != std::string::npos, said);
  BOOST_TEST(!running_in(dir / "lab/node-1").has_value());
}

BOOST_FIXTURE_TEST_CASE(sim_runs_seeds_and_says_what_was_simulated, shell) {
  BOOST_TEST(run({"sim", "--seeds", "3..8", "--steps", "300", "--nodes", "3", "-o", "json"})
                 == exit_done,
             err);
  const auto said = json::parse(out);
  BOOST_TEST(said["seeds"] == 6);
  BOOST_TEST(said["failed"] == 0);
  BOOST_TEST(said["events"] >= 6 * 300);
  BOOST_TEST(said["seconds"].is_number());
  BOOST_TEST(said["nodes"] == 3);
  // The same seeds are the same run.
  BOOST_TEST(
      run({"sim", "--seeds", "3..8", "--steps", "300", "--nodes", "3", "--jobs", "2", "-o", "json"})
          == exit_done,
      err);
  BOOST_TEST(json::parse(out)["events"] == said["events"]);
  BOOST_TEST(run({"sim", "--seeds", "5", "--steps", "300", "-o", "table"}) == exit_done, err);
  BOOST_TEST(out.starts_with("1 seeds, 0 failed, "), out);
}

BOOST_FIXTURE_TEST_CASE(sim_refuses_what_is_no_range_of_seeds, shell) {
  for (const char* wrong : {"9..5", "1..", "..", "a..b", "1...4", "0..18446744073709551615"}) {
    BOOST_TEST(run({"sim", "--seeds", wrong}) == exit_usage, wrong);
    BOOST_TEST(err.find("FROM..TO") != std::string::npos, err);
  }
  BOOST_TEST(run({"sim", "--nodes", "1"}) == exit_usage);
}

BOOST_FIXTURE_TEST_CASE(sim_tells_one_seed_line_by_line, shell) {
  BOOST_TEST(run({"sim", "--seeds", "5", "--steps", "300", "--trace"}) == exit_done, err);
  BOOST_TEST(out.starts_with("4 nodes, "), out);
  BOOST_TEST(out.find("n0 starts with {}") != std::string::npos, out);
  BOOST_TEST(out.find(" * n") != std::string::npos, out);
  BOOST_TEST(run({"sim", "--seeds", "1..3", "--trace"}) == exit_usage);
  BOOST_TEST(err.find("one seed") != std::string::npos, err);
  // Nothing fails, so nothing is shrunk.
  BOOST_TEST(run({"sim", "--seeds", "5", "--steps", "300", "--shrink"}) == exit_done, err);
  BOOST_TEST(err == "");
}

BOOST_FIXTURE_TEST_CASE(a_campaign_that_failed_ends_with_1_and_the_line_that_replays_it, shell) {
  std::istringstream in;
  std::ostringstream out_to;
  std::ostringstream err_to;
  context ctx(in, out_to, err_to, false);
  ctx.output = "json";
  sim::campaign c;
  c.nodes = 4;
  c.steps = 2000;
  sim::campaign_result r;
  r.seeds = 10;
  report_simulation(ctx, c, r);
  BOOST_TEST(ctx.exit_code == exit_done);
  r.failures[7] = {{"fold", "node 2 lacks a tag"}, "4 nodes, line"};
  out_to.str({});
  report_simulation(ctx, c, r);
  BOOST_TEST(ctx.exit_code == exit_no);
  const auto said = json::parse(out_to.str());
  BOOST_TEST(said["failed"] == 1);
  BOOST_TEST(said["failures"][0]["checker"] == "fold");
  BOOST_TEST(said["failures"][0]["replay"] == "shoal sim --seeds 7..7 --nodes 4 --steps 2000");
  r.failures.clear();
  r.unseen = {"joined"};
  ctx.exit_code = exit_done;
  report_simulation(ctx, c, r);
  BOOST_TEST(ctx.exit_code == exit_no);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli
