// Nodes that end at the worst moment: nothing that was acknowledged may be missing anywhere.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <csignal>
#include <mutex>
#include <random>
#include <set>
#include <thread>

namespace shoal::nodes {

namespace {

/// What the writers were told is durable. Kept here, outside of every process that is killed.
class ledger {
public:
  void note(const std::string& id, uint64_t version) {
    const std::lock_guard guard(mutex_);
    auto& newest = acknowledged_[id];
    newest = std::max(newest, version);
  }
  std::map<std::string, uint64_t> all() const {
    const std::lock_guard guard(mutex_);
    return acknowledged_;
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> acknowledged_; // record → newest version acknowledged
};

/// A client of one node that writes as fast as it is answered: fresh tags, fresh entries, atomic
/// pairs, and again and again a tag of its own. Each record's `search_weight` or `size` counts its
/// versions.
class writer {
public:
  writer(node& target, ledger& told, unsigned number)
      : target_(target), told_(told), number_(number), thread_([this] { run(); }) {}
  ~writer() { end(); }
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  /// Returns once no request is under way.
  void pause() {
    paused_ = true; // first: a busy writer would take the mutex again and again
    const std::lock_guard guard(mutex_);
  }
  void resume() { paused_ = false; }
  void end() {
    stop_ = true;
    if (thread_.joinable())
      thread_.join();
  }
  uint64_t acknowledged() const { return acknowledged_; }
  /// Pairs whose halves must be on a node both or not at all.
  std::vector<std::pair<std::string, std::string>> pairs() const {
    const std::lock_guard guard(mutex_);
    return pairs_;
  }

private:
  std::string fresh_id() {
    char text[40];
    snprintf(text, sizeof text, "%08x-aaaa-4000-8000-%012lx", number_,
             static_cast<unsigned long>(++ids_));
    return text;
  }

  void run() {
    std::optional<api> client;
    std::string url;
    while (!stop_) {
      const std::lock_guard guard(mutex_);
      if (paused_ || !step(client, url)) {
        client.reset(); // the node is away, or was told to be: look where it is now
        std::this_thread::sleep_for(5ms);
      }
    }
  }

  bool step(std::optional<api>& client, std::string& url) {
    if (!client) {
      const auto said =
          json::parse(read_file(target_.dir() / "run" / "endpoints.json"), nullptr, false);
      if (!said.is_object())
        return false;
      url = said["api"];
      client.emplace(url, target_.token());
    }
    ++turn_;
    if (turn_ % 4 == 0) { // its own tag, once more
      const auto version = ++own_version_;
      return done(client->put(record("tag", own_tag_),
                              {{"canonical_name", "own"}, {"search_weight", version}}),
                  {{own_tag_, version}});
    }
    const auto one = fresh_id();
    if (turn_ % 4 == 1)
      return done(client->put(record("tag", one), {{"canonical_name", "t"}, {"search_weight", 1}}),
                  {{one, 1}});
    if (turn_ % 4 == 2)
      return done(client->put(record("entry", one), {{"name", "e"}, {"kind", "file"}, {"size", 1}}),
                  {{one, 1}});
    const auto two = fresh_id();
    pairs_.emplace_back(one, two);
    json ops = json::array();
    ops.push_back({{"model", "tag"},
                   {"id", one},
                   {"fields", {{"canonical_name", "pair"}, {"search_weight", 1}}}});
    ops.push_back({{"model", "entry"},
                   {"id", two},
                   {"fields", {{"name", "pair"}, {"kind", "file"}, {"size", 1}}}});
    return done(client->post(lab_path("/batch"), {{"ops", ops}}), {{one, 1}, {two, 1}});
  }

  bool done(const answer& got, const std::map<std::string, uint64_t>& wrote) {
    if (!got.ok()) { // no answer: whether it is there is unknown, and nothing was promised
      if (got.status != 0 && got.status != 503 && got.status != 507)
        refused_ = got.text;
      return false;
    }
    for (const auto& [id, version] : wrote)
      told_.note(id, version);
    acknowledged_ += wrote.size();
    return true;
  }

public:
  /// The last answer that said no to a write which is right.
  std::string refused() const {
    const std::lock_guard guard(mutex_);
    return refused_;
  }

private:
  node& target_;
  ledger& told_;
  unsigned number_;
  mutable std::mutex mutex_; // held during a request
  std::vector<std::pair<std::string, std::string>> pairs_;
  std::string refused_;
  uint64_t turn_ = 0;
  uint64_t ids_ = 0;
  uint64_t own_version_ = 0;
  std::string own_tag_ = fresh_id();
  std::atomic<uint64_t> acknowledged_{0};
  std::atomic<bool> paused_{false};
  std::atomic<bool> stop_{false};
  std::thread thread_; // last: it uses all of the above
};

struct loaded_cluster {
  explicit loaded_cluster(size_t n, const std::string& sync = {}) : nodes(n, with(sync)) {
    nodes.start();
    for (size_t i = 0; i < n; ++i)
      writers.push_back(std::make_unique<writer>(nodes[i], told, static_cast<unsigned>(i + 1)));
  }

  static cluster::options with(const std::string& sync) {
    cluster::options how;
    how.sync = sync;
    return how;
  }

