// The command line against real nodes: exit codes, import, configurations that are refused.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace shoal::nodes {

namespace {

bool one_line(const std::string& text) {
  return !text.empty() && text.find('\n') == text.size() - 1;
}

struct one_node : cluster {
  one_node() : cluster(1) { start(); }
  finished run(std::vector<std::string> words, const std::string& input = {}) {
    return (*this)[0].cli(std::move(words), input);
  }
};

std::string line_of(const std::string& name) {
  return R"({"model":"tag","id":"new","fields":{"canonical_name":)" + name + "}}\n";
}

} // namespace

BOOST_AUTO_TEST_SUITE(command_line)

BOOST_FIXTURE_TEST_CASE(bash_completes_commands_choices_and_the_nodes_libraries, one_node) {
  const auto offered = [&](const std::vector<std::string>& words) {
    std::vector<std::string> line{"/bin/bash", "-c",
                                  "source <(\"$0\" completion bash); COMP_WORDS=(\"$0\" \"$@\"); "
                                  "COMP_CWORD=$#; _shoal; echo \"${COMPREPLY[*]}\"",
                                  program};
    line.insert(line.end(), words.begin(), words.end());
    const temp_dir dir;
    process bash(line, dir / "out");
    BOOST_TEST(bash.ended_within(30s).value_or(-1) == 0);
    return read_file(dir / "out");
  };
  BOOST_TEST(offered({"dev"}) == "devcluster\n");
  BOOST_TEST(offered({"status", "-o", ""}) == "table json ndjson\n");
  BOOST_TEST(offered({"devcluster", "up", "--topology", "m"}) == "mesh\n");
  BOOST_TEST(offered({"bench", "broadcast", "--model", ""}) == "entry tag\n");
  BOOST_TEST(offered({"watch", "--model", ""}) == "\n"); // any, so that bash offers files
  BOOST_TEST(offered({"log-level", "de"}) == "debug\n");
  BOOST_TEST(offered({"completion", "z"}) == "zsh\n");
  const auto config = (*this)[0].config();
  BOOST_TEST(offered({"--config", config, "digest", "l"}) == "lab\n");
  BOOST_TEST(offered({"digest", "--config", config, "l"}) == "lab\n");
  BOOST_TEST(offered({"--config", config, "deadletter", "lab", "s"}) == "show\n");
  BOOST_TEST(offered({"--config", config, "put", "lab", "l"}) == "\n"); // a model
  BOOST_TEST(offered({"digest", "l"}) == "\n");                         // no node is named
}

BOOST_FIXTURE_TEST_CASE(exit_codes_tell_no_from_wrong_words_and_from_nobody_there, one_node) {
  const auto made = run({"put", "lab", "tag", "new", "canonical_name=x"});
  BOOST_REQUIRE(made.code == 0);
  const std::string id = json::parse(made.out)["id"];
  BOOST_TEST(run({"get", "lab", "tag", id}).code == 0);
  const auto absent = run({"get", "lab", "tag", "11111111-2222-4333-8444-555555555555"});
  BOOST_TEST(absent.code == 1);
  BOOST_TEST(absent.err.find("not_found") != std::string::npos, absent.err);
  const auto refused = run({"put", "lab", "tag", "new", "canonical_name=null"});
  BOOST_TEST(refused.code == 1);
  BOOST_TEST(refused.err.find("canonical_name") != std::string::npos, refused.err);
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"nonsense"},
                                             {"get", "lab"},
                                             {"put", "lab", "tag", "new", "no equals sign"},
                                             {"get", "--no-such-flag", "lab", "tag", id},
                                             {"wait", "lab", "--timeout", "soon"}}) {
    const auto wrong = run(words);
    BOOST_TEST(wrong.code == 2, words[0] << ": " << wrong.err);
    BOOST_TEST(wrong.out.empty());
  }
  for (const auto& got : {absent, refused})
    BOOST_TEST(one_line(got.err), got.err);
  BOOST_TEST((*this)[0].stop().value_or(-1) == 0);
  const auto nobody = run({"get", "lab", "tag", id});
  BOOST_TEST(nobody.code == 69, nobody.err);
  BOOST_TEST(one_line(nobody.err), nobody.err);
  const auto nowhere = shoal({"--api", "http://127.0.0.1:" + std::to_string(free_port()),
                              "--token-file", (*this)[0].dir() / "api.token", "status"});
  BOOST_TEST(nowhere.code == 69, nowhere.err);
}

