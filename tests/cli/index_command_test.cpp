#include "fake_node.hpp"

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>

#include <algorithm>

namespace shoal::cli::tests {

namespace fs = std::filesystem;

namespace {

struct with_tree {
  fake_node node;
  scratch_dir scratch; // the token
  scratch_dir tree;

  outcome run(std::vector<std::string> words) { return run_at(node, scratch, std::move(words)); }
  json index() {
    const auto said = run({"index", "photos", tree.path().string()});
    BOOST_TEST(said.code == 0, said.err);
    BOOST_TEST(said.err == "");
    return said.body();
  }
  std::vector<std::string> paths() {
    std::vector<std::string> out{tree.path().string()};
    for (const auto& entry : fs::recursive_directory_iterator(tree.path()))
      out.push_back(entry.path().string());
    std::sort(out.begin(), out.end());
    return out;
  }
  std::vector<std::string> printed(std::vector<std::string> words) {
    std::istringstream text(run(std::move(words)).out);
    std::vector<std::string> out;
    for (std::string line; std::getline(text, line);)
      out.push_back(line);
    std::sort(out.begin(), out.end());
    return out;
  }
  size_t ops_written() {
    size_t out = 0;
    for (const size_t size : node.batches())
      out += size;
    return out;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(index_command, with_tree)

BOOST_AUTO_TEST_CASE(a_tree_becomes_volume_location_and_entries) {
  tree.write("a/b.TXT", "hello");
  tree.write("c", "");
  const auto said = index();
  BOOST_TEST(integer_at(said, "scanned", 0) == 4);
  BOOST_TEST(integer_at(said, "added", 0) == 4);
  const auto volumes = node.records("volume");
  const auto locations = node.records("location");
  BOOST_REQUIRE(volumes.size() == 1U);
  BOOST_REQUIRE(locations.size() == 1U);
  const auto& [volume_id, volume] = *volumes.begin();
  const auto& [location_id, location] = *locations.begin();
  BOOST_TEST(!string_at(volume, "fingerprint").empty());
  BOOST_TEST(integer_at(volume, "total_capacity", 0) > 0);
  BOOST_TEST(string_at(location, "path") == tree.path().string());
  BOOST_TEST(string_at(location, "name") == tree.path().filename().string());
  BOOST_TEST(string_at(location, "volume_id") == volume_id);
  BOOST_TEST(integer_at(location, "total_file_count", 0) == 2);
  BOOST_TEST(integer_at(location, "total_byte_size", 0) == 5);
  BOOST_TEST(integer_at(location, "last_scan_at", 0) > 0);
  const auto entries = node.records("entry");
  BOOST_TEST(entries.size() == 4U);
  BOOST_TEST(!entries.at(string_at(location, "entry_id")).contains("parent_id"));
  for (const auto& [id, fields] : entries)
    BOOST_TEST(string_at(fields, "location_id") == location_id);
}

BOOST_AUTO_TEST_CASE(a_second_run_writes_nothing_but_when_it_looked) {
  tree.write("a/b", "hello");
  index();
  const auto before = node.records("entry");
  node.forget_asked();
  const auto said = index();
  BOOST_TEST(integer_at(said, "added", -1) == 0);
  BOOST_TEST(integer_at(said, "changed", -1) == 0);
  BOOST_TEST(ops_written() == 1U);
  const auto asked = node.asked();
  BOOST_TEST(asked.back().find("\"fields\":{\"last_scan_at\":") != std::string::npos, asked.back());
  BOOST_TEST((node.records("entry") == before));
}

BOOST_AUTO_TEST_CASE(changes_moves_and_removals_reach_the_records) {
  const auto changed = tree.write("changed", "1");
  tree.write("d/inside", "");
  tree.write("gone/x/y", "");
  index();
  node.forget_asked();
  BOOST_REQUIRE(chmod(changed.c_str(), 0611) == 0);
  fs::rename(tree.path() / "d", tree.path() / "e");
  fs::remove_all(tree.path() / "gone");
  const auto said = index();
  BOOST_TEST(integer_at(said, "moved", 0) == 1);
  BOOST_TEST(integer_at(said, "removed", 0) == 3);
  BOOST_TEST(integer_at(said, "added", -1) == 0);
  BOOST_TEST(printed({"tree", "photos"}) == paths(), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_tree_larger_than_a_batch_and_a_page_is_whole) {
  for (int i = 0; i < 6000; ++i)
    tree.write("d" + std::to_string(i % 30) + "/f" + std::to_string(i), "");
  index();
  BOOST_TEST(node.records("entry").size() == 6031U);
  for (const size_t size : node.batches())
    BOOST_TEST(size <= 10'000U);
  BOOST_TEST(node.batches().size() >= 2U);
  BOOST_TEST(integer_at(index(), "changed", -1) == 0);
  BOOST_TEST((printed({"tree", "photos"}) == paths()));
}

BOOST_AUTO_TEST_CASE(a_run_that_was_cut_off_is_completed_by_the_next) {
  tree.write("a/b", "");
  node.answer("/v1/libraries/photos/records/entry", 200,
              {{"items", json::array()}, {"next", nullptr}});
  index();
  // As if the last write, which names the root, had been lost.
  const std::string location = node.records("location").begin()->first;
  run({"put", "photos", "location", location, "entry_id=null"});
  fake_node other;
  const auto exported = run({"export", "photos"});
  // The export lists entries before the location they need: a second pass takes the rest.
  while (run_at(other, scratch, {"import", "photos"}, exported.out).code != 0)
    BOOST_REQUIRE(other.records("entry").size() <= 3U);
  const auto said = run_at(other, scratch, {"index", "photos", tree.path().string()});
  BOOST_TEST(integer_at(said.body(), "added", -1) == 0);
  BOOST_TEST(!string_at(other.records("location").at(location), "entry_id").empty());
}

BOOST_AUTO_TEST_CASE(two_trees_share_a_volume_and_keep_apart) {
  tree.write("a/x", "");
  tree.write("b/x", "");
  for (const char* name : {"a", "b"})
    BOOST_TEST(run({"index", "photos", (tree.path() / name).string(), "--name", name}).code == 0);
  BOOST_TEST(node.records("volume").size() == 1U);
  BOOST_TEST(node.records("location").size() == 2U);
  fs::remove(tree.path() / "a/x");
  BOOST_TEST(run({"index", "photos", (tree.path() / "a").string()}).code == 0);
  BOOST_TEST(node.records("entry").size() == 3U);
  const std::vector<std::string> expected = {
      (tree.path() / "a").string(), (tree.path() / "b").string(), (tree.path() / "b/x").string()};
  BOOST_TEST(printed({"tree", "photos"}) == expected, boost::test_tools::per_element());
  for (const auto& [id, location] : node.records("location"))
    BOOST_TEST(string_at(location, "name").size() == 1U); // the given name stays
}

BOOST_AUTO_TEST_CASE(a_tree_may_be_shown_in_part_and_as_json) {
  tree.write("a/x", "");
  tree.write("ab", "");
  index();
  const std::string a = (tree.path() / "a").string();
  const std::vector<std::string> expected = {a, a + "/x"};
  BOOST_TEST(printed({"tree", "photos", a + "/"}) == expected, boost::test_tools::per_element());
  const auto items = run({"tree", "photos", a, "-o", "json"}).body()["items"];
  BOOST_REQUIRE(items.size() == 2U);
  BOOST_TEST(string_at(items[0], "path") == a);
  BOOST_TEST(string_at(items[0], "kind") == "directory");
  BOOST_TEST(run({"tree", "photos", "/nowhere"}).code == exit_no);
}

BOOST_AUTO_TEST_CASE(what_the_node_refuses_ends_the_run) {
  tree.write("a", "");
  node.answer("/v1/libraries/photos/batch", 507,
              {{"error", {{"code", "disk"}, {"message", "full"}}}});
  const auto said = run({"index", "photos", tree.path().string()});
  BOOST_TEST(said.code == exit_no);
  BOOST_TEST(said.err == "shoal: disk: full\n");
  BOOST_TEST(said.out == "");
  BOOST_TEST(
      run({"index", "music", tree.path().string()}).err.starts_with("shoal: unknown_library"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli::tests
