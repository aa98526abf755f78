// A store seen with a commit that is under way says what it says once that has ended: before, while
// and after.
#include "store/sync/pending_view.hpp"
#include "messages/ids.hpp"
#include "rocks_store_fixture.hpp"

#include <random>

using namespace shoal;

namespace {

/// Everything that a view can be asked, in one text per question.
struct answers {
  rocks_rows rows;
  std::vector<std::string> others;
  bool operator==(const answers&) const = default;
};

std::string shown(const std::optional<std::string>& value) { return value ? "=" + *value : "none"; }

/// `names` ascend.
answers ask(const kv_view& view, const std::vector<std::string>& names, std::mt19937_64 rng) {
  answers out;
  out.rows = *all_rows(view);
  for (const auto f : {family::owned, family::index, family::meta}) {
    const auto many = view.get_many(f, names);
    BOOST_REQUIRE(many.ok());
    for (size_t i = 0; i < names.size(); ++i) {
      out.others.push_back(shown((*many)[i]));
      out.others.push_back(shown(*view.get(f, names[i])));
    }
    const auto at = view.cursor(f);
    for (int seeks = 0; seeks < 20; ++seeks) {
      at->seek(names[rng() % names.size()]);
      for (uint64_t steps = rng() % 4; at->valid() && steps > 0; --steps)
        at->next();
      out.others.push_back(at->valid() ? std::string(at->key()) + "=" + std::string(at->value())
                                       : "end");
    }
  }
  kv_transaction txn(view);
  for (const auto& name : names) {
    std::string seen;
    const auto found = txn.any_with_prefix(
        family::owned, std::string_view(name).substr(0, name.size() - sizeof(device_id::bytes)),
        [&](std::string_view key, std::string_view value) {
          seen += std::string(key) + "=" + std::string(value);
          return false;
        });
    BOOST_REQUIRE(found.ok());
    out.others.push_back(seen);
  }
  return out;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(pending_views, rocks_directory)

BOOST_AUTO_TEST_CASE(a_pending_view_says_what_the_store_says_after_the_commit) {
  const auto seed = seed_of_this_run();
  std::mt19937_64 rng(seed);
  // As rows of `owned` are named: length of the model, the model, the id, the owner.
  std::vector<std::string> names;
  for (char id = 'a'; id < 'i'; ++id)
    for (char owner = 'p'; owner < 's'; ++owner)
      names.push_back("\x05"
                      "entry"
                      + std::string(16, id) + std::string(16, owner));
  auto store = open();
  for (int round = 0; round < 40; ++round)
    BOOST_TEST_CONTEXT("seed " << seed << " round " << round) {
      kv_transaction txn(*store);
      for (uint64_t n = rng() % 20; n > 0; --n)
        for (const auto f : {family::owned, family::index, family::meta}) {
          const auto& name = names[rng() % names.size()];
          if (rng() % 3 == 0)
            txn.erase(f, name);
          else
            txn.put(f, name, std::to_string(rng() % 1000));
        }
      if (rng() % 4 == 0)
        for (uint64_t n = 0; n < 6000; ++n)
          txn.put(family::log, numbered(n), std::string(200, 'x')); // goes to disk as tables
      const auto batch = std::make_shared<const kv_batch>(txn.take());
      const pending_view view(*store, batch);
      const auto before = ask(view, names, rng);
      BOOST_REQUIRE(store->commit(*batch).ok());
      BOOST_TEST((ask(view, names, rng) == before));
      BOOST_TEST((ask(*store, names, rng) == before));
      rng.discard(100);
    }
}

BOOST_AUTO_TEST_SUITE_END()
