// What two writers did to one record.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <random>
#include <set>
#include <thread>

namespace shoal::nodes {

namespace {

const std::string tag_id = "11111111-2222-4333-8444-555555555555";

struct three : cluster {
  three() : cluster(3) {
    start();
    for (size_t n = 0; n < 3; ++n)
      at.push_back((*this)[n].client());
  }
  /// Runs `write(n)` against all three nodes at the same time.
  template <class Write>
  void all_at_once(Write write) {
    std::vector<std::thread> threads;
    std::array<answer, 3> got;
    for (size_t n = 0; n < 3; ++n)
      threads.emplace_back([&, n] { got[n] = write(n); });
    for (auto& t : threads)
      t.join();
    for (const auto& a : got)
      BOOST_TEST(a.ok(), a.text);
  }
  json fields(size_t n, const std::string& model = "tag", const std::string& id = tag_id) {
    const auto got = at[n].get(record(model, id));
    BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
    return got.body["fields"];
  }
  void settle() {
    BOOST_REQUIRE(converge());
    check_exports();
  }
  std::vector<api> at;
};

} // namespace

BOOST_AUTO_TEST_SUITE(merges)

BOOST_FIXTURE_TEST_CASE(concurrent_writes_to_different_fields_of_one_tag_all_survive, three) {
  BOOST_REQUIRE(at[0].put(record("tag", tag_id), {{"canonical_name", "x"}}).ok());
  settle();
  const std::array names{"color", "icon", "description"};
  for (int round = 0; round < 10; ++round) {
    const auto value = std::to_string(round);
    all_at_once([&](size_t n) { return at[n].put(record("tag", tag_id), {{names[n], value}}); });
    settle();
    for (const char* name : names)
      BOOST_TEST(fields(2)[name] == value);
  }
}

BOOST_FIXTURE_TEST_CASE(concurrent_writes_to_one_field_have_one_winner_everywhere, three) {
  for (int round = 0; round < 10; ++round) {
    all_at_once([&](size_t n) {
      return at[n].put(record("tag", tag_id),
                       {{"canonical_name", std::to_string(round) + " of " + std::to_string(n)}});
    });
    settle();
    const std::string winner = fields(0)["canonical_name"];
    BOOST_TEST(winner.starts_with(std::to_string(round) + " of "));
    for (size_t n = 1; n < 3; ++n)
      BOOST_TEST(fields(n)["canonical_name"] == winner);
  }
}

BOOST_FIXTURE_TEST_CASE(writes_around_a_node_that_is_cut_off_merge_when_it_is_back, three) {
  std::mt19937_64 random(test_seed());
  BOOST_REQUIRE(at[0].put(record("tag", tag_id), {{"canonical_name", "x"}}).ok());
  settle();
  for (int round = 0; round < 6; ++round) {
    const auto away = random() % 3;
    const auto value = std::to_string(round);
    // The node writes while nobody hears it, the others while it hears nobody.
    for (size_t n = 0; n < 3; ++n)
      if (n != away)
        (*this)[n].signal(SIGSTOP);
    const bool killed = random() % 2 == 0;
    BOOST_TEST(at[away]
                   .put(record("tag", tag_id),
                        {{"canonical_name", "alone " + value}, {"color", "#" + value}})
                   .ok());
    killed ? (*this)[away].kill9() : (*this)[away].signal(SIGSTOP);
    for (size_t n = 0; n < 3; ++n)
      if (n != away)
        (*this)[n].signal(SIGCONT);
    for (size_t n = 0; n < 3; ++n)
      if (n != away)
        BOOST_TEST(
            at[n]
                .put(record("tag", tag_id), {{"canonical_name", "together " + value},
                                             {n == (away + 1) % 3 ? "icon" : "description", value}})
                .ok());
    if (killed) {
      (*this)[away].start();
      at[away] = (*this)[away].client();
    } else {
      (*this)[away].signal(SIGCONT);
    }
    BOOST_TEST_CONTEXT("round " << round << ", node " << away
                                << (killed ? " killed" : " stopped")) {
      settle();
      const auto now = fields(away);
      BOOST_TEST(now["color"] == "#" + value);
      BOOST_TEST(now["icon"] == value);
      BOOST_TEST(now["description"] == value);
      BOOST_TEST(now["canonical_name"] == "together " + value); // written last
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_delete_beats_a_concurrent_edit_and_a_later_insert_revives, three) {
  const auto path = record("tag", tag_id);
  const auto restart = [this](size_t n) {
    (*this)[n].start();
    at[n] = (*this)[n].client();
  };
  for (int round = 0; round < 4; ++round) {
    BOOST_REQUIRE(
        at[0].put(path, {{"canonical_name", "first"}, {"color", "#1"}, {"icon", "old"}}).ok());
    settle();
    // Killed, not stopped: what is sent to a stopped process waits for it in the kernel.
    (*this)[1].kill9();
    (*this)[2].kill9();
    BOOST_TEST(at[0].remove(path).ok());
    (*this)[0].kill9();
    restart(1);
    restart(2);
    BOOST_TEST(at[1].put(path, {{"color", "#2"}}).ok()); // later than the delete, and unaware
    restart(0);
    settle();
    for (size_t n = 0; n < 3; ++n) {
      BOOST_TEST(at[n].get(path).status == 404);
      const auto mark = at[n].get(path + "?deleted=true");
      BOOST_TEST(mark.status == 200);
      BOOST_TEST(mark.body["deleted"] == true);
    }
    BOOST_TEST(at[2].remove(path).status == 404);
    BOOST_TEST(at[2].put(path, {{"canonical_name", "second"}}).ok());
    settle();
    for (size_t n = 0; n < 3; ++n) {
      const auto now = fields(n);
      BOOST_TEST(now["canonical_name"] == "second");
      BOOST_TEST(now.value("icon", json()).is_null()); // the delete masks what is older than it
    }
    BOOST_TEST(at[1].remove(path).ok());
    settle();
  }
}

BOOST_FIXTURE_TEST_CASE(tags_of_one_name_coexist_and_natural_keys_meet_in_one_record, three) {
  all_at_once([&](size_t n) {
    return at[n].put(record("tag", "new"),
                     {{"canonical_name", "Vacation"}, {"namespace", std::to_string(n)}});
  });
  const std::string entry = "aaaaaaaa-0000-4000-8000-000000000001";
  std::array<std::string, 3> ids;
  all_at_once([&](size_t n) {
    auto got = at[n].put(record("user_metadata", "new"),
                         {{"entry_id", entry}, {"custom", {{"key " + std::to_string(n), n}}}});
    ids[n] = got.body.value("id", "");
    return got;
  });
  settle();
  BOOST_TEST(at[2].get(lab_path("/records/tag")).body["items"].size() == 3U);
  BOOST_TEST(!ids[0].empty());
  BOOST_TEST(ids[0] == ids[1]);
  BOOST_TEST(ids[1] == ids[2]);
  const auto custom = fields(1, "user_metadata", ids[0])["custom"];
  for (int n = 0; n < 3; ++n) // a map merges per key
    BOOST_TEST(custom["key " + std::to_string(n)] == n);
  const auto wrong = at[0].put(record("user_metadata", tag_id), {{"entry_id", entry}});
  BOOST_TEST(wrong.status == 422);
  BOOST_TEST(wrong.error() == "id_mismatch");
}

BOOST_FIXTURE_TEST_CASE(what_was_added_to_a_set_on_different_nodes_is_all_in_it, three) {
  BOOST_REQUIRE(
      at[0]
          .put(record("tag", tag_id), {{"canonical_name", "x"}, {"aliases", json::array({"old"})}})
          .ok());
  settle();
  all_at_once([&](size_t n) {
    return at[n].put(
        record("tag", tag_id),
        {{"aliases", {{"$add", {"from " + std::to_string(n)}}, {"$remove", {"old"}}}}});
  });
  settle();
  auto aliases = fields(1)["aliases"].get<std::set<std::string>>();
  BOOST_TEST(aliases == (std::set<std::string>{"from 0", "from 1", "from 2"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
