// Everything at once: nodes die, hang and join, links are cut and go silent, and all write.

#include "tests/nodes/proxy.hpp"
#include "tests/nodes/writers.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <random>
#include <set>

namespace shoal::nodes {

namespace {

const std::string terms = "dial = \"configured\"\nheartbeat_seconds = 1\n";

/// A mesh in which each pair has one way, a proxy of its own: the later node dials the earlier one.
class wires {
public:
  std::string between(const std::string& dialler, const node& dialled) {
    auto& p = all_[{dialler, dialled.name()}];
    if (!p)
      p = std::make_unique<proxy>(dialled.port());
    return p->address();
  }
  proxy& any(std::mt19937_64& random) {
    return *std::next(all_.begin(), static_cast<ptrdiff_t>(random() % all_.size()))->second;
  }
  void mend_all() {
    for (auto& [ends, p] : all_) {
      p->mend();
      p->unlimit();
    }
  }

private:
  std::map<std::pair<std::string, std::string>, std::unique_ptr<proxy>> all_;
};

class storm {
public:
  storm(size_t n, size_t joining, uint64_t seed)
      : random_(seed), nodes_(n, mesh(wires_)), to_join_(joining) {
    nodes_.start();
    for (size_t i = 0; i < n; ++i)
      let_write(i);
  }

  /// One more fault, or the end of one. At least one node in three stays up and well.
  void step() {
    const auto n = random_() % nodes_.size();
    const auto trouble = down_.size() + hung_.size();
    const bool ill = down_.contains(n) || hung_.contains(n);
    switch (random_() % 7) {
    case 0:
    case 1:
      if (ill)
        return heal(n);
      if (trouble * 3 >= nodes_.size())
        return;
      nodes_[n].kill9();
      down_.insert(n);
      ++kills;
      return;
    case 2:
      if (ill)
        return heal(n);
      if (trouble * 3 >= nodes_.size())
        return;
      nodes_[n].signal(SIGSTOP);
      hung_.insert(n);
      ++hangs;
      return;
    case 3:
      if (trouble > 0)
        heal(down_.empty() ? *hung_.begin() : *down_.begin());
      return;
    case 4:
      wires_.any(random_).cut();
      ++cuts;
      return;
    case 5:
      wires_.any(random_).limit(0);
      ++silences;
      return;
    default:
      wires_.any(random_).mend();
      wires_.any(random_).unlimit();
      return;
    }
  }

  /// A newcomer, made a member by a node that is well.
  void join() {
    if (to_join_ == 0)
      return;
    --to_join_;
    size_t host = 0;
    while (down_.contains(host) || hung_.contains(host))
      ++host;
    const auto name = "late-" + std::to_string(to_join_);
    auto& fresh = nodes_.add_newcomer(
        name, [&](const node& dialled) { return wires_.between(name, dialled); }, terms);
    fresh.start();
    const auto added =
        nodes_[host].cli({"member", "add", "lab", fresh.device() + "@" + fresh.address()});
    BOOST_REQUIRE_MESSAGE(added.code == 0, added.err);
    let_write(nodes_.size() - 1);
  }

  /// Waits until `more` writes were acknowledged somewhere, so that faults meet work.
  void let_pass(uint64_t more) {
    const auto goal = acknowledged() + more;
    BOOST_REQUIRE(eventually([&] { return acknowledged() >= goal; }, 60s));
  }

  uint64_t acknowledged() const {
    uint64_t sum = 0;
    for (const auto& w : writers_)
      sum += w->acknowledged();
    return sum;
  }

  void calm() {
    while (!down_.empty())
      heal(*down_.begin());
    while (!hung_.empty())
      heal(*hung_.begin());
    wires_.mend_all();
  }

  void check() {
    for (auto& w : writers_)
      w->pause();
    BOOST_REQUIRE_MESSAGE(nodes_.converge(60s), "not equal 60 s after the faults ended");
    nodes_.check_exports();
    const auto records = by_id(nodes_.exported(0));
    told_.check(records);
    for (const auto& w : writers_)
      w->check(records);
    for (size_t n = 0; n < nodes_.size(); ++n)
      BOOST_TEST(eventually([&] { return log_entries(nodes_[n]) < 1000; }),
                 nodes_[n].name() << " keeps " << log_entries(nodes_[n]) << " log entries");
  }

  size_t size() const { return nodes_.size(); }
  unsigned kills = 0;
  unsigned hangs = 0;
  unsigned cuts = 0;
  unsigned silences = 0;

private:
  static cluster::options mesh(wires& w) {
    cluster::options how;
    how.sync = terms;
    how.route = [&w](const node& dialler, const node& dialled) {
      return dialler.name() > dialled.name() ? w.between(dialler.name(), dialled) : std::string();
    };
    return how;
  }
  void heal(size_t n) {
    if (hung_.erase(n) > 0)
      nodes_[n].signal(SIGCONT);
    if (down_.erase(n) > 0)
      nodes_[n].start();
  }
  void let_write(size_t n) {
    constexpr auto between = 10ms;
    writers_.push_back(
        std::make_unique<writer>(nodes_[n], told_, static_cast<unsigned>(n + 1), between));
  }

  std::mt19937_64 random_;
  wires wires_;
  cluster nodes_;
  ledger told_;
  std::set<size_t> down_;
  std::set<size_t> hung_;
  size_t to_join_;
  std::vector<std::unique_ptr<writer>> writers_; // last: they use the nodes
};

} // namespace

BOOST_AUTO_TEST_SUITE(chaos)

BOOST_AUTO_TEST_CASE(ten_nodes_are_equal_and_whole_after_kills_cuts_silence_and_joins) {
  const auto seed = test_seed();
  std::mt19937_64 random(seed);
  const auto length = std::chrono::seconds(chaos_seconds(20));
  storm all(8, 2, seed);
  const auto begin = monotonic::now();
  size_t joined = 0;
  while (monotonic::now() - begin < length) {
    all.let_pass(random() % 30);
    all.step();
    // At a third of the time, and at two thirds.
    if (joined < 2 && monotonic::now() - begin > length * (joined + 1) / 3) {
      all.join();
      ++joined;
    }
  }
  BOOST_TEST_MESSAGE(all.kills << " kills, " << all.hangs << " hangs, " << all.cuts << " cuts, "
                               << all.silences << " silences, " << all.acknowledged()
                               << " records acknowledged");
  all.calm();
  all.check();
  BOOST_TEST(all.size() == 10U);
  BOOST_TEST(all.kills > 0U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
