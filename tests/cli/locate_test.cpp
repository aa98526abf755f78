#include "cli/client/locate.hpp"

#include "fake_node.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace shoal::cli {

namespace {

/// Sets an environment variable for one test.
class set_variable {
public:
  set_variable(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~set_variable() { unsetenv(name_); }

private:
  const char* name_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(locating_a_node)

BOOST_AUTO_TEST_CASE(a_running_node_is_found_by_its_config) {
  const tests::scratch_dir dir;
  const auto config =
      dir.write("shoal.toml", "[api]\nlisten = \"127.0.0.1:0\"\ntoken = \"keys/t\"\n");
  dir.write("keys/t", "abc\n");
  dir.write("run/endpoints.json",
            R"({"pid":1,"device":"d","listen":"x","api":"http://127.0.0.1:99"})");
  const auto found = locate_node({config.string(), {}, {}});
  BOOST_REQUIRE(found.ok());
  BOOST_TEST(found->url == "http://127.0.0.1:99");
  BOOST_TEST(found->token == "abc");
}

BOOST_AUTO_TEST_CASE(the_token_file_is_api_token_unless_said_otherwise) {
  const tests::scratch_dir dir;
  const auto config = dir.write("shoal.toml", "");
  dir.write("api.token", "abc");
  dir.write("other", "def");
  dir.write("run/endpoints.json", R"({"api":"http://127.0.0.1:99"})");
  BOOST_TEST(locate_node({config.string(), {}, {}})->token == "abc");
  const set_variable override("SHOAL__API__TOKEN", "other");
  BOOST_TEST(locate_node({config.string(), {}, {}})->token == "def");
}

BOOST_AUTO_TEST_CASE(without_endpoints_the_node_is_not_running) {
  const tests::scratch_dir dir;
  const auto config = dir.write("shoal.toml", "");
  dir.write("api.token", "abc");
  BOOST_TEST((locate_node({config.string(), {}, {}}).err().code == ec::unavailable));
  const auto said = tests::run({"status", "--config", config.string()});
  BOOST_TEST(said.code == exit_unreachable);
  BOOST_TEST(said.err.find("shoal run --config") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_that_may_not_be_read_is_told_from_one_that_is_missing) {
  const tests::scratch_dir dir;
  const auto config = dir.write("shoal.toml", "");
  BOOST_REQUIRE(::chmod(config.c_str(), 0) == 0);
  const bool root = ::geteuid() == 0; // whom nothing stops
  if (root)
    BOOST_REQUIRE(::seteuid(65534) == 0);
  const auto refused = locate_node({config.string(), {}, {}});
  if (root)
    BOOST_REQUIRE(::seteuid(0) == 0);
  BOOST_TEST((refused.err().code == ec::config));
  BOOST_TEST(refused.err().message.find("permission denied") != std::string::npos,
             refused.err().message);
}

BOOST_AUTO_TEST_CASE(missing_and_bad_files_are_configuration_errors) {
  const tests::scratch_dir dir;
  BOOST_TEST((locate_node({(dir.path() / "none.toml").string(), {}, {}}).err().code == ec::config));
  const auto bad = locate_node({dir.write("bad.toml", "\n[api\n").string(), {}, {}});
  BOOST_TEST((bad.err().code == ec::config));
  BOOST_TEST(bad.err().message.find("bad.toml:2") != std::string::npos);
  BOOST_TEST((locate_node({dir.write("shoal.toml", "").string(), {}, {}}).err().code
              == ec::config)); // no token
  BOOST_TEST(tests::run({"status", "--config", (dir.path() / "none.toml").string()}).code
             == exit_config);
  BOOST_TEST((locate_node({{}, "http://127.0.0.1:1", dir.write("empty", " \n").string()}).err().code
              == ec::config));
}

BOOST_AUTO_TEST_CASE(the_environment_names_a_node_and_options_replace_it) {
  const tests::scratch_dir dir;
  const set_variable api("SHOAL_API", "http://127.0.0.1:1");
  const set_variable file("SHOAL_TOKEN_FILE", dir.write("one", "1").string());
  BOOST_TEST(locate_node({})->url == "http://127.0.0.1:1");
  BOOST_TEST(locate_node({})->token == "1");
  BOOST_TEST(locate_node({{}, "http://127.0.0.1:2", {}})->url == "http://127.0.0.1:2");
  BOOST_TEST(locate_node({{}, {}, dir.write("two", "2").string()})->token == "2");
}

BOOST_AUTO_TEST_CASE(naming_no_node_or_half_a_node_is_a_usage_error) {
  BOOST_TEST((locate_node({}).err().code == ec::bad_request));
  BOOST_TEST((locate_node({{}, "http://127.0.0.1:1", {}}).err().code == ec::bad_request));
  BOOST_TEST((locate_node({"f", "http://127.0.0.1:1", {}}).err().code == ec::bad_request));
  const auto said = tests::run({"status"});
  BOOST_TEST(said.code == exit_usage);
  BOOST_TEST(std::count(said.err.begin(), said.err.end(), '\n') == 1);
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_a_usage_error) {
  const tests::scratch_dir dir;
  const auto file = dir.write("t", "1").string();
  for (const char* url : {"127.0.0.1:1", "ftp://x", "http://", "http://a/b"})
    BOOST_TEST(tests::run({"status", "--api", url, "--token-file", file}).code == exit_usage, url);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli
