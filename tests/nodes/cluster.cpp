#include "tests/nodes/cluster.hpp"

#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <sstream>

namespace shoal::nodes {

node::node(const fs::path& dir, const std::string& name)
    : dir_(dir), name_(name), port_(free_port()) {
  const auto made =
      shoal({"init", dir.string(), "--name", name, "--listen", address(), "--api", "127.0.0.1:0"});
  BOOST_REQUIRE_MESSAGE(made.code == 0, made.err);
  device_ = made.out.substr(0, made.out.find('\n'));
  as_made_ = read_file(config());
}

node::~node() {
  if (process_)
    process_->signal(SIGKILL);
}

std::string node::log() const { return read_file(dir_ / "log"); }

void node::configure(const std::string& toml) { write_file(config(), read_file(config()) + toml); }
void node::reconfigure(const std::string& toml) { write_file(config(), as_made_ + toml); }

void node::launch(const std::map<std::string, std::string>& environment) {
  // A killed node leaves the file behind; it must not be taken for the new one's.
  fs::remove(dir_ / "run" / "endpoints.json");
  process_.emplace(std::vector<std::string>{program, "run", "--config", config()}, dir_ / "log",
                   environment);
}

void node::await_start() {
  const auto up = [this] { return fs::exists(dir_ / "run" / "endpoints.json"); };
  eventually([&] { return up() || !running(); }, 30s);
  BOOST_REQUIRE_MESSAGE(up(), name_ << " did not start: " << log());
}

void node::start(const std::map<std::string, std::string>& environment) {
  launch(environment);
  await_start();
}

void node::kill9() {
  process_->signal(SIGKILL);
  BOOST_REQUIRE(process_->ended_within(10s));
}

std::optional<int> node::stop(std::chrono::milliseconds limit) {
  process_->signal(SIGTERM);
  return process_->ended_within(limit);
}

std::string node::url() const {
  const auto said = json::parse(read_file(dir_ / "run" / "endpoints.json"), nullptr, false);
  BOOST_REQUIRE_MESSAGE(said.is_object(), name_ << " has no endpoints.json");
  return said["api"];
}

finished node::cli(std::vector<std::string> words, const std::string& input) const {
  words.insert(words.begin(), {"--config", config()});
  return shoal(std::move(words), input);
}

static const char* const impatient = "\n[sync]\nretry_initial_ms = 100\nretry_max_seconds = 1\n";

static std::string member_lines(const node& n, const std::string& address) {
  auto out = "  [[library.member]]\n  device = \"" + n.device() + "\"\n";
  if (!address.empty())
    out += "  address = \"" + address + "\"\n";
  return out;
}

cluster::cluster(size_t n, const options& how) {
  for (size_t i = 0; i < n; ++i)
    nodes_.push_back(std::make_unique<node>(dir_ / ("node-" + std::to_string(i + 1)),
                                            std::string(1, static_cast<char>('a' + i))));
  // A random id, so that two labs on one machine never mix; the first device's digits are random.
  library_ = nodes_[0]->device();
  library_[14] = '4'; // the digit of a random uuid's version
  for (size_t i = 0; i < n; ++i) {
    std::string toml = impatient;
    if (how.shape == topology::line)
      toml += "dial = \"configured\"\n";
    toml += how.sync;
    toml += "\n[[library]]\nid = \"" + library_ + "\"\nname = \"lab\"\n";
    for (size_t k = 0; k < n; ++k) {
      if (k == i)
        continue;
      const bool neighbours = k + 1 == i || i + 1 == k;
      std::string address;
      if (how.route)
        address = how.route(*nodes_[i], *nodes_[k]);
      else if (how.shape == topology::mesh || neighbours)
        address = how.address ? how.address(*nodes_[k]) : nodes_[k]->address();
      toml += member_lines(*nodes_[k], address);
    }
    nodes_[i]->configure(toml);
  }
}

cluster::~cluster() {
  namespace ut = boost::unit_test;
  if (ut::results_collector.results(ut::framework::current_test_case().p_id).passed())
    return;
  constexpr size_t shown_bytes = 6000;
  for (const auto& n : nodes_) {
    auto text = n->log();
    if (text.size() > shown_bytes)
      text = "…" + text.substr(text.size() - shown_bytes);
    std::cerr << "---- log of " << n->name() << " (" << n->device() << ")\n" << text << std::endl;
  }
}

void cluster::start() {
  for (auto& n : nodes_)
    n->launch();
  for (auto& n : nodes_)
    n->await_start();
}

node& cluster::add(const std::string& name) {
  nodes_.push_back(std::make_unique<node>(dir_ / ("node-" + name), name));
  return *nodes_.back();
}

node& cluster::add_newcomer(const std::string& name,
                            const std::function<std::string(const node&)>& address,
                            const std::string& sync) {
  auto toml = impatient + sync + "\n[[library]]\nid = \"" + library_ + "\"\nname = \"lab\"\n";
  for (const auto& n : nodes_)
    toml += member_lines(*n, address ? address(*n) : n->address());
  auto& fresh = add(name);
  fresh.configure(toml);
  return fresh;
}

static std::vector<size_t> all_of(size_t n) {
  std::vector<size_t> out;
  for (size_t i = 0; i < n; ++i)
    out.push_back(i);
  return out;
}

bool cluster::converge(std::chrono::milliseconds limit, std::vector<size_t> which) {
  if (which.empty())
    which = all_of(size());
  std::vector<api> clients;
  for (const auto n : which)
    clients.push_back(nodes_[n]->client());
  std::vector<json> last;
  const bool equal = eventually(
      [&] {
        last.clear();
        for (auto& c : clients) {
          auto got = c.get(lab_path("/digest"));
          // Epochs that this node alone began and holds nothing of do not tell nodes apart.
          if (!got.ok() || !got.body.value("settled", true))
            return false;
          last.push_back(std::move(got.body));
        }
        return std::all_of(last.begin(), last.end(), [&](const json& one) {
          return one["digest"] == last[0]["digest"] && one["frontiers"] == last[0]["frontiers"];
        });
      },
      limit);
  if (!equal)
    for (size_t i = 0; i < last.size(); ++i)
      BOOST_TEST_MESSAGE(nodes_[which[i]]->name() << ": " << last[i].dump());
  return equal;
}

std::string cluster::exported(size_t n) const {
  const auto got = nodes_[n]->cli({"export", "lab"});
  BOOST_REQUIRE_MESSAGE(got.code == 0, got.err);
  return got.out;
}

void cluster::check_exports(std::vector<size_t> which) {
  if (which.empty())
    which = all_of(size());
  const auto first = exported(which[0]);
  for (const auto n : which) {
    const auto other = exported(n);
    if (first == other)
      continue;
    std::istringstream left(first);
    std::istringstream right(other);
    std::string a;
    std::string b;
    do {
      a.clear();
      b.clear();
      std::getline(left, a);
      std::getline(right, b);
    } while (a == b && (left || right));
    BOOST_ERROR(nodes_[which[0]]->name() << " and " << nodes_[n]->name() << " differ:\n"
                                         << a << "\n"
                                         << b);
  }
}

std::map<std::string, json> by_id(const std::string& exported) {
  std::map<std::string, json> out;
  std::istringstream in(exported);
  for (std::string line; std::getline(in, line);) {
    auto one = json::parse(line, nullptr, false);
    BOOST_REQUIRE_MESSAGE(one.is_object(), "an export's line is no JSON: " << line);
    const std::string id = one["id"];
    out[id] = std::move(one);
  }
  return out;
}

std::optional<double> metric(const std::string& text, const std::string& name,
                             const std::vector<std::string>& labels) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name) || (line[name.size()] != '{' && line[name.size()] != ' '))
      continue;
    if (std::all_of(labels.begin(), labels.end(),
                    [&](const std::string& l) { return line.find(l) != std::string::npos; }))
      return std::strtod(line.c_str() + line.rfind(' '), nullptr);
  }
  return std::nullopt;
}

std::string peer_state(node& at, const node& of) {
  const auto got = at.client().get(lab_path("/peers"));
  if (got.ok())
    for (const auto& p : got.body["items"])
      if (p["device"] == of.device())
        return p["state"];
  return {};
}

int64_t log_entries(node& n) {
  const auto got = n.client().get(lab_path());
  return got.ok() ? got.body["log_entries"].get<int64_t>() : -1;
}

} // namespace shoal::nodes
