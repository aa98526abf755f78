// Backups of nodes at work, what damage and kills do to them, and clusters after one was put back.

#include "tests/nodes/writers.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <random>

namespace shoal::nodes {

namespace {

void put_tags(node& at, size_t count, const std::string& name) {
  auto client = at.client();
  for (size_t done = 0; done < count;) {
    json ops = json::array();
    for (; done < count && ops.size() < 1000; ++done)
      ops.push_back({{"model", "tag"},
                     {"id", "new"},
                     {"fields", {{"canonical_name", name + std::to_string(done)}}}});
    const auto got = client.post(lab_path("/batch"), {{"ops", ops}});
    BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
  }
}

fs::path data_of(const node& n) { return n.dir() / "data"; }

/// Names of what is in a folder, below it too.
std::vector<std::string> contents(const fs::path& dir) {
  std::vector<std::string> out;
  if (fs::exists(dir))
    for (const auto& e : fs::recursive_directory_iterator(dir))
      out.push_back(e.path().lexically_relative(dir));
  std::sort(out.begin(), out.end());
  return out;
}

size_t streams_of(node& at, const node& device) {
  const auto held = at.client().get(lab_path("/digest"));
  size_t n = 0;
  for (const auto& [stream, seq] : held.body["frontiers"].items())
    n += stream.starts_with(device.device());
  return n;
}

} // namespace

BOOST_AUTO_TEST_SUITE(backups)

BOOST_AUTO_TEST_CASE(a_backup_of_a_node_at_work_comes_back_whole_and_under_a_new_epoch) {
  cluster lab(1);
  lab.start();
  put_tags(lab[0], 3000, "before ");
  const auto before = by_id(lab.exported(0));
  const auto file = lab.scratch() / "lab.backup";
  ledger told;
  {
    writer one(lab[0], told, 1);
    const auto made = lab[0].cli({"backup", "lab", file});
    BOOST_REQUIRE_MESSAGE(made.code == 0, made.err);
    BOOST_TEST(json::parse(made.out)["name"] == "lab");
  }
  BOOST_TEST(!fs::exists(file.string() + ".part"));
  const auto epochs = streams_of(lab[0], lab[0]);
  // Never over anything.
  BOOST_TEST(lab[0].cli({"backup", "lab", file}).code == 1);
  BOOST_TEST(lab[0].cli({"restore", file}).code == 1);
  BOOST_REQUIRE(lab[0].stop().value_or(-1) == 0);
  BOOST_TEST(lab[0].cli({"restore", file}).code == 1);
  fs::remove_all(data_of(lab[0]));
  const auto back = lab[0].cli({"restore", file});
  BOOST_REQUIRE_MESSAGE(back.code == 0, back.err);
  lab[0].start();
  // One point in time: all of before, and pairs whole.
  const auto after = by_id(lab.exported(0));
  for (const auto& [id, r] : before)
    BOOST_REQUIRE(after.contains(id) && after.at(id) == r);
  put_tags(lab[0], 1, "after ");
  BOOST_TEST(streams_of(lab[0], lab[0]) == epochs + 1);
  BOOST_TEST(eventually([&] { return lab[0].client().get(lab_path()).body["state"] == "ready"; }));
}

BOOST_AUTO_TEST_CASE(a_cluster_converges_after_a_restore_and_no_record_is_lost_or_comes_back) {
  cluster lab(3);
  lab.start();
  BOOST_REQUIRE(lab.converge());
  put_tags(lab[0], 200, "old ");
  auto client = lab[0].client();
  const auto doomed = client.put(record("tag", "new"), {{"canonical_name", "doomed"}});
  const auto volume = client.put(record("volume", "new"), {{"fingerprint", "x"}});
  BOOST_REQUIRE((doomed.ok() && volume.ok()));
  BOOST_REQUIRE(lab.converge());
  const auto file = lab.scratch() / "lab.backup";
  const auto made = lab[0].cli({"backup", "lab", file});
  BOOST_REQUIRE_MESSAGE(made.code == 0, made.err);
  // All of this the backup does not have.
  BOOST_REQUIRE(client.remove(record("tag", doomed.body["id"])).ok());
  BOOST_REQUIRE(client.put(record("volume", volume.body["id"]), {{"display_name", "later"}}).ok());
  put_tags(lab[0], 100, "new ");
  put_tags(lab[1], 100, "theirs ");
  BOOST_REQUIRE(lab.converge());
  const auto all = lab.exported(1);
  BOOST_REQUIRE(lab[0].stop().value_or(-1) == 0);
  put_tags(lab[2], 10, "meanwhile ");
  fs::remove_all(data_of(lab[0]));
  const auto back = lab[0].cli({"restore", file});
  BOOST_REQUIRE_MESSAGE(back.code == 0, back.err);
  lab[0].start();
  BOOST_REQUIRE(lab.converge(60s));
  lab.check_exports();
  const auto records = by_id(lab.exported(0));
  for (const auto& [id, r] : by_id(all))
    if (r["model"] != "device") // of this start
      BOOST_REQUIRE_MESSAGE(records.contains(id) && records.at(id) == r, r.dump());
  BOOST_TEST(!records.contains(doomed.body["id"].get<std::string>()));
  put_tags(lab[0], 10, "again ");
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
}

BOOST_AUTO_TEST_CASE(a_damaged_backup_is_refused_and_changes_nothing) {
  const auto seed = test_seed();
  std::mt19937_64 random(seed);
  cluster lab(1);
  lab.start();
  put_tags(lab[0], 500, "x ");
  const auto file = lab.scratch() / "lab.backup";
  BOOST_REQUIRE(lab[0].cli({"backup", "lab", file}).code == 0);
  const auto whole = read_file(file);
  const auto bad = lab.scratch() / "bad.backup";
  const auto into = lab.scratch() / "data";
  fs::create_directory(into);
  write_file(into / "lock", "");
  const auto empty = contents(into);
  for (int n = 0; n < 30; ++n) {
    auto text = whole;
    if (n % 3 == 0)
      text.resize(random() % text.size());
    else if (n % 3 == 1)
      text[random() % text.size()] ^= static_cast<char>(1 << random() % 8);
    else
      text += "more";
    write_file(bad, text);
    const auto got = shoal({"restore", bad, "--data-dir", into});
    BOOST_TEST(got.code == 1, "SHOAL_SEED=" << seed << " round " << n);
    BOOST_TEST(got.err.find(bad.string()) != std::string::npos, got.err);
    BOOST_REQUIRE((contents(into) == empty));
  }
  BOOST_TEST(shoal({"restore", lab.scratch() / "none", "--data-dir", into}).code == 1);
  BOOST_TEST(shoal({"restore", file, "--data-dir", into}).code == 0);
}

BOOST_AUTO_TEST_CASE(a_kill_leaves_either_no_backup_and_no_library_or_a_whole_one) {
  cluster lab(1);
  lab.start();
  put_tags(lab[0], 20'000, std::string(100, 'x'));
  const auto expected = lab.exported(0);
  const auto folder = lab.scratch() / "backups";
  fs::create_directory(folder);
  const auto file = folder / "lab.backup";
  // Each time a little later, until it is done before the kill.
  for (auto wait = 1ms; !fs::exists(file); wait = wait * 3 / 2 + 1ms) {
    process backup({program, "--config", lab[0].config(), "backup", "lab", file},
                   lab.scratch() / "log");
    (void)backup.ended_within(wait);
    backup.signal(SIGKILL);
    (void)backup.ended_within(20s);
  }
  BOOST_REQUIRE(lab[0].stop().value_or(-1) == 0);
  fs::remove_all(data_of(lab[0]));
  const auto home = data_of(lab[0]) / "libraries" / lab.library();
  for (auto wait = 1ms; !fs::exists(home); wait = wait * 3 / 2 + 1ms) {
    process restore({program, "--config", lab[0].config(), "restore", file}, lab.scratch() / "log");
    (void)restore.ended_within(wait);
    restore.signal(SIGKILL);
    (void)restore.ended_within(20s);
  }
  lab[0].start();
  BOOST_TEST((lab.exported(0) == expected));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
