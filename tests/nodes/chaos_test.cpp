// Everything at once: nodes die, hang and join, links are cut and go silent, disks fail and are
// full, clocks step, and all write.

#include "tests/nodes/faults.hpp"
#include "tests/nodes/proxy.hpp"
#include "tests/nodes/writers.hpp"

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <random>
#include <set>
#include <sys/resource.h>

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

/// What is between a node and its machine: a disk and a clock that the test sets.
class machine {
public:
  explicit machine(const fs::path& files) : disk(files.string() + "-disk"), clock_(files) {
    write_file(clock_, std::string(sizeof(int64_t), '\0'));
  }
  std::map<std::string, std::string> environment() const {
    auto out = disk.environment();
    out["LD_PRELOAD"] += ":" SHOAL_WALL_SHIFT;
    out["SHOAL_WALL_SHIFT_FILE"] = clock_;
    return out;
  }
  /// In place: the node has it mapped.
  void shift_clock(int64_t ms) {
    char raw[sizeof ms];
    std::memcpy(raw, &ms, sizeof raw);
    std::fstream out(clock_, std::ios::in | std::ios::out | std::ios::binary);
    out.write(raw, sizeof raw);
    BOOST_REQUIRE(out.flush());
  }

  faulty_disk disk;

private:
  fs::path clock_;
};

class storm {
public:
  storm(size_t n, size_t joining, uint64_t seed)
      : random_(seed), nodes_(n, mesh(wires_)), to_join_(joining) {
    for (size_t i = 0; i < n; ++i)
      machines_.push_back(
          std::make_unique<machine>(nodes_.scratch() / ("machine-" + nodes_[i].name())));
    for (size_t i = 0; i < n; ++i)
      nodes_[i].launch(machines_[i]->environment());
    for (size_t i = 0; i < n; ++i)
      nodes_[i].await_start();
    for (size_t i = 0; i < n; ++i)
      let_write(i);
  }

  /// One more fault, or the end of one. At least one node in three stays up and well.
  void step() {
    const auto n = random_() % nodes_.size();
    const bool ill = down_.contains(n) || hung_.contains(n) || full_.contains(n);
    const bool enough = (down_.size() + hung_.size() + full_.size()) * 3 >= nodes_.size();
    const auto fault = random_() % 10;
    if (fault < 5 && ill)
      return heal(n);
    if (fault < 5 && enough)
      return;
    switch (fault) {
    case 0:
    case 1:
      nodes_[n].kill9();
      down_.insert(n);
      ++kills;
      return;
    case 2:
      nodes_[n].signal(SIGSTOP);
      hung_.insert(n);
      ++hangs;
      return;
    case 3: return fail_sync(n);
    case 4: return fill_disk(n);
    case 5:
      if (n < machines_.size()) // within what the others take
        machines_[n]->shift_clock(static_cast<int64_t>(random_() % 120'000) - 60'000);
      ++clock_steps;
      return;
    case 6:
      for (const auto* some : {&down_, &hung_, &full_})
        if (!some->empty())
          return heal(*some->begin());
      return;
    case 7:
      wires_.any(random_).cut();
      ++cuts;
      return;
    case 8:
      wires_.any(random_).limit(random_() % 2 == 0 ? 0 : 20'000);
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
    while (down_.contains(host) || hung_.contains(host) || full_.contains(host))
      ++host;
    const auto name = "late-" + std::to_string(to_join_);
    auto& fresh = nodes_.add_newcomer(
        name, [&](const node& dialled) { return wires_.between(name, dialled); }, terms);
    fresh.start();
    // A store that a full disk has failed is opened again, now that there is room; until then its
    // node asks to be tried again.
    finished added;
    const bool answered = eventually(
        [&] {
          added =
              nodes_[host].cli({"member", "add", "lab", fresh.device() + "@" + fresh.address()});
          return added.err.find("unavailable") == std::string::npos;
        },
        60s);
    BOOST_REQUIRE_MESSAGE((answered && added.code == 0), added.err);
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
    while (!full_.empty())
      heal(*full_.begin());
    for (auto& m : machines_)
      m->shift_clock(0);
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
  unsigned failed_syncs = 0;
  unsigned full_disks = 0;
  unsigned clock_steps = 0;

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
    if (full_.erase(n) > 0) {
      machines_[n]->disk.pretend_free(0);
      limit_files(n, RLIM_INFINITY);
    }
    if (down_.erase(n) > 0) {
      if (n < machines_.size())
        machines_[n]->disk.heal();
      nodes_[n].start(n < machines_.size() ? machines_[n]->environment()
                                           : std::map<std::string, std::string>());
    }
  }
  /// Syncs fail: the node ends, to be started again.
  void fail_sync(size_t n) {
    if (n >= machines_.size())
      return;
    machines_[n]->disk.fail_syncs_from_now(EIO);
    // Met while the library was being opened, it is tried again and again.
    const auto shown_failed = [&] {
      const auto said =
          json::parse(read_file(nodes_[n].dir() / "run" / "endpoints.json"), nullptr, false);
      return said.is_object()
             && api(said["api"], nodes_[n].token()).get(lab_path()).text.find("\"failed\"")
                    != std::string::npos;
    };
    BOOST_TEST(eventually([&] { return !nodes_[n].running() || shown_failed(); }, 60s),
               nodes_[n].name() << " does not notice that syncs fail");
    if (nodes_[n].running())
      nodes_[n].kill9();
    else
      BOOST_TEST((nodes_[n].ended_within(0ms) == 75));
    down_.insert(n);
    ++failed_syncs;
  }
  /// Below the reserve, or no file may grow.
  void fill_disk(size_t n) {
    if (n >= machines_.size())
      return;
    if (random_() % 2 == 0)
      machines_[n]->disk.pretend_free(1 << 20);
    else
      limit_files(n, 64 << 10);
    full_.insert(n);
    ++full_disks;
  }
  void limit_files(size_t n, rlim_t bytes) {
    rlimit now{};
    BOOST_REQUIRE(prlimit(nodes_[n].pid(), RLIMIT_FSIZE, nullptr, &now) == 0);
    now.rlim_cur = bytes;
    BOOST_REQUIRE(prlimit(nodes_[n].pid(), RLIMIT_FSIZE, &now, nullptr) == 0);
  }
  void let_write(size_t n) {
    constexpr auto between = 10ms;
    writers_.push_back(
        std::make_unique<writer>(nodes_[n], told_, static_cast<unsigned>(n + 1), between));
  }

  std::mt19937_64 random_;
  wires wires_;
  cluster nodes_;
  std::vector<std::unique_ptr<machine>> machines_; // of all but those that joined
  ledger told_;
  std::set<size_t> down_;
  std::set<size_t> hung_;
  std::set<size_t> full_;
  size_t to_join_;
  std::vector<std::unique_ptr<writer>> writers_; // last: they use the nodes
};

} // namespace

BOOST_AUTO_TEST_SUITE(chaos)

BOOST_AUTO_TEST_CASE(ten_nodes_are_equal_and_whole_after_kills_cuts_silence_bad_disks_and_joins) {
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
                               << all.silences << " silences or slow links, " << all.failed_syncs
                               << " failed syncs, " << all.full_disks << " full disks, "
                               << all.clock_steps << " clock steps, " << all.acknowledged()
                               << " records acknowledged");
  all.calm();
  all.check();
  BOOST_TEST(all.size() == 10U);
  BOOST_TEST(all.kills > 0U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
