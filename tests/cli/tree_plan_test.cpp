#include "cli/client/tree_plan.hpp"

#include "fake_node.hpp"

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <random>

namespace shoal::cli {

namespace fs = std::filesystem;

namespace {

/// The entry records of one location, kept as a node keeps them: what a plan says is done to them.
class shelf {
public:
  const record_id location = random_record_id();

  /// Scans the tree, plans, and carries the plan out.
  tree_plan index(const fs::path& root) {
    auto tree = scan_tree(root, {});
    BOOST_REQUIRE(tree.ok());
    return take(*tree);
  }

  tree_plan take(const scanned_tree& tree) {
    const auto present = read();
    auto plan = make_plan(tree, present, root_, random_record_id);
    for (const uint32_t i : plan.writes)
      write(entry_op(tree, present, plan, i, location));
    for (const auto& id : plan.removals)
      remove(to_string(id));
    root_ = plan.ids[0];
    return plan;
  }

  std::vector<present_entry> read() const {
    std::vector<present_entry> out;
    for (const auto& [id, fields] : rows_) {
      auto entry = read_entry(
          json{{"model", "entry"}, {"id", id}, {"deleted", false}, {"fields", fields}}, location);
      BOOST_REQUIRE(entry.has_value());
      out.push_back(std::move(*entry));
    }
    return out;
  }

  /// Path below the root → id.
  std::map<std::string, std::string> paths() const {
    std::map<std::string, std::string> out;
    for (const auto& [id, fields] : rows_)
      out[path_of(id)] = id;
    return out;
  }

  json& fields(const std::string& path) { return rows_.at(paths().at(path)); }
  size_t size() const { return rows_.size(); }

private:
  void write(const json& op) {
    auto& row = rows_[string_at(op, "id")];
    if (row.is_null())
      row = json::object();
    for (const auto& [name, value] : op["fields"].items())
      if (value.is_null())
        row.erase(name);
      else
        row[name] = value;
    const auto parent = string_at(row, "parent_id");
    BOOST_TEST((parent.empty() || rows_.contains(parent)), "the parent must be there first");
    BOOST_TEST(string_at(row, "location_id") == to_string(location));
  }

  void remove(const std::string& id) {
    BOOST_REQUIRE_MESSAGE(rows_.erase(id) == 1,
                          "only the topmost may be deleted: the rest goes with it");
    std::vector<std::string> below;
    for (const auto& [other, fields] : rows_)
      if (string_at(fields, "parent_id") == id)
        below.push_back(other);
    for (const auto& other : below)
      remove(other);
  }

  std::string path_of(const std::string& id) const {
    const auto& fields = rows_.at(id);
    const auto parent = string_at(fields, "parent_id");
    return parent.empty() ? "." : path_of(parent) + "/" + string_at(fields, "name");
  }

