// A store that is damaged: its library is shown as failed, all others work, and it is filled again.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::nodes {

namespace {

json library_named(node& n, const std::string& name) {
  const auto status = n.client().get("/v1/status");
  for (const auto& l : status.body["libraries"])
    if (l["name"] == name)
      return l;
  return json::object();
}

/// Cuts the largest table file in half: what a broken disk or a bad copy leaves.
void truncate_table(const fs::path& db) {
  fs::path largest;
  for (const auto& f : fs::directory_iterator(db))
    if (f.path().extension() == ".sst"
        && (largest.empty() || f.file_size() > fs::file_size(largest)))
      largest = f.path();
  BOOST_REQUIRE_MESSAGE(!largest.empty(), db << " has no table file");
  fs::resize_file(largest, fs::file_size(largest) / 2);
}

fs::path store_of(const node& n, const std::string& library) {
  return n.dir() / "data" / "libraries" / library / "db";
}

} // namespace

BOOST_AUTO_TEST_SUITE(damage)

BOOST_AUTO_TEST_CASE(a_damaged_library_fails_alone_and_is_rebuilt_from_its_peers) {
  cluster lab(2);
  lab.start();
  BOOST_REQUIRE(lab[0].cli({"library", "create", "other"}).code == 0);
  auto at_a = lab[0].client();
  for (int n = 0; n < 50; ++n)
    BOOST_TEST(at_a.put(record("tag", "new"), {{"canonical_name", std::to_string(n)}}).ok());
  BOOST_REQUIRE(lab.converge());
  // An opening writes the log of the one before into table files.
  lab[0].stop();
  lab[0].start();
  lab[0].stop();
  truncate_table(store_of(lab[0], lab.library()));
  BOOST_TEST(lab[1].client().put(record("tag", "new"), {{"canonical_name", "meanwhile"}}).ok());

  lab[0].start();
  const auto failed = library_named(lab[0], "lab");
  BOOST_TEST(failed["state"] == "failed");
  BOOST_TEST(failed["why"].get<std::string>().find(".sst") != std::string::npos, failed["why"]);
  BOOST_TEST(failed["why"].get<std::string>().find("library rebuild") != std::string::npos);
  auto client = lab[0].client();
  BOOST_TEST(client.get(lab_path("/records/tag")).status == 507);
  BOOST_TEST(client.put(record("tag", "new"), {{"canonical_name", "x"}}).error() == "corrupt");
  BOOST_TEST(client.get("/readyz?library=lab").status == 503);
  BOOST_TEST(
      (metric(client.get("/metrics").text, "shoal_state", {"library=\"lab\"", "state=\"failed\""})
       == 1.0));
  BOOST_TEST(client.put("/v1/libraries/other/records/tag/new", {{"canonical_name", "y"}}).ok());
  BOOST_TEST(client.get("/readyz?library=other").ok());

  const auto rebuilt = lab[0].cli({"library", "rebuild", "lab"});
  BOOST_REQUIRE_MESSAGE(rebuilt.code == 0, rebuilt.err);
  BOOST_TEST(fs::exists(fs::path(json::parse(rebuilt.out)["files"].get<std::string>()) / "db"));
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  BOOST_TEST(client.get(lab_path("/records/tag")).body["items"].size() == 51U);
  BOOST_TEST(client.put(record("tag", "new"), {{"canonical_name", "again"}}).ok());
  BOOST_REQUIRE(lab.converge());
  for (size_t n = 0; n < 2; ++n)
    BOOST_TEST(eventually([&] { return log_entries(lab[n]) == 0; }));
}

BOOST_AUTO_TEST_CASE(a_store_that_is_gone_is_damage_and_not_a_first_start) {
  cluster lab(1);
  lab.start();
  BOOST_TEST(lab[0].client().put(record("tag", "new"), {{"canonical_name", "only"}}).ok());
  lab[0].stop();
  fs::remove_all(store_of(lab[0], lab.library()));
  lab[0].start();
  BOOST_TEST(library_named(lab[0], "lab")["state"] == "failed");
  const auto refused = lab[0].cli({"library", "rebuild", "lab"});
  BOOST_TEST(refused.code == 1);
  BOOST_TEST(refused.err.find("no other member") != std::string::npos, refused.err);
}

BOOST_AUTO_TEST_CASE(a_library_description_that_cannot_be_read_fails_that_library_alone) {
  cluster lab(1);
  lab.start();
  const auto made = lab[0].cli({"library", "create", "other"});
  BOOST_REQUIRE(made.code == 0);
  const std::string id = json::parse(made.out)["id"];
  lab[0].stop();
  write_file(lab[0].dir() / "data" / "libraries" / id / "library.json", "{\"id\":");
  lab[0].start();
  BOOST_TEST(library_named(lab[0], id)["state"] == "failed");
  BOOST_TEST(lab[0].client().put(record("tag", "new"), {{"canonical_name", "x"}}).ok());
}

BOOST_AUTO_TEST_CASE(a_healthy_library_is_rebuilt_while_it_runs) {
  cluster lab(2);
  lab.start();
  for (int n = 0; n < 20; ++n)
    BOOST_TEST(lab[0].client().put(record("tag", "new"), {{"canonical_name", "t"}}).ok());
  BOOST_REQUIRE(lab.converge());
  const auto rebuilt = lab[0].cli({"library", "rebuild", "lab"});
  BOOST_REQUIRE_MESSAGE(rebuilt.code == 0, rebuilt.err);
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  BOOST_TEST(lab[0].client().get(lab_path("/records/tag")).body["items"].size() == 20U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
