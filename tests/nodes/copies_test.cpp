// Copies of a node: an older one in its place, a second one beside it, one from before a removal.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::nodes {

namespace {

json status_of(node& n) { return n.client().get("/v1/status").body; }

std::string restored(node& n) {
  const auto got = n.client().get(lab_path());
  return got.ok() && got.body["restored"].is_string() ? got.body["restored"].get<std::string>()
                                                      : std::string();
}

bool has_alarm(node& n, const std::string& text) {
  const auto status = status_of(n);
  for (const auto& alarm : status["alarms"])
    if (alarm.get<std::string>().find(text) != std::string::npos)
      return true;
  return false;
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

void copy_folder(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive);
}

bool connected(node& at, const std::string& device) {
  const auto peers = at.client().get(lab_path("/peers"));
  for (const auto& p : peers.body["items"])
    if (p["device"] == device)
      return p["connected"] == true;
  return false;
}

} // namespace

BOOST_AUTO_TEST_SUITE(copies)

BOOST_AUTO_TEST_CASE(a_store_older_than_its_mark_is_noticed_and_what_it_lost_comes_back) {
  cluster lab(2);
  lab.start();
  put_tags(lab[0], 5);
  BOOST_REQUIRE(lab.converge());
  BOOST_TEST(restored(lab[0]) == "");
  lab[0].stop();
  const auto libraries = lab[0].dir() / "data" / "libraries";
  copy_folder(libraries, lab.scratch() / "backup");
  lab[0].start();
  put_tags(lab[0], 5);
  BOOST_REQUIRE(lab.converge());
  lab[0].stop();
  lab[1].stop(); // the mark alone must say it
  copy_folder(lab.scratch() / "backup", libraries);
  lab[0].start();
  BOOST_TEST(restored(lab[0]).find("older copy") != std::string::npos, restored(lab[0]));
  BOOST_TEST(lab[0].log().find("restored") != std::string::npos);
  BOOST_TEST(tags_of(lab[0]) == 5U);
  put_tags(lab[0], 1);
  lab[1].start();
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  BOOST_TEST(tags_of(lab[0]) == 11U);
  BOOST_TEST(restored(lab[1]) == "");
  BOOST_TEST(eventually([&] { return restored(lab[0]) == ""; })); // made up for
  BOOST_TEST(lab[0].log().find("no older copy any more") != std::string::npos);
  lab[0].stop();
  lab[0].start();
  BOOST_TEST(restored(lab[0]) == "");
}

BOOST_AUTO_TEST_CASE(a_store_restored_together_with_its_mark_is_noticed_by_what_peers_hold) {
  cluster lab(2);
  lab.start();
  put_tags(lab[0], 5);
  BOOST_REQUIRE(lab.converge());
  lab[0].stop();
  copy_folder(lab[0].dir() / "data", lab.scratch() / "backup");
  lab[0].start();
  put_tags(lab[0], 5);
  BOOST_REQUIRE(lab.converge());
  lab[0].stop();
  copy_folder(lab.scratch() / "backup", lab[0].dir() / "data");
  lab[0].start();
  // Status shows it for as long as it lasts, which may be short.
  BOOST_TEST(eventually([&] {
    return lab[0].log().find("ops of this device that are not here") != std::string::npos;
  }));
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  BOOST_TEST(eventually([&] { return restored(lab[0]) == ""; }));
  BOOST_TEST(tags_of(lab[0]) == 10U);
}