BOOST_FIXTURE_TEST_CASE(import_skips_bad_lines_by_number_and_atomic_writes_all_or_none, one_node) {
  const std::string good = line_of("\"a\"") + line_of("\"b\"");
  const std::string mixed = good + "not json\n" + line_of("5") + "\n"
                            + R"({"model":"nonsense","id":"new","fields":{}})" + "\n"
                            + line_of("\"c\"");
  const auto skipped = run({"import", "lab"}, mixed);
  BOOST_TEST(skipped.code == 1);
  for (const char* line : {"line 3: ", "line 4: ", "line 6: "})
    BOOST_TEST(skipped.err.find(line) != std::string::npos, skipped.err);
  for (const char* line : {"line 1:", "line 2:", "line 5:", "line 7:"})
    BOOST_TEST(skipped.err.find(line) == std::string::npos, skipped.err);
  const auto count = [&] { return by_id(exported(0)).size() - 1; }; // without the device
  BOOST_TEST(count() == 3U);
  const auto atomic = run({"import", "lab", "--atomic"}, mixed);
  BOOST_TEST(atomic.code == 1);
  BOOST_TEST(count() == 3U);
  write_file(scratch() / "lines", good);
  const auto whole = run({"import", "lab", scratch() / "lines", "--atomic"});
  BOOST_TEST(whole.code == 0, whole.err);
  BOOST_TEST(count() == 5U);
  // What one node exports another imports.
  std::string again;
  for (const auto& [id, r] : by_id(exported(0)))
    if (r["model"] == "tag")
      again += json{{"model", "tag"}, {"id", id}, {"delete", true}}.dump() + "\n";
  BOOST_TEST(run({"import", "lab"}, again).code == 0);
  BOOST_TEST(count() == 0U);
}

BOOST_AUTO_TEST_CASE(a_wrong_configuration_stops_the_start_with_one_line_that_names_it) {
  const temp_dir dir;
  struct wrong {
    std::string add;
    std::string key;
  };
  const std::vector<wrong> all = {
      {"[sync]\nbatch_windw_ms = 5\n", "batch_windw_ms"},
      {"[sync]\nheartbeat_seconds = \"often\"\n", "heartbeat_seconds"},
      {"[sync]\nprune_seconds = 999999999999\n", "prune_seconds"},
      {"[sync]\ndial = \"some\"\n", "dial"},
      {"[[library]]\nid = \"no uuid\"\nname = \"x\"\n", "id"},
      {"[[library]]\nname = \"x\"\n", "id"},
      {"[log]\nlevel = \"loud\"\n", "level"},
      {"[nonsense]\n", "nonsense"},
      {"[sync\n", "shoal.toml"},
  };
  for (size_t n = 0; n < all.size(); ++n)
    BOOST_TEST_CONTEXT(all[n].add) {
      node bad(dir / std::to_string(n), "bad");
      bad.configure(all[n].add);
      const auto got = shoal({"run", "--config", bad.config()});
      BOOST_TEST(got.code == 78);
      BOOST_TEST(one_line(got.err), got.err);
      BOOST_TEST(got.err.find(bad.config()) != std::string::npos, got.err);
      BOOST_TEST(got.err.find(all[n].key) != std::string::npos, got.err);
      BOOST_TEST(!fs::exists(bad.dir() / "run" / "endpoints.json"));
      BOOST_TEST(shoal({"config", "check", "--config", bad.config()}).code == 78);
    }
  node env(dir / "env", "env");
  const auto got =
      shoal({"run", "--config", env.config()}, {}, {{"SHOAL__SYNC__BATCH_WINDOW_MS", "never"}});
  BOOST_TEST(got.code == 78);
  BOOST_TEST(got.err.find("SHOAL__SYNC__BATCH_WINDOW_MS") != std::string::npos, got.err);
}

BOOST_AUTO_TEST_CASE(keys_and_tokens_that_are_missing_or_open_to_others_stop_the_start) {
  const temp_dir dir;
  for (const char* file : {"device.key", "device.crt", "api.token"}) {
    node gone(dir / (std::string("gone-") + file), "gone");
    fs::remove(gone.dir() / file);
    const auto got = shoal({"run", "--config", gone.config()});
    BOOST_TEST(got.code == 78, file << ": " << got.err);
    BOOST_TEST(got.err.find(file) != std::string::npos, got.err);
    BOOST_TEST(one_line(got.err), got.err);
  }
  node open(dir / "open", "open");
  fs::permissions(open.dir() / "device.key", fs::perms::others_read, fs::perm_options::add);
  BOOST_TEST(shoal({"run", "--config", open.config()}).code == 78);
}

BOOST_FIXTURE_TEST_CASE(a_second_node_on_one_directory_does_not_start, one_node) {
  const auto second = shoal({"run", "--config", (*this)[0].config()});
  BOOST_TEST(second.code != 0);
  BOOST_TEST(second.err.find("another") != std::string::npos, second.err);
  BOOST_TEST(run({"put", "lab", "tag", "new", "canonical_name=x"}).code == 0);
  BOOST_TEST(fs::exists((*this)[0].dir() / "run" / "endpoints.json"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
