// Trees that are indexed while something else goes on.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

namespace shoal::nodes {

namespace {

constexpr size_t files_per_folder = 20;

void make_folders(const fs::path& root, size_t from, size_t to) {
  for (size_t d = from; d < to; ++d) {
    const auto folder = root / ("folder " + std::to_string(d % 7)) / std::to_string(d);
    fs::create_directories(folder);
    for (size_t f = 0; f < files_per_folder; ++f)
      write_file(folder / std::to_string(f), std::string(f, 'x'));
  }
}

size_t count_of(const fs::path& root) {
  return 1 + static_cast<size_t>(std::distance(fs::recursive_directory_iterator(root), {}));
}

/// `shoal index` in the background.
process indexing(cluster& lab, size_t n, const fs::path& root) {
  return process({program, "--config", lab[n].config(), "index", "lab", root},
                 lab.scratch() / "index.log");
}

/// What every node must show of the trees that `owner` has indexed: each path once, each entry
/// below one that is there.
void check_tree(cluster& lab, size_t n, const std::string& owner, const fs::path& root) {
  std::map<std::string, json> entries;
  size_t locations = 0;
  const auto records = by_id(lab.exported(n));
  for (const auto& [id, r] : records)
    if (r["owner"] == owner) {
      locations += r["model"] == "location" ? 1 : 0;
      if (r["model"] == "entry")
        entries.emplace(id, r["fields"]);
    }
  BOOST_TEST(entries.size() == count_of(root), lab[n].name());
  BOOST_TEST(locations == 1U);
  size_t roots = 0;
  size_t dangling = 0;
  std::set<std::pair<std::string, std::string>> places;
  for (const auto& [id, fields] : entries) {
    const auto parent = fields.find("parent_id");
    const bool top = parent == fields.end() || parent->is_null();
    roots += top ? 1 : 0;
    dangling += top || entries.contains(*parent) ? 0 : 1;
    places.emplace(top ? "" : parent->get<std::string>(), fields["name"]);
  }
  BOOST_TEST(roots == 1U);
  BOOST_TEST(dangling == 0U);
  BOOST_TEST(places.size() == entries.size(), "two entries in one place");
}

} // namespace

BOOST_AUTO_TEST_SUITE(indexing_beside)

BOOST_AUTO_TEST_CASE(a_tree_that_grows_while_a_newcomer_is_filled_is_whole_on_both) {
  cluster lab(2);
  const auto root = lab.scratch() / "tree";
  make_folders(root, 0, 40);
  lab[0].start();
  BOOST_REQUIRE(lab[0].cli({"index", "lab", root}).code == 0);
  make_folders(root, 40, 160);
  auto second = indexing(lab, 0, root);
  lab[1].start(); // it has never held anything
  BOOST_REQUIRE(second.ended_within(120s) == 0);
  BOOST_REQUIRE(lab.converge(60s));
  lab.check_exports();
  for (size_t n = 0; n < 2; ++n)
    check_tree(lab, n, lab[0].device(), root);
}

BOOST_AUTO_TEST_CASE(two_trees_that_are_indexed_at_the_same_time_are_whole_on_both) {
  cluster lab(2);
  lab.start();
  const auto one = lab.scratch() / "one";
  const auto two = lab.scratch() / "two";
  make_folders(one, 0, 60);
  make_folders(two, 0, 90);
  auto first = indexing(lab, 0, one);
  auto second = indexing(lab, 1, two);
  BOOST_REQUIRE(first.ended_within(120s) == 0);
  BOOST_REQUIRE(second.ended_within(120s) == 0);
  BOOST_REQUIRE(lab.converge(60s));
  lab.check_exports();
  for (size_t n = 0; n < 2; ++n) {
    check_tree(lab, n, lab[0].device(), one);
    check_tree(lab, n, lab[1].device(), two);
  }
}

BOOST_AUTO_TEST_CASE(a_newcomer_gets_a_tree_from_one_that_has_it_from_one_that_is_gone) {
  cluster::options how;
  how.shape = topology::line;
  cluster line(3, how);
  const auto root = line.scratch() / "tree";
  make_folders(root, 0, 60);
  line[0].start();
  line[1].start();
  BOOST_REQUIRE(line[0].cli({"index", "lab", root}).code == 0);
  BOOST_REQUIRE(line.converge(30s, {0, 1}));
  line[0].kill9();
  line[2].start();
  BOOST_REQUIRE(line.converge(60s, {1, 2}));
  line.check_exports({1, 2});
  check_tree(line, 2, line[0].device(), root);
  auto far = line[2].client();
  BOOST_TEST(eventually([&] { return far.get("/readyz?library=lab").ok(); }));
  line[0].start();
  BOOST_REQUIRE(line.converge());
  line.check_exports();
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
