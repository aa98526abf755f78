// A library's life on a node: joining through one address, leaving, coming back, pausing.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <sstream>
#include <thread>

namespace shoal::nodes {

namespace {

constexpr const char* quick_retries = "\n[sync]\nretry_initial_ms = 100\nretry_max_seconds = 1\n";

json library_of(node& n) {
  const auto got = n.client().get(lab_path());
  return got.ok() ? got.body : json::object();
}
std::string state_of(node& n) { return library_of(n).value("state", "none"); }

/// A node that has joined the lab through `via`, and the command that it printed.
std::string join(cluster& lab, node& fresh, node& via) {
  const auto joined = fresh.cli({"library", "join", lab.library(), "--name", "lab", "--via",
                                 via.device() + "@" + via.address()});
  BOOST_REQUIRE_MESSAGE(joined.code == 0, joined.err);
  return json::parse(joined.out)["run"];
}

/// Runs a printed `shoal …` line at a node.
finished run_line(const node& at, const std::string& line) {
  std::vector<std::string> words;
  std::istringstream in(line);
  for (std::string word; in >> word;)
    words.push_back(word);
  words.erase(words.begin());
  return at.cli(words);
}

size_t tags_of(node& n) {
  const auto got = n.client().get(lab_path("/records/tag?limit=10000"));
  return got.ok() ? got.body["items"].size() : 0;
}

void put_tags(node& n, int count) {
  auto at = n.client();
  for (int i = 0; i < count; ++i)
    BOOST_TEST(
        at.put(record("tag", "new"), {{"canonical_name", n.name() + std::to_string(i)}}).ok());
}

std::vector<fs::path> put_aside(const node& n, const std::string& why) {
  std::vector<fs::path> out;
  for (const auto& dir : fs::directory_iterator(n.dir() / "data" / "libraries"))
    if (dir.path().filename().string().starts_with(why + "-"))
      out.push_back(dir.path());
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(life)

BOOST_AUTO_TEST_CASE(a_library_of_one_member_takes_a_second_that_joins) {
  cluster lab(1);
  lab.start();
  put_tags(lab[0], 20);
  auto& fresh = lab.add("fresh");
  fresh.configure(quick_retries);
  fresh.start();
  const auto line = join(lab, fresh, lab[0]);
  BOOST_TEST(line
             == "shoal member add lab " + fresh.device() + "@" + fresh.address() + " --name fresh");
  BOOST_TEST(state_of(fresh) == "uninitialized");
  // It does not make itself a member by its own say, there or here.
  BOOST_TEST(fresh.client().get(lab_path("/members")).body["items"].empty());
  BOOST_TEST(lab[0].client().get(lab_path("/members")).body["items"].size() == 1U);
  BOOST_TEST(fresh.client().get("/readyz").status == 503);
  const auto added = run_line(lab[0], line);
  BOOST_REQUIRE_MESSAGE(added.code == 0, added.err);
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  BOOST_TEST(eventually([&] { return state_of(fresh) == "ready"; }));
  put_tags(fresh, 5);
  BOOST_REQUIRE(lab.converge());
  BOOST_TEST(tags_of(lab[0]) == 25U);
  // A member like all others from now on: also after a restart, when it dials whom it learned of.
  fresh.kill9();
  fresh.start();
  put_tags(fresh, 1);
  BOOST_REQUIRE(lab.converge());
}

BOOST_AUTO_TEST_CASE(a_fourth_node_joins_through_one_address_while_three_write) {
  cluster lab(3);
  lab.start();
  put_tags(lab[0], 10);
  auto& fresh = lab.add("fresh");
  fresh.configure(quick_retries);
  fresh.start();
  // The one it is to come in by is down: the join does not wait for it.
  lab[1].kill9();
  const auto line = join(lab, fresh, lab[1]);
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers;
  for (const size_t n : {size_t{0}, size_t{2}})
    writers.emplace_back([&lab, &stop, n] {
      auto at = lab[n].client();
      while (!stop)
        at.put(record("tag", "new"), {{"canonical_name", "busy"}});
    });
  lab[1].start();
  const auto added = run_line(lab[1], line);
  const bool filled = added.code == 0 && eventually([&] { return tags_of(fresh) > 50; }, 60s);
  stop = true;
  for (auto& w : writers)
    w.join();
  BOOST_REQUIRE_MESSAGE(added.code == 0, added.err);
  BOOST_TEST(filled);
  BOOST_REQUIRE(lab.converge(60s));
  lab.check_exports();
  // It learned of the two others from the set, and is linked with them.
  BOOST_TEST(eventually([&] {
    const auto peers = fresh.client().get(lab_path("/peers")).body["items"];
    return peers.size() == 3 && std::all_of(peers.begin(), peers.end(), [](const json& p) {
             return p["connected"] == true;
           });
  }));
}

BOOST_AUTO_TEST_CASE(a_member_that_leaves_is_no_longer_counted_and_may_join_again) {
  cluster lab(2);
  lab.start();
  auto& third = lab.add("third");
  third.configure(quick_retries);
  third.start();
  const auto line = join(lab, third, lab[0]);
  BOOST_REQUIRE(run_line(lab[0], line).code == 0);
  put_tags(third, 10);
  BOOST_REQUIRE(lab.converge());
  const auto left = third.cli({"library", "leave", "lab"});
  BOOST_REQUIRE_MESSAGE(left.code == 0, left.err);
  BOOST_TEST(third.client().get(lab_path()).status == 404);
  BOOST_TEST(put_aside(third, "left").size() == 1U);
  for (const size_t n : {size_t{0}, size_t{1}})
    BOOST_TEST(eventually([&] {
      const auto members = lab[n].client().get(lab_path("/members"));
      for (const auto& m : members.body["items"])
        if (m["device"] == third.device())
          return m["state"] == "removed";
      return false;
    }));
  // It does not hold the log back.
  put_tags(lab[0], 5);
  BOOST_REQUIRE(lab.converge(30s, {0, 1}));
  for (const size_t n : {size_t{0}, size_t{1}})
    BOOST_TEST(eventually([&] { return log_entries(lab[n]) == 0; }));
  // Forgotten also after a restart.
  third.kill9();
  third.start();
  BOOST_TEST(third.client().get(lab_path()).status == 404);

  const auto again = join(lab, third, lab[1]);
  const auto readmit = again.find(" --readmit");
  BOOST_REQUIRE(readmit != std::string::npos); // it knows that it was removed
  const auto refused = run_line(lab[1], again.substr(0, readmit));
  BOOST_TEST(refused.code == 1);
  BOOST_TEST(refused.err.find("--readmit") != std::string::npos, refused.err);
  BOOST_REQUIRE(run_line(lab[1], again).code == 0);
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  BOOST_TEST(tags_of(third) == 15U);
  put_tags(third, 3);
  BOOST_REQUIRE(lab.converge());
  for (size_t n = 0; n < 3; ++n)
    BOOST_TEST(eventually([&] { return log_entries(lab[n]) == 0; }),
               lab[n].name() << " keeps " << log_entries(lab[n]));
}

BOOST_AUTO_TEST_CASE(a_leave_that_nobody_was_there_to_hear_of_is_told_later_and_lasts) {
  cluster lab(3);
  lab.start();
  put_tags(lab[2], 4);
  BOOST_REQUIRE(lab.converge());
  for (const size_t n : {size_t{0}, size_t{1}})
    BOOST_TEST(lab[n].stop().value_or(-1) == 0);
  const auto left = lab[2].cli({"library", "leave", "lab", "--now"});
  BOOST_REQUIRE_MESSAGE(left.code == 0, left.err);
  const auto alarms = [&] { return lab[2].client().get("/v1/status").body["alarms"].dump(); };
  BOOST_TEST(alarms().find("no member has heard") != std::string::npos, alarms());
  // It is named in its shoal.toml, and stays left, and goes on wanting to tell.
  lab[2].kill9();
  lab[2].start();
  BOOST_TEST(lab[2].client().get(lab_path()).status == 404);
  BOOST_TEST(lab[2].log().find("stays left") != std::string::npos);
  BOOST_TEST(alarms().find("no member has heard") != std::string::npos, alarms());
  lab[0].start();
  const auto is_removed = [&](size_t n) {
    const auto members = lab[n].client().get(lab_path("/members"));
    for (const auto& m : members.body["items"])
      if (m["device"] == lab[2].device())
        return m["state"] == "removed";
    return false;
  };
  BOOST_TEST(eventually([&] { return is_removed(0); }));
  BOOST_TEST(eventually([&] { return alarms() == "[]"; }));
  lab[1].start();
  BOOST_TEST(eventually([&] { return is_removed(1); }));
  put_tags(lab[0], 5);
  BOOST_REQUIRE(lab.converge(30s, {0, 1}));
  for (const size_t n : {size_t{0}, size_t{1}})
    BOOST_TEST(eventually([&] { return log_entries(lab[n]) == 0; })); // nobody is waited for

  lab[2].kill9();
  lab[2].start();
  BOOST_TEST(lab[2].client().get(lab_path()).status == 404);
  BOOST_TEST(alarms() == "[]");
  // Until a member takes it back.
  BOOST_REQUIRE(
      lab[1]
          .cli({"member", "add", "lab", lab[2].device() + "@" + lab[2].address(), "--readmit"})
          .code
      == 0);
  BOOST_TEST(eventually([&] { return tags_of(lab[2]) == 9U; }));
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  lab[2].kill9();
  lab[2].start();
  put_tags(lab[2], 1);
  BOOST_REQUIRE(lab.converge());
}

BOOST_AUTO_TEST_CASE(a_library_that_is_named_in_the_configuration_is_joined_again_by_command) {
  cluster lab(2);
  lab.start();
  put_tags(lab[0], 3);
  BOOST_REQUIRE(lab.converge());
  BOOST_REQUIRE(lab[1].cli({"library", "leave", "lab"}).code == 0);
  lab[1].kill9();
  lab[1].start();
  BOOST_TEST(lab[1].client().get(lab_path()).status == 404);
  const auto line = join(lab, lab[1], lab[0]);
  BOOST_TEST(line.ends_with(" --readmit"), line);
  BOOST_REQUIRE(run_line(lab[0], line).code == 0);
  BOOST_REQUIRE(lab.converge());
  BOOST_TEST(tags_of(lab[1]) == 3U);
  lab[1].kill9();
  lab[1].start();
  BOOST_REQUIRE(lab.converge());
  BOOST_TEST(tags_of(lab[1]) == 3U);
}

BOOST_AUTO_TEST_CASE(what_nobody_else_holds_is_not_left_behind_unasked) {
  cluster lab(2);
  lab[0].start();
  put_tags(lab[0], 3);
  const auto alone = lab[0].cli({"library", "create", "alone"});
  BOOST_REQUIRE(alone.code == 0);
  const auto nobody = lab[0].cli({"library", "leave", "alone"});
  BOOST_TEST(nobody.code == 1);
  BOOST_TEST(nobody.err.find("no other member") != std::string::npos, nobody.err);
  // The other member is down: the wait for it ends when it comes and takes what there is.
  finished left;
  std::thread leaving([&] { left = lab[0].cli({"library", "leave", "lab", "--delete"}); });
  BOOST_TEST(eventually([&] {
    return lab[0].client().put(record("tag", "new"), {{"canonical_name", "late"}}).status == 503;
  }));
  lab[1].start();
  leaving.join();
  BOOST_TEST(left.code == 0, left.err);
  BOOST_TEST(eventually([&] { return tags_of(lab[1]) >= 3; }));
  BOOST_TEST(!fs::exists(lab[0].dir() / "data" / "libraries" / lab.library()));
  const auto now = lab[0].cli({"library", "leave", "alone", "--now"});
  BOOST_TEST(now.code == 0, now.err);
  BOOST_TEST(put_aside(lab[0], "left").size() == 1U);
}

// Seen: /readyz said ready to who had been told that the library was paused.
BOOST_AUTO_TEST_CASE(a_pause_is_answered_once_it_holds) {
  cluster lab(1);
  lab.start();
  auto client = lab[0].client();
  for (int round = 0; round < 300; ++round) {
    BOOST_REQUIRE(client.post("/v1/libraries/lab/pause", json::object()).status == 200);
    BOOST_REQUIRE_MESSAGE(client.get("/readyz").status == 503, "in round " << round);
    BOOST_REQUIRE(client.post("/v1/libraries/lab/resume", json::object()).status == 200);
    BOOST_REQUIRE_MESSAGE(client.get("/readyz").status == 200, "in round " << round);
  }
}

BOOST_AUTO_TEST_CASE(a_paused_library_sends_and_takes_nothing_also_after_a_restart) {
  cluster lab(2);
  lab.start();
  put_tags(lab[0], 3);
  BOOST_REQUIRE(lab.converge());
  const auto paused = lab[0].cli({"pause", "lab"});
  BOOST_REQUIRE_MESSAGE(paused.code == 0, paused.err);
  BOOST_TEST(state_of(lab[0]) == "paused");
  const auto ready = lab[0].client().get("/readyz");
  BOOST_TEST(ready.status == 503);
  BOOST_TEST(ready.text.find("paused") != std::string::npos, ready.text);
  BOOST_TEST(
      (metric(lab[0].client().get("/metrics").text, "shoal_state", {"state=\"paused\""}) == 1.0));
  BOOST_TEST(eventually([&] { return library_of(lab[1])["members"][0]["connected"] == false; }));
  put_tags(lab[0], 2);
  put_tags(lab[1], 4);
  lab[0].kill9();
  lab[0].start();
  BOOST_TEST(state_of(lab[0]) == "paused");
  // The peer has dialled it again, and was told.
  BOOST_TEST(eventually([&] {
    return library_of(lab[1])["members"][0]["last_error"] == "peer said goodbye: paused";
  }));
  BOOST_TEST(tags_of(lab[0]) == 5U);
  BOOST_TEST(tags_of(lab[1]) == 7U);
  BOOST_TEST(lab[0].cli({"resume", "lab"}).code == 0);
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  BOOST_TEST(tags_of(lab[0]) == 9U);
  BOOST_TEST(eventually([&] { return state_of(lab[0]) == "ready"; }));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