  record_id root_;
  std::map<std::string, json> rows_;
};

std::vector<std::string> real_paths(const fs::path& root) {
  std::vector<std::string> out{"."};
  for (const auto& entry : fs::recursive_directory_iterator(root))
    out.push_back("./" + entry.path().lexically_relative(root).string());
  std::sort(out.begin(), out.end());
  return out;
}

void check_same(const shelf& records, const fs::path& root) {
  std::vector<std::string> recorded;
  for (const auto& [path, id] : records.paths())
    recorded.push_back(path);
  BOOST_TEST(recorded == real_paths(root), boost::test_tools::per_element());
  BOOST_TEST(records.size() == recorded.size());
}

} // namespace

BOOST_AUTO_TEST_SUITE(tree_planning)

BOOST_AUTO_TEST_CASE(a_first_run_adds_everything_and_a_second_writes_nothing) {
  const tests::scratch_dir dir;
  dir.write("a/b/c.TXT", "hello");
  dir.write("d", "");
  shelf records;
  const auto first = records.index(dir.path());
  BOOST_TEST(first.added == 5U);
  BOOST_TEST(first.writes.size() == 5U);
  check_same(records, dir.path());
  const auto& file = records.fields("./a/b/c.TXT");
  BOOST_TEST(string_at(file, "kind") == "file");
  BOOST_TEST(string_at(file, "extension") == "txt");
  BOOST_TEST(string_at(file, "permissions").size() == 4U);
  BOOST_TEST(integer_at(file, "size", -1) == 5);
  BOOST_TEST(integer_at(file, "modified_at", 0) > 1'600'000'000'000);
  BOOST_TEST(!file.contains("child_count"));
  BOOST_TEST(integer_at(records.fields("./a"), "child_count", -1) == 1);
  BOOST_TEST(!records.fields(".").contains("parent_id"));
  const auto second = records.index(dir.path());
  BOOST_TEST(second.empty());
  BOOST_TEST(second.added + second.changed + second.moved + second.removed == 0U);
}

BOOST_AUTO_TEST_CASE(a_changed_file_is_one_write_of_what_changed) {
  const tests::scratch_dir dir;
  dir.write("keep", "");
  const auto file = dir.write("f", "1");
  shelf records;
  records.index(dir.path());
  BOOST_REQUIRE(chmod(file.c_str(), 0600) == 0);
  const auto tree = scan_tree(dir.path(), {});
  const auto present = records.read();
  const auto plan = make_plan(*tree, present, parse_id<record_id>(records.paths().at(".")).value(),
                              random_record_id);
  BOOST_TEST(plan.changed == 1U);
  BOOST_REQUIRE(plan.writes.size() == 1U);
  const auto op = entry_op(*tree, present, plan, plan.writes[0], records.location);
  BOOST_TEST(text_of(op["fields"]) == R"({"permissions":"0600"})");
  BOOST_TEST(string_at(op, "id") == records.paths().at("./f"));
}

BOOST_AUTO_TEST_CASE(a_moved_directory_keeps_its_id_and_its_children_are_not_written) {
  const tests::scratch_dir dir;
  dir.write("x/d/one", "");
  dir.write("x/d/two", "");
  fs::create_directories(dir.path() / "y");
  shelf records;
  records.index(dir.path());
  const auto before = records.paths();
  fs::rename(dir.path() / "x/d", dir.path() / "y/e");
  const auto plan = records.index(dir.path());
  check_same(records, dir.path());
  BOOST_TEST(plan.moved == 1U);
  BOOST_TEST(plan.added == 0U);
  BOOST_TEST(plan.removed == 0U);
  BOOST_TEST(plan.writes.size() <= 3U); // it, and the two folders whose times and counts changed
  BOOST_TEST(records.paths().at("./y/e") == before.at("./x/d"));
  BOOST_TEST(records.paths().at("./y/e/one") == before.at("./x/d/one"));
}

BOOST_AUTO_TEST_CASE(a_rename_changes_the_extension_or_clears_it) {
  const tests::scratch_dir dir;
  dir.write("a.txt", "");
  shelf records;
  records.index(dir.path());
  fs::rename(dir.path() / "a.txt", dir.path() / "a.JPG");
  records.index(dir.path());
  BOOST_TEST(string_at(records.fields("./a.JPG"), "extension") == "jpg");
  fs::rename(dir.path() / "a.JPG", dir.path() / "a");
  BOOST_TEST(records.index(dir.path()).moved == 1U);
  BOOST_TEST(!records.fields("./a").contains("extension"));
}

BOOST_AUTO_TEST_CASE(of_a_vanished_directory_only_the_top_is_deleted) {
  const tests::scratch_dir dir;
  dir.write("gone/a/b", "");
  dir.write("gone/c", "");
  dir.write("stay", "");
  shelf records;
  records.index(dir.path());
  fs::remove_all(dir.path() / "gone");
  const auto plan = records.index(dir.path());
  BOOST_TEST(plan.removals.size() == 1U);
  BOOST_TEST(plan.removed == 4U);
  check_same(records, dir.path());
}

BOOST_AUTO_TEST_CASE(what_moved_out_of_a_vanished_directory_survives_it) {
  const tests::scratch_dir dir;
  dir.write("gone/keep/x", "");
  shelf records;
  records.index(dir.path());
  const auto before = records.paths();
  fs::rename(dir.path() / "gone/keep", dir.path() / "keep");
  fs::remove_all(dir.path() / "gone");
  records.index(dir.path());
  check_same(records, dir.path());
  BOOST_TEST(records.paths().at("./keep/x") == before.at("./gone/keep/x"));
}

BOOST_AUTO_TEST_CASE(two_that_swap_names_swap_records) {
  const tests::scratch_dir dir;
  dir.write("a/in_a", "");
  dir.write("b/in_b", "");
  shelf records;
  records.index(dir.path());
  const auto before = records.paths();
  fs::rename(dir.path() / "a", dir.path() / "t");
  fs::rename(dir.path() / "b", dir.path() / "a");
  fs::rename(dir.path() / "t", dir.path() / "b");
  records.index(dir.path());
  check_same(records, dir.path());
  BOOST_TEST(records.paths().at("./a") == before.at("./b"));
  BOOST_TEST(records.paths().at("./b/in_a") == before.at("./a/in_a"));
}

BOOST_AUTO_TEST_CASE(a_folder_and_the_one_in_it_change_places) {
  const tests::scratch_dir dir;
  dir.write("a/b/x", "");
  shelf records;
  records.index(dir.path());
  const auto before = records.paths();
  fs::rename(dir.path() / "a/b", dir.path() / "b");
  fs::rename(dir.path() / "a", dir.path() / "b/a");
  records.index(dir.path());
  check_same(records, dir.path());
  BOOST_TEST(records.paths().at("./b/a") == before.at("./a"));
}

BOOST_AUTO_TEST_CASE(a_file_replaced_at_its_place_keeps_its_record) {
  const tests::scratch_dir dir;
  dir.write("f", "1");
  shelf records;
  records.index(dir.path());
  const auto before = records.paths();
  dir.write("f.new", "22");
  fs::rename(dir.path() / "f.new", dir.path() / "f"); // as editors save
  const auto plan = records.index(dir.path());
  BOOST_TEST(plan.added == 0U);
  BOOST_TEST(plan.removed == 0U);
  BOOST_TEST(records.paths().at("./f") == before.at("./f"));
  BOOST_TEST(integer_at(records.fields("./f"), "size", -1) == 2);
}

BOOST_AUTO_TEST_CASE(a_new_hard_link_does_not_take_over_a_record) {
  const tests::scratch_dir dir;
  dir.write("m/f", "1");
  shelf records;
  records.index(dir.path());
  const auto before = records.paths();
  fs::create_hard_link(dir.path() / "m/f", dir.path() / "a");
  const auto plan = records.index(dir.path());
  BOOST_TEST(plan.added == 1U);
  BOOST_TEST(plan.moved == 0U);
  BOOST_TEST(records.paths().at("./m/f") == before.at("./m/f"));
}

BOOST_AUTO_TEST_CASE(a_file_that_became_a_directory_is_another_record) {
  const tests::scratch_dir dir;
  dir.write("x", "1");
  shelf records;
  records.index(dir.path());
  const auto before = records.paths();
  fs::remove(dir.path() / "x");
  dir.write("x/inside", "");
  records.index(dir.path());
  check_same(records, dir.path());
  BOOST_TEST(records.paths().at("./x") != before.at("./x"));
}

BOOST_AUTO_TEST_CASE(an_inode_given_to_a_younger_file_is_not_a_move) {
  scanned_tree tree;
  tree.entries.resize(2);
  tree.entries[0].facts.kind = entry_kind::directory;
  tree.entries[1].parent = 0;
  tree.entries[1].name = "old";
  tree.entries[1].facts.inode = 7;
  tree.entries[1].facts.created_at = 1000;
  shelf records;
  records.take(tree);
  tree.entries[1].name = "young";
  tree.entries[1].facts.created_at = 2000;
  auto plan = records.take(tree);
  BOOST_TEST(plan.added == 1U);
  BOOST_TEST(plan.removed == 1U);
  tree.entries[1].name = "renamed";
  plan = records.take(tree);
  BOOST_TEST(plan.moved == 1U);
}

BOOST_AUTO_TEST_CASE(below_an_unreadable_folder_nothing_is_said_to_be_gone) {
  const tests::scratch_dir dir;
  dir.write("d/in/x", "");
  shelf records;
  records.index(dir.path());
  auto tree = scan_tree(dir.path(), {});
  BOOST_REQUIRE(tree.ok());
  tree->entries.resize(2); // the root and d
  tree->entries[1].unreadable = true;
  tree->entries[1].facts.child_count = entry_facts::unknown;
  const auto plan = records.take(*tree);
  BOOST_TEST(plan.empty());
  check_same(records, dir.path());
}

BOOST_AUTO_TEST_CASE(records_of_other_locations_and_deleted_ones_are_not_read) {
  const auto here = random_record_id();
  json record = {{"id", to_string(random_record_id())},
                 {"deleted", false},
                 {"fields", {{"name", "x"}, {"kind", "file"}, {"location_id", to_string(here)}}}};
  BOOST_TEST(read_entry(record, here).has_value());
  BOOST_TEST(!read_entry(record, random_record_id()).has_value());
  record["deleted"] = true;
  BOOST_TEST(!read_entry(record, here).has_value());
  record["deleted"] = false;
  record["fields"]["kind"] = "door";
  BOOST_TEST(!read_entry(record, here).has_value());
}

BOOST_AUTO_TEST_CASE(records_that_name_each_other_as_parents_are_removed) {
  const auto a = random_record_id();
  const auto b = random_record_id();
  const std::vector<present_entry> present = {{a, b, {}, true, "a"}, {b, a, {}, true, "b"}};
  scanned_tree tree;
  tree.entries.resize(1);
  tree.entries[0].facts.kind = entry_kind::directory;
  const auto plan = make_plan(tree, present, {}, random_record_id);
  BOOST_TEST(plan.removed == 2U);
  BOOST_TEST(plan.removals.size() == 1U);
}

BOOST_AUTO_TEST_CASE(after_any_changes_the_records_are_the_tree_and_nothing_more_is_written) {
  const char* given = std::getenv("SHOAL_SEED");
  const uint64_t seed = given ? std::stoull(given) : std::random_device{}();
  std::cout << "SHOAL_SEED=" << seed << '\n';
  std::mt19937_64 random(seed);
  const tests::scratch_dir dir;
  shelf records;
  const auto some = [&](const char* kinds) {
    std::vector<fs::path> all;
    for (const auto& entry : fs::recursive_directory_iterator(dir.path()))
      if (*kinds == '*' || entry.is_directory())
        all.push_back(entry.path());
    std::sort(all.begin(), all.end());
    return all.empty() || (*kinds != '*' && random() % 4 == 0) ? dir.path()
                                                               : all[random() % all.size()];
  };
  for (int round = 0; round < 30; ++round) {
    for (int step = 0; step < 8; ++step) {
      std::error_code ignored; // a directory does not go below itself
      const auto fresh = some("d") / ("n" + std::to_string(random() % 20));
      switch (random() % 6) {
      case 0: fs::create_directory(fresh, ignored); break;
      case 1: std::ofstream(fresh) << random(); break;
      case 2: fs::create_symlink("x", fresh, ignored); break;
      case 3: fs::rename(some("*"), fresh, ignored); break;
      case 4:
        if (const auto victim = some("*"); victim != dir.path() && random() % 2 == 0)
          fs::remove_all(victim, ignored);
        break;
      case 5: fs::create_hard_link(some("*"), fresh, ignored); break;
      }
    }
    BOOST_TEST_CONTEXT("round " << round) {
      records.index(dir.path());
      check_same(records, dir.path());
      BOOST_TEST(records.index(dir.path()).empty());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli
