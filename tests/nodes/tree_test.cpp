// A real directory tree, indexed on one node, followed by all.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace shoal::nodes {

namespace {

/// What `find` sees of a tree: every path below it and the root itself.
size_t count_of(const fs::path& root) {
  size_t n = 1;
  std::error_code failed;
  for (fs::recursive_directory_iterator
           at(root, fs::directory_options::skip_permission_denied, failed),
       end;
       at != end; at.increment(failed))
    ++n;
  return n;
}

/// A few hundred files, and everything that is odd about names and kinds.
fs::path make_tree(const fs::path& root) {
  for (int d = 0; d < 20; ++d)
    for (int f = 0; f < 15; ++f) {
      const auto dir = root / ("dir " + std::to_string(d % 5)) / std::to_string(d);
      fs::create_directories(dir);
      write_file(dir / ("file-" + std::to_string(f) + ".txt"),
                 std::string(static_cast<size_t>(f), 'x'));
    }
  const auto odd = root / "odd";
  fs::create_directory(odd);
  for (const char* name : {"new\nline", "quote\"s", "back\\slash", "apostrophe'", "100%", "100%25",
                           "bytes\xff\xfe", "bytes\xff%", "ümläut 漢字 🐚", " leading and trailing ",
                           "-dash", "tab\there", ".hidden", "..."})
    write_file(odd / name, "x");
  fs::create_directory(root / "empty");
  fs::create_directory(root / "bad\xffname");
  write_file(root / "bad\xffname" / "inside", "y");
  fs::create_symlink("odd", root / "link to a directory");
  fs::create_symlink("/nowhere/at/all", root / "dangling");
  fs::create_symlink("..", root / "odd" / "loop");
  mkfifo((root / "fifo").c_str(), 0600);
  fs::create_directory(root / "locked");
  write_file(root / "locked" / "secret", "z");
  if (geteuid() != 0) // root reads it all the same
    fs::permissions(root / "locked", fs::perms::none);
  return root;
}

std::map<std::string, json> live(cluster& lab, size_t n, const std::string& model) {
  auto all = by_id(lab.exported(n));
  std::erase_if(all, [&](const auto& r) { return r.second["model"] != model; });
  return all;
}

/// Every name in the entries, for a look at how it was written.
std::multiset<std::string> names(const std::map<std::string, json>& entries) {
  std::multiset<std::string> out;
  for (const auto& [id, r] : entries)
    out.insert(r["fields"]["name"].get<std::string>());
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(tree)

BOOST_AUTO_TEST_CASE(a_tree_of_odd_names_is_on_every_node_byte_for_byte) {
  cluster lab(3);
  lab.start();
  const auto root = make_tree(lab.scratch() / "tree");
  const auto indexed = lab[0].cli({"index", "lab", root.string()});
  BOOST_REQUIRE_MESSAGE(indexed.code == 0, indexed.err);
  const auto waited = lab[0].cli({"wait", "lab", "--timeout", "20"});
  BOOST_TEST(waited.code == 0, waited.err);
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();

  const auto entries = live(lab, 2, "entry");
  BOOST_TEST(entries.size() == count_of(root));
  const auto seen = names(entries);
  for (const char* name :
       {"new\nline", "quote\"s", "back\\slash", "100%", "100%25", "bytes%FF%FE", "bytes%FF%25",
        "ümläut 漢字 🐚", " leading and trailing ", "bad%FFname", "..."})
    BOOST_TEST(seen.count(name) == 1U, name);
  std::map<std::string, size_t> kinds;
  size_t roots = 0;
  for (const auto& [id, r] : entries) {
    ++kinds[r["fields"]["kind"]];
    const auto parent = r["fields"].find("parent_id");
    if (parent == r["fields"].end() || parent->is_null())
      ++roots;
    else
      BOOST_TEST(entries.contains(*parent));
    BOOST_TEST(r["owner"] == lab[0].device());
  }
  BOOST_TEST(roots == 1U);
  BOOST_TEST(kinds["symlink"] == 3U);
  BOOST_TEST(live(lab, 1, "location").size() == 1U);
  BOOST_TEST(live(lab, 1, "volume").size() == 1U);

  // As paths, asked of a node that has never seen the tree.
  const auto tree = lab[2].cli({"-o", "json", "tree", "lab"});
  BOOST_REQUIRE_MESSAGE(tree.code == 0, tree.err);
  const auto items = json::parse(tree.out);
  BOOST_TEST(items["items"].size() == entries.size());
}

BOOST_AUTO_TEST_CASE(a_second_index_writes_only_what_changed_moved_or_vanished) {
  cluster lab(3);
  lab.start();
  const auto root = make_tree(lab.scratch() / "tree");
  BOOST_REQUIRE(lab[0].cli({"index", "lab", root.string()}).code == 0);
  auto at_a = lab[0].client();
  const auto writes = [&] {
    return metric(at_a.get("/metrics").text, "shoal_writes_total", {"lab"}).value_or(-1);
  };
  const auto before = live(lab, 0, "entry");
  const auto id_of = [&](const std::string& name) {
    for (const auto& [id, r] : before)
      if (r["fields"]["name"] == name)
        return id;
    return std::string();
  };
  const auto written_first = writes();
  const auto unchanged = lab[0].cli({"index", "lab", root.string()});
  BOOST_REQUIRE_MESSAGE(unchanged.code == 0, unchanged.err);
  for (const char* what : {"added", "changed", "moved", "removed"})
    BOOST_TEST(json::parse(unchanged.out)[what] == 0, what);
  BOOST_TEST(writes() - written_first <= 1); // the location's time of the last scan

  const auto changed_id = id_of("100%");
  const auto moved_id = id_of("quote\"s");
  const auto gone_id = id_of("-dash");
  const auto tree_id = id_of("bad%FFname");
  const auto under_id = id_of("inside");
  write_file(root / "odd" / "100%", "a longer text");
  fs::rename(root / "odd" / "quote\"s", root / "empty" / "calm");
  fs::remove(root / "odd" / "-dash");
  fs::remove_all(root / "bad\xffname");
  write_file(root / "fresh", "1");
  const auto written_second = writes();
  const auto second = lab[0].cli({"index", "lab", root.string()});
  BOOST_REQUIRE_MESSAGE(second.code == 0, second.err);
  const auto told = json::parse(second.out);
  BOOST_TEST(told["added"] == 1);
  BOOST_TEST(told["moved"] == 1);
  BOOST_TEST(told["removed"] == 3);
  // Written: the five above, the facts of the four folders around them, the location.
  BOOST_TEST(writes() - written_second <= 12);

  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  const auto after = live(lab, 2, "entry");
  BOOST_TEST(after.size() == count_of(root));
  BOOST_TEST(after.at(changed_id)["fields"]["size"] == 13);
  BOOST_TEST(after.at(moved_id)["fields"]["name"] == "calm");
  BOOST_TEST(after.at(moved_id)["fields"]["parent_id"] == id_of("empty"));
  for (const auto& gone : {gone_id, tree_id, under_id})
    BOOST_TEST(!after.contains(gone));
}

BOOST_AUTO_TEST_CASE(a_deleted_location_takes_its_entries_along_on_every_node) {
  cluster lab(3);
  lab.start();
  const auto root = make_tree(lab.scratch() / "tree");
  BOOST_REQUIRE(lab[0].cli({"index", "lab", root.string()}).code == 0);
  fs::create_directory(lab.scratch() / "other");
  write_file(lab.scratch() / "other" / "stays", "x");
  BOOST_REQUIRE(lab[1].cli({"index", "lab", (lab.scratch() / "other").string()}).code == 0);
  BOOST_REQUIRE(lab.converge());
  std::string location;
  for (const auto& [id, r] : live(lab, 0, "location"))
    if (r["owner"] == lab[0].device())
      location = id;
  const auto entry = live(lab, 0, "entry").begin()->first;
  const auto refused = lab[1].cli({"rm", "lab", "location", location});
  BOOST_TEST(refused.code == 1);
  BOOST_TEST(refused.err.find("not_owner") != std::string::npos, refused.err);
  const auto removed = lab[0].cli({"rm", "lab", "location", location});
  BOOST_REQUIRE_MESSAGE(removed.code == 0, removed.err);
  BOOST_REQUIRE(lab.converge());
  lab.check_exports();
  for (size_t n = 0; n < lab.size(); ++n) {
    BOOST_TEST(live(lab, n, "entry").size() == 2U); // of the other node's tree
    BOOST_TEST(live(lab, n, "location").size() == 1U);
    BOOST_TEST(lab[n].client().get(record("entry", entry)).status == 404);
    BOOST_TEST(lab[n].client().get(record("location", location)).status == 404);
    BOOST_TEST(lab[n].client().get(record("location", location) + "?deleted=true").status == 200);
  }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
