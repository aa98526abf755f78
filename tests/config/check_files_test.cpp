#include "fixture.hpp"

#include <sys/stat.h>

namespace shoal::config {

namespace {

struct node_folder : folder {
  node_folder() {
    write("device.key", "key");
    write("device.crt", "certificate");
    write("api.token", "0123456789abcdef\n");
    chmod((path / "device.key").c_str(), 0600);
    chmod((path / "api.token").c_str(), 0600);
  }
  /// What check_files() says about a file with all defaults; empty when it is content.
  std::string problem() const {
    const auto got = check_files(good("# nothing\n[tls]\nkey = \"device.key\"\n"));
    if (got)
      return {};
    BOOST_TEST((got.err().code == ec::config));
    return got.err().message;
  }
  void expect(const std::string& key, const std::string& part) const {
    const std::string message = problem();
    BOOST_TEST(message.find(key) != std::string::npos, message);
    BOOST_TEST(message.find(part) != std::string::npos, message);
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(files)

BOOST_FIXTURE_TEST_CASE(a_complete_folder_is_accepted, node_folder) {
  BOOST_TEST(problem() == "");
  chmod((path / "device.key").c_str(), 0400);
  BOOST_TEST(problem() == "");
}

BOOST_FIXTURE_TEST_CASE(a_missing_file_is_named_with_its_key_and_line, node_folder) {
  std::filesystem::remove(path / "device.key");
  expect("shoal.toml:3: tls.key: ", "device.key cannot be read: No such file");
  write("device.key", "key");
  chmod((path / "device.key").c_str(), 0600);
  std::filesystem::remove(path / "device.crt");
  expect("tls.certificate: ", "device.crt cannot be read");
  write("device.crt", "certificate");
  std::filesystem::remove(path / "api.token");
  expect("api.token: ", "api.token cannot be read");
}

BOOST_FIXTURE_TEST_CASE(a_key_or_token_that_others_can_open_is_refused, node_folder) {
  for (const char* name : {"device.key", "api.token"})
    for (const mode_t mode : {0640U, 0604U, 0620U, 0644U, 0777U})
      BOOST_TEST_CONTEXT(name << " " << mode) {
        chmod((path / name).c_str(), mode);
        expect("is open to others (mode 0", "chmod 600");
        chmod((path / name).c_str(), 0600);
      }
  BOOST_TEST(problem() == "");
}

BOOST_FIXTURE_TEST_CASE(files_that_hold_nothing_of_use_are_refused, node_folder) {
  write("device.key", "");
  expect("tls.key: ", "is empty");
  write("device.key", std::string(70'000, 'x'));
  expect("tls.key: ", "is larger than");
  std::filesystem::remove(path / "device.key");
  std::filesystem::create_directory(path / "device.key");
  expect("tls.key: ", "is not a regular file");
  std::filesystem::remove(path / "device.key");
  BOOST_REQUIRE(mkfifo((path / "device.key").c_str(), 0600) == 0);
  expect("tls.key: ", "is not a regular file");
}

BOOST_FIXTURE_TEST_CASE(a_token_is_one_line_of_visible_characters_and_not_short, node_folder) {
  for (const char* token :
       {"short", "\n", "0123456789abcdef 0123", "0123456789\n0123456789", "0123456789abcde\x01"})
    BOOST_TEST_CONTEXT(token) {
      write("api.token", token);
      expect("api.token: ", "holds no token (use one line of at least 16 visible");
    }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::config
