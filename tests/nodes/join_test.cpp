// A node that joins a library which others go on writing, and what dies meanwhile.

#include "tests/nodes/batches.hpp"
#include "tests/nodes/proxy.hpp"
#include "tests/nodes/writers.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

namespace shoal::nodes {

namespace {

const std::string only_dials = "dial = \"configured\"\n";

/// The ways of one newcomer to all others. Nobody dials it, so that all its bytes are counted here,
/// over all its lives.
class ways {
public:
  std::string to(const node& n) {
    auto& p = proxies_[n.device()];
    if (!p)
      p = std::make_unique<proxy>(n.port());
    return p->address();
  }
  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const auto& [device, p] : proxies_)
      sum += p->bytes();
    return sum;
  }
  void limit(uint64_t bytes_per_second) {
    for (auto& [device, p] : proxies_)
      p->limit(static_cast<int64_t>(bytes_per_second));
  }
  void unlimit() {
    for (auto& [device, p] : proxies_)
      p->unlimit();
  }

private:
  std::map<std::string, std::unique_ptr<proxy>> proxies_;
};

/// Three nodes with a library that one of them has written.
struct library_of_three : cluster {
  static constexpr size_t records = 30'000;
  static options quiet() {
    options how;
    how.sync = only_dials;
    return how;
  }

  library_of_three() : cluster(3, quiet()) {
    start();
    std::mt19937_64 random(test_seed());
    std::vector<json> ops;
    for (size_t n = 0; n < records; ++n)
      ops.push_back(n % 10 == 0 ? tag_op(numbered_id(1, n), noise(random, 100))
                                : entry_op(numbered_id(2, n), noise(random, 100)));
    auto at_a = (*this)[0].client();
    // Small batches: a range ends between two of them, and a kill costs the range under way.
    write_batches(at_a, ops, 500);
    BOOST_REQUIRE(converge(60s));
  }

  /// A newcomer behind `through`, a member by word of node a.
  node& join(const std::string& name, ways& through) {
    auto& fresh = add_newcomer(
        name, [&](const node& n) { return through.to(n); }, only_dials);
    const auto added =
        (*this)[0].cli({"member", "add", "lab", fresh.device() + "@" + fresh.address()});
    BOOST_REQUIRE_MESSAGE(added.code == 0, added.err);
    return fresh;
  }

  /// What all of the library costs a newcomer whom nothing disturbs.
  uint64_t cost_of_all() {
    ways calm;
    join("calm", calm).start();
    BOOST_REQUIRE(converge(60s));
    const auto whole = calm.bytes();
    BOOST_TEST(whole > records * 60, "the library went around the proxies: " << whole);
    BOOST_REQUIRE(nodes_stop_last());
    return whole;
  }

private:
  bool nodes_stop_last() { return (*this)[size() - 1].stop() == 0; }
};

struct filling {
  std::string state;
  double progress = 0;
  std::string source;
  uint64_t records = 0;
};

filling look(api& at) {
  filling out;
  const auto got = at.get(lab_path());
  BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
  out.state = got.body["state"];
  out.progress = got.body["progress"];
  if (got.body.contains("source") && got.body["source"].is_string())
    out.source = got.body["source"];
  for (const auto& [model, count] : got.body["records"].items())
    out.records += count.get<uint64_t>();
  return out;
}

/// Returns once it is filled to `part`, and by then shows a backfill; what it was before is noted.
filling await_progress(node& fresh, double part, std::set<std::string>& states) {
  auto at = fresh.client();
  filling now;
  const bool there = eventually(
      [&] {
        now = look(at);
        states.insert(now.state);
        return now.state == "ready" || (now.state == "backfilling" && now.progress >= part);
      },
      60s);
  BOOST_REQUIRE_MESSAGE(there && now.state == "backfilling",
                        "no backfill at " << part << ": it is " << now.state << " with "
                                          << now.records << " records, progress " << now.progress);
  return now;
}

} // namespace

BOOST_AUTO_TEST_SUITE(joins)

BOOST_FIXTURE_TEST_CASE(a_newcomer_that_is_killed_again_and_again_goes_on_where_it_was,
                        library_of_three) {
  constexpr unsigned kills = 5;
  const auto whole = cost_of_all();
  ledger told;
  std::vector<std::unique_ptr<writer>> writers;
  for (size_t n = 0; n < 3; ++n)
    writers.push_back(
        std::make_unique<writer>((*this)[n], told, static_cast<unsigned>(n + 1), 20ms));
  ways through;
  auto& fresh = join("fresh", through);
  through.limit(whole / 4); // a second holds a quarter of it: there is time to see and to kill
  fresh.start();
  std::set<std::string> states;
  uint64_t had = 0;
  for (unsigned k = 1; k <= kills; ++k)
    BOOST_TEST_CONTEXT("life " << k) {
      const auto now = await_progress(fresh, k / (kills + 1.0), states);
      BOOST_TEST(now.records >= had);
      fresh.kill9();
      fresh.start();
      auto at = fresh.client();
      const auto again = look(at);
      BOOST_TEST(again.records >= now.records,
                 "began again with " << again.records << " of " << now.records << " records");
      had = again.records;
      states.insert(again.state);
    }
  BOOST_TEST(!states.contains("ready"));
  through.unlimit();
  auto at_fresh = fresh.client();
  BOOST_TEST(eventually([&] { return look(at_fresh).state == "ready"; }, 60s),
             "it never caught up with those who write: " << at_fresh.get(lab_path()).text);
  for (auto& w : writers)
    w->pause();
  uint64_t written = 0;
  for (const auto& w : writers)
    written += w->acknowledged();
  BOOST_REQUIRE(converge(60s, {0, 1, 2, 4}));
  check_exports({0, 1, 2, 4});
  const auto held = by_id(exported(4));
  told.check(held);
  for (const auto& w : writers)
    w->check(held);
  BOOST_TEST_MESSAGE("undisturbed " << whole << " bytes; with " << kills << " kills and " << written
                                    << " writes beside it " << through.bytes());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