BOOST_AUTO_TEST_CASE(of_two_nodes_with_one_key_the_second_is_refused_and_both_sides_say_so) {
  cluster lab(2);
  lab.start();
  put_tags(lab[1], 3);
  BOOST_REQUIRE(lab.converge());
  auto& clone = lab.add("clone");
  for (const char* file : {"device.key", "device.crt"})
    fs::copy_file(lab[1].dir() / file, clone.dir() / file, fs::copy_options::overwrite_existing);
  clone.configure("\n[sync]\nretry_initial_ms = 100\nretry_max_seconds = 1\n[[library]]\nid = \""
                  + lab.library() + "\"\nname = \"lab\"\n  [[library.member]]\n  device = \""
                  + lab[0].device() + "\"\n  address = \"" + lab[0].address() + "\"\n");
  clone.start();
  BOOST_TEST(eventually([&] { return has_alarm(lab[0], "runs twice"); }));
  BOOST_TEST(
      eventually([&] { return has_alarm(clone, "another node runs with this device's key"); }));
  BOOST_TEST(connected(lab[0], lab[1].device()));
  BOOST_TEST(!connected(clone, lab[0].device()));
  // The first one is not disturbed.
  put_tags(lab[0], 3);
  BOOST_REQUIRE(lab.converge(30s, {0, 1}));
  BOOST_TEST(tags_of(clone) == 0U);
  // Once it is gone, the second is welcome: it is that device.
  lab[1].kill9();
  BOOST_TEST(eventually([&] { return tags_of(clone) == 6U; }));
  // And nothing is wrong any more.
  for (auto* n : {&lab[0], &clone}) {
    BOOST_TEST(eventually([&] { return !has_alarm(*n, ""); }, 180s));
    BOOST_TEST(eventually([&] { return n->log().find("alarm is over: ") != std::string::npos; }));
  }
}

BOOST_AUTO_TEST_CASE(an_address_that_leads_back_here_raises_an_alarm) {
  cluster::options how;
  cluster lab(2, how);
  lab[0].reconfigure("\n[sync]\nretry_initial_ms = 100\nretry_max_seconds = 1\n[[library]]\nid = \""
                     + lab.library() + "\"\nname = \"lab\"\n  [[library.member]]\n  device = \""
                     + lab[1].device() + "\"\n  address = \"" + lab[0].address() + "\"\n");
  lab[0].start();
  BOOST_TEST(eventually([&] { return has_alarm(lab[0], "this device's own key"); }));
}

BOOST_AUTO_TEST_CASE(a_device_that_is_taken_back_begins_empty) {
  cluster lab(3);
  lab.start();
  put_tags(lab[2], 4);
  BOOST_REQUIRE(lab.converge());
  // What it writes now stays with it.
  BOOST_REQUIRE(lab[2].cli({"pause", "lab"}).code == 0);
  put_tags(lab[2], 2);
  BOOST_REQUIRE(lab[0].cli({"member", "remove", "lab", lab[2].device()}).code == 0);
  put_tags(lab[0], 3);
  BOOST_REQUIRE(lab.converge(30s, {0, 1}));
  BOOST_REQUIRE(
      lab[0]
          .cli({"member", "add", "lab", lab[2].device() + "@" + lab[2].address(), "--readmit"})
          .code
      == 0);
  BOOST_REQUIRE(lab[2].cli({"resume", "lab"}).code == 0);
  BOOST_TEST(eventually([&] { return tags_of(lab[2]) == 7U; }));
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  size_t moved = 0;
  for (const auto& dir : fs::directory_iterator(lab[2].dir() / "data" / "libraries"))
    moved += dir.path().filename().string().starts_with("removed-") ? 1 : 0;
  BOOST_TEST(moved == 1U);
  BOOST_TEST(lab[2].log().find("begins empty") != std::string::npos);
  put_tags(lab[2], 1);
  BOOST_REQUIRE(lab.converge());
  // Its configuration, of generation 1, changes nothing of that at the next start.
  lab[2].stop();
  lab[2].start();
  BOOST_REQUIRE(lab.converge());
  BOOST_TEST(tags_of(lab[2]) == 8U);
}

BOOST_AUTO_TEST_CASE(a_removed_device_says_so_and_stops_dialling) {
  cluster lab(2);
  lab.start();
  put_tags(lab[0], 1);
  BOOST_REQUIRE(lab.converge());
  BOOST_REQUIRE(lab[0].cli({"member", "remove", "lab", lab[1].device()}).code == 0);
  BOOST_TEST(
      eventually([&] { return lab[1].client().get(lab_path()).body["state"] == "removed"; }));
  const auto why = lab[1].client().get("/readyz");
  BOOST_TEST(why.status == 503);
  BOOST_TEST(why.text.find("--readmit") != std::string::npos, why.text);
  // It would have dialled many times by now, and been refused: the other side tells of each.
  const auto links = [&] {
    size_t n = 0;
    const auto log = lab[0].log();
    for (auto at = log.find("refused a connection"); at != std::string::npos;
         at = log.find("refused a connection", at + 1))
      ++n;
    return n;
  };
  BOOST_TEST(!eventually([&] { return links() > 2; }, 4s));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