  /// Waits until each writer was acknowledged `more` writes from now on, so that what follows hits
  /// a node at work.
  void let_write(uint64_t more) {
    std::vector<uint64_t> goal;
    for (const auto& w : writers)
      goal.push_back(w->acknowledged() + more);
    BOOST_REQUIRE(eventually([&] {
      for (size_t i = 0; i < writers.size(); ++i)
        if (nodes[i].running() && writers[i]->acknowledged() < goal[i])
          return false;
      return true;
    }));
  }

  /// With the writers held: equal everywhere, and nothing acknowledged is missing.
  void check() {
    for (auto& w : writers)
      w->pause();
    BOOST_REQUIRE_MESSAGE(nodes.converge(30s), "the nodes did not converge within 30 s");
    nodes.check_exports();
    const auto records = by_id(nodes.exported(0));
    const auto promised = told.all();
    size_t missing = 0;
    for (const auto& [id, version] : promised) {
      const auto found = records.find(id);
      uint64_t stands = 0;
      if (found != records.end()) {
        const auto& fields = found->second["fields"];
        stands =
            fields.value(found->second["model"] == "tag" ? "search_weight" : "size", uint64_t{0});
      }
      if (stands < version && ++missing <= 5)
        BOOST_ERROR("acknowledged and missing: " << id << " version " << version << ", there is "
                                                 << stands);
    }
    BOOST_REQUIRE_MESSAGE(missing == 0, missing << " of " << promised.size()
                                                << " acknowledged writes are missing");
    for (const auto& w : writers) {
      BOOST_TEST(w->refused().empty(), w->refused());
      for (const auto& [one, two] : w->pairs())
        BOOST_REQUIRE_MESSAGE(records.contains(one) == records.contains(two),
                              "half of an atomic batch: " << one << ", " << two);
    }
    for (auto& w : writers)
      w->resume();
  }

  cluster nodes;
  ledger told;
  std::vector<std::unique_ptr<writer>> writers;
};

} // namespace

BOOST_AUTO_TEST_SUITE(kills)

BOOST_AUTO_TEST_CASE(no_acknowledged_write_is_lost_by_kill_nine_of_random_nodes_under_load) {
  std::mt19937_64 random(test_seed());
  const auto kills = kill_count(15);
  loaded_cluster lab(3);
  for (size_t done = 0; done < kills;) {
    lab.let_write(5 + random() % 40);
    // Mostly one, now and then two or all three at once.
    std::set<size_t> victims{random() % 3};
    if (random() % 4 == 0)
      victims.insert(random() % 3);
    if (random() % 8 == 0)
      victims = {0, 1, 2};
    for (const auto v : victims)
      lab.nodes[v].signal(SIGKILL);
    for (const auto v : victims)
      lab.nodes[v].kill9();
    done += victims.size();
    if (victims.size() < 3 && random() % 2 == 0)
      lab.let_write(5 + random() % 20); // the others go on without it
    for (const auto v : victims)
      lab.nodes[v].launch();
    if (random() % 4 == 0) { // and once more while it starts
      lab.nodes[*victims.begin()].kill9();
      lab.nodes[*victims.begin()].launch();
      ++done;
    }
    for (const auto v : victims)
      lab.nodes[v].await_start();
    BOOST_TEST_CONTEXT("after " << done << " kills") { lab.check(); }
  }
  lab.let_write(20);
  lab.check();
  BOOST_TEST_MESSAGE(kills << " kills, " << lab.told.all().size() << " records acknowledged");
}

BOOST_AUTO_TEST_CASE(sigterm_under_load_ends_within_five_seconds_and_loses_nothing) {
  std::mt19937_64 random(test_seed());
  loaded_cluster lab(3);
  for (int round = 0; round < 4; ++round) {
    lab.let_write(20 + random() % 20);
    auto& victim = lab.nodes[static_cast<size_t>(round) % 3];
    const auto code = victim.stop(5s);
    BOOST_REQUIRE_MESSAGE(code, victim.name() << " still ran 5 s after SIGTERM");
    BOOST_TEST(*code == 0);
    BOOST_TEST(!fs::exists(victim.dir() / "run" / "endpoints.json"));
    victim.start();
    lab.check();
  }
}

BOOST_AUTO_TEST_CASE(a_node_that_returns_with_data_has_it_at_once_and_never_begins_from_nothing) {
  cluster lab(2);
  lab.start();
  auto at_b = lab[1].client();
  json ops = json::array();
  for (int n = 0; n < 2000; ++n)
    ops.push_back(
        {{"model", "tag"}, {"id", "new"}, {"fields", {{"canonical_name", std::to_string(n)}}}});
  BOOST_REQUIRE(at_b.post(lab_path("/batch"), {{"ops", ops}}).ok());
  BOOST_REQUIRE(lab.converge());
  const auto before = lab.exported(1);
  lab[0].kill9();
  lab[1].kill9();
  lab[1].start();
  auto again = lab[1].client();
  std::set<std::string> states;
  BOOST_TEST(lab.exported(1) == before);
  BOOST_TEST(eventually([&] {
    states.insert(again.get(lab_path()).body["state"]);
    return states.contains("ready");
  }));
  for (const auto& state : states)
    BOOST_TEST((state == "catching_up" || state == "ready"), state);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
