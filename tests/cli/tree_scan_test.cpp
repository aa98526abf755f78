#include "cli/client/tree_scan.hpp"

#include "fake_node.hpp"

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>

namespace shoal::cli {

namespace fs = std::filesystem;

namespace {

/// Path below the root → entry.
std::map<std::string, scanned_entry> by_path(const scanned_tree& tree) {
  std::vector<std::string> paths;
  std::map<std::string, scanned_entry> out;
  for (const auto& entry : tree.entries) {
    paths.push_back(
        entry.parent == scanned_entry::no_parent ? "." : paths[entry.parent] + "/" + entry.name);
    out.emplace(paths.back(), entry);
  }
  return out;
}

std::map<std::string, scanned_entry> scan(const fs::path& root) {
  const auto tree = scan_tree(root, {});
  BOOST_REQUIRE(tree.ok());
  return by_path(*tree);
}

} // namespace

BOOST_AUTO_TEST_SUITE(tree_scanning)

BOOST_AUTO_TEST_CASE(every_entry_is_found_once_parents_first) {
  const tests::scratch_dir dir;
  dir.write("a/b/c.txt", "hello");
  dir.write("a/d", "");
  fs::create_directories(dir.path() / "empty");
  const auto tree = scan_tree(dir.path(), {});
  BOOST_REQUIRE(tree.ok());
  for (size_t i = 1; i < tree->entries.size(); ++i)
    BOOST_TEST(tree->entries[i].parent < i);
  std::set<std::string> paths;
  for (const auto& [path, entry] : by_path(*tree))
    paths.insert(path);
  const std::set<std::string> expected = {".", "./a", "./a/b", "./a/b/c.txt", "./a/d", "./empty"};
  BOOST_TEST(paths == expected, boost::test_tools::per_element());
  BOOST_TEST(tree->files == 2U);
  BOOST_TEST(tree->bytes == 5U);
}

BOOST_AUTO_TEST_CASE(facts_are_those_of_the_file_system) {
  const tests::scratch_dir dir;
  const auto file = dir.write("f", "12345");
  BOOST_REQUIRE(chmod(file.c_str(), 04640) == 0);
  const timespec times[2] = {{1, 0}, {1'600'000'000, 123'456'789}};
  BOOST_REQUIRE(utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
  struct stat real {};
  BOOST_REQUIRE(stat(file.c_str(), &real) == 0);
  const auto found = scan(dir.path());
  const auto& facts = found.at("./f").facts;
  BOOST_TEST((facts.kind == entry_kind::file));
  BOOST_TEST(facts.size == 5);
  BOOST_TEST(facts.permissions == 04640U);
  BOOST_TEST(facts.modified_at == 1'600'000'000'123);
  BOOST_TEST(facts.inode == static_cast<int64_t>(real.st_ino));
  BOOST_TEST(facts.child_count == entry_facts::unknown);
  BOOST_TEST(found.at(".").facts.child_count == 1);
  BOOST_TEST(found.at(".").facts.size == entry_facts::unknown);
}

BOOST_AUTO_TEST_CASE(links_are_recorded_and_not_followed) {
  const tests::scratch_dir dir;
  dir.write("d/x", "");
  fs::create_directory_symlink("d", dir.path() / "link");
  fs::create_directory_symlink(".", dir.path() / "d/loop");
  fs::create_symlink("nowhere", dir.path() / "dangling");
  const auto found = scan(dir.path());
  BOOST_TEST(found.size() == 6U);
  for (const char* path : {"./link", "./d/loop", "./dangling"})
    BOOST_TEST((found.at(path).facts.kind == entry_kind::symlink), path);
}

BOOST_AUTO_TEST_CASE(sockets_and_fifos_count_as_files) {
  const tests::scratch_dir dir;
  BOOST_REQUIRE(mkfifo((dir.path() / "fifo").c_str(), 0600) == 0);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  (dir.path() / "socket").string().copy(where.sun_path, sizeof where.sun_path - 1);
  BOOST_REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0);
  close(fd);
  const auto found = scan(dir.path());
  BOOST_TEST((found.at("./fifo").facts.kind == entry_kind::file));
  BOOST_TEST((found.at("./socket").facts.kind == entry_kind::file));
}

BOOST_AUTO_TEST_CASE(a_path_beyond_the_systems_limit_is_scanned) {
  const tests::scratch_dir dir;
  const std::string part(200, 'd');
  constexpr size_t depth = 45; // 9,000 bytes, more than twice PATH_MAX
  int at = open(dir.path().c_str(), O_DIRECTORY | O_RDONLY);
  std::vector<int> open_dirs{at};
  for (size_t i = 0; i < depth; ++i) {
    BOOST_REQUIRE(mkdirat(at, part.c_str(), 0700) == 0);
    at = openat(at, part.c_str(), O_DIRECTORY | O_RDONLY);
    BOOST_REQUIRE(at >= 0);
    open_dirs.push_back(at);
  }
  const auto tree = scan_tree(dir.path(), {});
  for (size_t i = depth; i-- > 0;)
    unlinkat(open_dirs[i], part.c_str(), AT_REMOVEDIR);
  for (const int fd : open_dirs)
    close(fd);
  BOOST_REQUIRE(tree.ok());
  BOOST_TEST(tree->entries.size() == depth + 1);
  BOOST_TEST(tree->unreadable == 0U);
}

BOOST_AUTO_TEST_CASE(an_unreadable_folder_is_told_recorded_and_stops_nothing) {
  if (geteuid() == 0) {
    // Root reads everything; another user has to look. The child reports by its exit code.
    const tests::scratch_dir dir;
    dir.write("closed/hidden", "");
    dir.write("open/seen", "");
    BOOST_REQUIRE(chmod(dir.path().c_str(), 0755) == 0);
    BOOST_REQUIRE(chmod((dir.path() / "closed").c_str(), 0000) == 0);
    const pid_t child = fork();
    if (child == 0) {
      if (setgid(65534) != 0 || setuid(65534) != 0)
        _exit(2);
      std::vector<std::string> told;
      scan_watch watch;
      watch.unreadable = [&](const std::string& path, const std::string&) { told.push_back(path); };
      const auto tree = scan_tree(dir.path(), watch);
      const bool right = tree.ok() && tree->unreadable == 1 && tree->entries.size() == 4
                         && told.size() == 1 && told[0].ends_with("/closed");
      _exit(right ? 0 : 1);
    }
    int ended = 0;
    BOOST_REQUIRE(waitpid(child, &ended, 0) == child);
    BOOST_TEST(ended == 0);
    chmod((dir.path() / "closed").c_str(), 0700);
  } else {
    const tests::scratch_dir dir;
    dir.write("closed/hidden", "");
    BOOST_REQUIRE(chmod((dir.path() / "closed").c_str(), 0000) == 0);
    const auto found = scan(dir.path());
    BOOST_TEST(found.at("./closed").unreadable);
    BOOST_TEST(found.size() == 2U);
    chmod((dir.path() / "closed").c_str(), 0700);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_directory_cannot_be_scanned) {
  const tests::scratch_dir dir;
  BOOST_TEST((scan_tree(dir.write("f", ""), {}).err().code == ec::not_found));
  BOOST_TEST((scan_tree(dir.path() / "none", {}).err().code == ec::not_found));
}

BOOST_AUTO_TEST_CASE(names_that_are_utf8_stay_and_others_are_escaped) {
  BOOST_TEST(text_of_name("plain 100%.txt") == "plain 100%.txt");
  BOOST_TEST(text_of_name("é€😀") == "é€😀");
  BOOST_TEST(text_of_name("a\xff"
                          "b%")
             == "a%FFb%25");
  BOOST_TEST(text_of_name("\xc3") == "%C3");
  BOOST_TEST(text_of_name("é\xc3") == "é%C3");
  BOOST_TEST(text_of_name("\xc0\xaf") == "%C0%AF");        // overlong
  BOOST_TEST(text_of_name("\xed\xa0\x80") == "%ED%A0%80"); // surrogate
  BOOST_TEST(text_of_name("\xf4\x90\x80\x80") == "%F4%90%80%80");
  BOOST_TEST(text_of_name("\xf0\x80\x80\x80") == "%F0%80%80%80");
}

BOOST_AUTO_TEST_CASE(a_name_that_is_not_utf8_is_found_under_its_escaped_name) {
  const tests::scratch_dir dir;
  dir.write("\xff%", "");
  BOOST_TEST(scan(dir.path()).contains("./%FF%25"));
}

BOOST_AUTO_TEST_CASE(extensions_are_lower_case_and_without_the_dot) {
  BOOST_TEST(extension_of("a.TXT") == "txt");
  BOOST_TEST(extension_of("a.tar.gz") == "gz");
  BOOST_TEST(extension_of(".profile") == "");
  BOOST_TEST(extension_of("name.") == "");
  BOOST_TEST(extension_of("name") == "");
  BOOST_TEST(extension_of("a.É") == "É");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli
