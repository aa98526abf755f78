#include "fixture.hpp"

namespace shoal::config {

namespace {

const std::string id_a = "0b7d2c9e-8f5a-4a51-9a3c-6d1e0c5b7f42";
const std::string id_b = "9f1c4e0a-52c7-8d3b-a1f6-7be02d94c318";

std::string library(const std::string& id, const std::string& name) {
  return "[[library]]\nid = \"" + id + "\"\nname = \"" + name + "\"\n";
}

std::string member(const std::string& device, const std::string& rest = {}) {
  return "[[library.member]]\ndevice = \"" + device + "\"\n" + rest;
}

/// `part` must stand in `text`; both are shown when it does not.
void has(const std::string& text, const std::string& part) {
  BOOST_TEST(text.find(part) != std::string::npos, "'" << text << "' lacks '" << part << "'");
}

} // namespace

BOOST_AUTO_TEST_SUITE(loading)

BOOST_FIXTURE_TEST_CASE(an_empty_file_gives_every_default_of_the_contract, folder) {
  const auto got = good("");
  BOOST_TEST(got.file == path / "shoal.toml");
  BOOST_TEST(!got.node.name.empty());
  BOOST_TEST(got.node.data_dir == path / "data");
  BOOST_TEST(to_string(got.node.listen) == "127.0.0.1:7420");
  BOOST_TEST(!got.node.advertise.has_value());
  BOOST_TEST(got.tls.key == path / "device.key");
  BOOST_TEST(got.tls.certificate == path / "device.crt");
  BOOST_TEST(to_string(got.api.listen) == "127.0.0.1:7421");
  BOOST_TEST(got.api.token == path / "api.token");
  BOOST_TEST(got.libraries.empty());
  BOOST_TEST((got.sync.dial == dial_policy::all));
  BOOST_TEST((got.sync.preset == preset_name::standard));
  BOOST_TEST(got.sync.batch_window_ms == 0);
  BOOST_TEST(got.sync.batch_max_records == 1000);
  BOOST_TEST(got.sync.heartbeat_seconds == 10);
  BOOST_TEST(got.sync.message_timeout_seconds == 30);
  BOOST_TEST(got.sync.backfill_page_records == 10'000);
  BOOST_TEST(got.sync.retry_initial_ms == 1000);
  BOOST_TEST(got.sync.retry_max_seconds == 60);
  BOOST_TEST(got.sync.prune_seconds == 1);
  BOOST_TEST(got.sync.max_clock_drift_seconds == 120);
  BOOST_TEST(got.sync.max_record_bytes == 1'048'576);
  BOOST_TEST(got.retention.max_log_entries == 1'000'000);
  BOOST_TEST(got.retention.max_log_age_days == 30);
  BOOST_TEST(got.retention.min_tombstone_hours == 24);
  BOOST_TEST(got.log.level == "info");
  BOOST_TEST((got.log.format == log_format::text));
}

BOOST_FIXTURE_TEST_CASE(libraries_and_members_are_read_in_order, folder) {
  const auto got =
      good(library(id_a, "photos") + "sync = false\n" + member(id_b, "address = \"[::1]:7420\"\n")
           + member(id_a) + library(id_b, "notes"));
  BOOST_REQUIRE(got.libraries.size() == 2);
  const auto& photos = got.libraries[0];
  BOOST_TEST(to_string(photos.id) == id_a);
  BOOST_TEST(photos.name == "photos");
  BOOST_TEST(!photos.sync);
  BOOST_REQUIRE(photos.members.size() == 2);
  BOOST_TEST(to_string(photos.members[0].device) == id_b);
  BOOST_TEST(to_string(*photos.members[0].at) == "[::1]:7420");
  BOOST_TEST(!photos.members[1].at.has_value());
  BOOST_TEST(got.libraries[1].sync);
  BOOST_TEST(got.libraries[1].members.empty());
}

BOOST_FIXTURE_TEST_CASE(relative_paths_belong_to_the_files_folder_and_absolute_ones_stay, folder) {
  const auto got = good("[node]\ndata_dir = \"../elsewhere/./x\"\n[tls]\nkey = \"/etc/shoal/k\"\n");
  BOOST_TEST(got.node.data_dir == path.parent_path() / "elsewhere/x");
  BOOST_TEST(got.tls.key == "/etc/shoal/k");
}

BOOST_FIXTURE_TEST_CASE(unknown_keys_name_file_line_key_and_the_nearest_key, folder) {
  BOOST_TEST(bad("[sync]\ndial = \"all\"\nbatch_windw_ms = 5\n")
             == "FILE:3: sync.batch_windw_ms: unknown key (the nearest is sync.batch_window_ms)");
  has(bad("[node]\nbatch_window_ms = 5\n"), "the nearest is sync.batch_window_ms");
  has(bad("[node]\nlisten_addr = \"x\"\n"),
      "FILE:2: node.listen_addr: unknown key (the nearest is node.listen");
  has(bad("[snyc]\ndial = \"all\"\n"), "FILE:1: snyc: unknown table (the nearest is [sync])");
  has(bad("naem = \"x\"\n"),
      "FILE:1: naem: unknown key outside any table (the nearest is node.name)");
  has(bad(library(id_a, "x") + "idd = \"x\"\n"),
      "FILE:4: library.idd: unknown key (the nearest is library.id)");
  has(bad(library(id_a, "x") + member(id_b, "adress = \"a:1\"\n")),
      "FILE:6: library.member.adress: unknown key (the nearest is library.member.address)");
}

BOOST_FIXTURE_TEST_CASE(a_value_of_the_wrong_type_says_what_would_be_right, folder) {
  BOOST_TEST(bad("[sync]\nheartbeat_seconds = \"10\"\n")
             == "FILE:2: sync.heartbeat_seconds: is a string (use a whole number from 1 to 3600)");
  has(bad("[sync]\nheartbeat_seconds = 1.5\n"), "is a floating-point number");
  has(bad("[sync]\nheartbeat_seconds = true\n"), "is a boolean");
  has(bad("[sync]\nheartbeat_seconds = [1]\n"), "is an array");
  has(bad("[sync]\nheartbeat_seconds = 1979-05-27\n"), "is a date");
  has(bad("[node]\nname = 5\n"), "FILE:2: node.name: is an integer (use text of 0 to 128 bytes");
  has(bad("[node]\nname.first = \"x\"\n"), "node.name: is a table");
  has(bad(library(id_a, "x") + "sync = \"false\"\n"),
      "library.sync: is a string (use true or false)");
  has(bad("sync = 5\n"), "FILE:1: sync: is an integer (write [sync] once");
  has(bad("[[sync]]\ndial = \"all\"\n"), "sync: is an array");
  has(bad("[library]\nid = \"" + id_a + "\"\n"),
      "library: is a table (write [[library]] for each)");
  has(bad("library = [1]\n"), "library: holds an integer");
}

BOOST_FIXTURE_TEST_CASE(numbers_are_held_to_their_bounds_at_both_ends, folder) {
  const std::tuple<const char*, const char*, int64_t, int64_t> bounds[] = {
      {"sync", "batch_window_ms", 0, 10'000},
      {"sync", "batch_max_records", 1, 10'000},
      {"sync", "heartbeat_seconds", 1, 3600},
      {"sync", "message_timeout_seconds", 1, 3600},
      {"sync", "backfill_page_records", 1, 100'000},
      {"sync", "retry_initial_ms", 10, 60'000},
      {"sync", "retry_max_seconds", 1, 86'400},
      {"sync", "prune_seconds", 1, 3600},
      {"sync", "max_clock_drift_seconds", 1, 86'400},
      {"sync", "max_record_bytes", 1024, 1'048'576},
      {"retention", "max_log_entries", 1, 1'000'000'000},
      {"retention", "max_log_age_days", 1, 36'500},
      {"retention", "min_tombstone_hours", 0, 876'000},
  };
  for (const auto& [table, name, least, most] : bounds)
    BOOST_TEST_CONTEXT(name) {
      const auto with = [table = table, name = name](int64_t n) {
        return "[" + std::string(table) + "]\n" + name + " = " + std::to_string(n) + "\n";
      };
      good(with(least));
      good(with(most));
      has(bad(with(least - 1)),
          std::string(table) + "." + name + ": is " + std::to_string(least - 1));
      if (std::string(name) != "retry_initial_ms") // whose upper end waits for retry_max_seconds
        has(bad(with(most + 1)), " to " + std::to_string(most) + ")");
      bad(with(INT64_MIN));
      bad(with(INT64_MAX));
    }
}

BOOST_FIXTURE_TEST_CASE(the_longest_wait_is_never_below_the_first, folder) {
  has(bad("[sync]\nretry_initial_ms = 5000\nretry_max_seconds = 4\n"),
      "FILE:3: sync.retry_max_seconds: is less than sync.retry_initial_ms (5000 ms)");
  good("[sync]\nretry_initial_ms = 5000\nretry_max_seconds = 5\n");
}

BOOST_FIXTURE_TEST_CASE(texts_choices_levels_and_addresses_are_checked, folder) {
  has(bad("[sync]\ndial = \"some\"\n"),
      "FILE:2: sync.dial: is 'some' (use one of all, configured)");
  has(bad("[sync]\npreset = \"\"\n"), "use one of default, aggressive, conservative, mobile");
  has(bad("[log]\nformat = \"xml\"\n"), "use one of text, json");
  for (const char* level :
       {"info", "off", "info,peer_link=debug", "warn,store=trace,api=critical", "peer_link=debug"})
    BOOST_TEST(good("[log]\nlevel = \"" + std::string(level) + "\"\n").log.level == level);
  for (const char* level : {"", "loud", "info,", ",info", "info,debug", "info,=debug",
                            "info,api=", "info,API=debug", "info,peer=debug"})
    BOOST_TEST_CONTEXT(level)
  has(bad("[log]\nlevel = \"" + std::string(level) + "\"\n"), "FILE:2: log.level: ");
  has(bad("[node]\nlisten = \"7420\"\n"), "node.listen: '7420' has no port (use HOST:PORT");
  has(bad("[node]\nadvertise = \"a:0\"\n"),
      "node.advertise: 'a:0' has port 0, which nobody can dial");
  good("[node]\nlisten = \"0.0.0.0:0\"\nadvertise = \"\"\n");
  has(bad("[node]\nname = \"a\\nb\"\n"), "node.name: has a control character");
  has(bad("[node]\nname = \"" + std::string(129, 'x') + "\"\n"), "node.name: has 129 bytes");
  has(bad("[node]\ndata_dir = \"\"\n"), "node.data_dir: is empty (use a path");
}

BOOST_FIXTURE_TEST_CASE(ids_and_names_of_libraries_and_members_are_checked, folder) {
  has(bad("[[library]]\nname = \"x\"\n"), "FILE:1: library.id: is missing (use a uuid");
  has(bad("[[library]]\nid = \"" + id_a + "\"\n"), "FILE:1: library.name: is missing");
  has(bad(library("0b7d", "x")), "FILE:2: library.id: '0b7d' is no uuid");
  has(bad(library("00000000-0000-0000-0000-000000000000", "x")), "library.id: is the nil uuid");
  has(bad(library(id_a, "")), "FILE:3: library.name: is empty");
  has(bad(library(id_a, id_b)), "FILE:3: library.name: reads as a uuid");
  has(bad(library(id_a, "x") + library(id_a, "y")),
      "FILE:5: library.id: is that of the library at ");
  has(bad(library(id_a, "x") + library(id_b, "x")),
      "FILE:6: library.name: is that of the library at ");
  has(bad(library(id_a, "x") + "[[library.member]]\naddress = \"a:1\"\n"),
      "FILE:4: library.member.device: is missing");
  has(bad(library(id_a, "x") + member("x")), "FILE:5: library.member.device: 'x' is no uuid");
  has(bad(library(id_a, "x") + member(id_b, "address = \"a\"\n")),
      "FILE:6: library.member.address: 'a' has no port");
  has(bad(library(id_a, "x") + member(id_b) + member(id_b)),
      "FILE:7: library.member.device: is that of the member at ");
}

BOOST_FIXTURE_TEST_CASE(what_is_not_toml_names_the_line, folder) {
  has(bad("[sync]\ndial = \n"), "FILE:2: not valid TOML: ");
  for (const char* text : {"\n[=]\n", "\n[\n", "\n[[]]\n", "\n[a.=]\n", "\n= 1\n", "\na = \"\"\"",
                           "\na.\n", "\n\x01\n"})
    BOOST_TEST_CONTEXT(text) has(bad(text), ": not valid TOML: ");
  has(bad("[sync]\n[sync]\n"), "FILE:2: not valid TOML: ");
  has(bad("[sync]\ndial = \"all\"\ndial = \"all\"\n"), "FILE:3: not valid TOML: ");
  has(bad("[node]\nname = \"\xff\"\n"), "not valid TOML: ");
}

BOOST_FIXTURE_TEST_CASE(a_file_that_cannot_be_read_is_an_error, folder) {
  const auto missing = load(path / "none.toml", {});
  BOOST_REQUIRE(!missing.ok());
  has(missing.err().message,
      "none.toml: configuration file: No such file or directory (make one with: shoal init");
  const auto directory = load(path, {});
  BOOST_REQUIRE(!directory.ok());
  has(directory.err().message, "is not a regular file");
  has(bad(std::string(size_t{5} << 20, '#')), "has 5242880 bytes");
}

BOOST_FIXTURE_TEST_CASE(presets_set_their_keys_and_explicit_keys_win, folder) {
  const auto mobile = good("[sync]\nbatch_max_records = 7\npreset = \"mobile\"\n");
  BOOST_TEST((mobile.sync.preset == preset_name::mobile));
  BOOST_TEST(mobile.sync.batch_max_records == 7);
  BOOST_TEST(mobile.sync.batch_window_ms == 1000);
  BOOST_TEST(mobile.sync.retry_max_seconds == 900);
  BOOST_TEST(mobile.sync.heartbeat_seconds == 10);
  BOOST_TEST(mobile.sources.at("sync.batch_window_ms") == "preset mobile");
  BOOST_TEST(mobile.sources.at("sync.batch_max_records") == (path / "shoal.toml").string() + ":2");
  BOOST_TEST(mobile.sources.at("sync.heartbeat_seconds") == "default");
  for (const char* name : {"aggressive", "conservative"}) {
    const auto got = good("[sync]\npreset = \"" + std::string(name) + "\"\n");
    BOOST_TEST(got.sources.at("sync.retry_initial_ms") == "preset " + std::string(name));
    BOOST_TEST(got.sync.message_timeout_seconds != mobile.sync.message_timeout_seconds);
  }
  const auto standard = good("[sync]\npreset = \"default\"\n");
  BOOST_TEST(standard.sync.batch_max_records == 1000);
}

BOOST_FIXTURE_TEST_CASE(environment_variables_override_the_file_and_the_preset, folder) {
  const std::string text =
      "[sync]\npreset = \"mobile\"\nbatch_window_ms = 9\n" + library(id_a, "x") + member(id_b);
  const auto got = good(text, {{"SHOAL__SYNC__BATCH_WINDOW_MS", "5"},
                               {"SHOAL__SYNC__PRESET", "aggressive"},
                               {"SHOAL__NODE__DATA_DIR", "other"},
                               {"SHOAL__LOG__LEVEL", "debug"},
                               {"SHOAL__LIBRARY__0__SYNC", "false"},
                               {"SHOAL__LIBRARY__0__MEMBER__0__ADDRESS", "nas:1"},
                               {"SHOAL__LIBRARY__1__ID", id_b},
                               {"SHOAL__LIBRARY__1__NAME", "true"},
                               {"SHOAL_API", "not a key"},
                               {"PATH", "/bin"}});
  BOOST_TEST(got.sync.batch_window_ms == 5);
  BOOST_TEST(got.sync.batch_max_records == 5000);
  BOOST_TEST(got.node.data_dir == path / "other");
  BOOST_TEST(got.log.level == "debug");
  BOOST_REQUIRE(got.libraries.size() == 2);
  BOOST_TEST(!got.libraries[0].sync);
  BOOST_TEST(to_string(*got.libraries[0].members[0].at) == "nas:1");
  BOOST_TEST(got.libraries[1].name == "true");
  BOOST_TEST(got.sources.at("sync.batch_window_ms") == "SHOAL__SYNC__BATCH_WINDOW_MS");
}

BOOST_FIXTURE_TEST_CASE(more_than_ten_libraries_can_come_from_the_environment, folder) {
  environment env;
  for (int n = 0; n < 12; ++n) {
    const std::string prefix = "SHOAL__LIBRARY__" + std::to_string(n) + "__";
    std::string id = id_a;
    id[0] = static_cast<char>(n < 10 ? '0' + n : 'a' + n - 10);
    env[prefix + "ID"] = id;
    env[prefix + "NAME"] = "library " + std::to_string(n);
  }
  const auto got = good("", env);
  BOOST_REQUIRE(got.libraries.size() == 12);
  BOOST_TEST(got.libraries[11].name == "library 11");
}

BOOST_FIXTURE_TEST_CASE(a_wrong_environment_variable_is_an_error_that_names_it, folder) {
  BOOST_TEST(bad("", {{"SHOAL__SYNC__BATCH_WINDOW_MS", "5ms"}})
             == "SHOAL__SYNC__BATCH_WINDOW_MS: sync.batch_window_ms: is '5ms' (use a whole number "
                "from 0 to 10000)");
  has(bad("", {{"SHOAL__SYNC__BATCH_WINDOW_MS", ""}}), "is ''");
  has(bad("", {{"SHOAL__SYNC__BATCH_WINDW_MS", "5"}}),
      "unknown key (the nearest is sync.batch_window_ms)");
  has(bad("", {{"SHOAL__SNYC__DIAL", "all"}}), "unknown table (the nearest is [sync])");
  has(bad("", {{"SHOAL__SYNC", "all"}}), "names no key");
  has(bad("", {{"SHOAL__", "all"}}), "names no key");
  has(bad("", {{"SHOAL__LIBRARY__NAME", "x"}}), "library: names no key");
  has(bad("", {{"SHOAL__LIBRARY__FIRST__NAME", "x"}}), "has no entry 'first'");
  has(bad("", {{"SHOAL__LIBRARY__1__NAME", "x"}}), "has no entry '1' (use an index from 0 to 0");
  has(bad("", {{"SHOAL__LIBRARY__0__NAME", "x"}}),
      "SHOAL__LIBRARY__0__NAME: library.id: is missing");
  has(bad(library(id_a, "x"), {{"SHOAL__LIBRARY__0__SYNC", "yes"}}),
      "is 'yes' (use true or false)");
  has(bad("", {{"SHOAL__NODE__NAME", "\xff"}}), "node.name: is not UTF-8");
  has(bad("", {{"SHOAL__NODE__NAME", "a"}, {"SHOAL__node__name", "b"}}), "sets one key twice");
}

// toml++ 3.3 leaves the language there: found by the fuzzer.
BOOST_FIXTURE_TEST_CASE(letters_that_are_not_ascii_where_a_key_should_be_are_an_error, folder) {
  for (const std::string letter : {"\u00e4", "\u01e2", "\u0410", "\u3042", "\U0001f389"})
    has(bad("x\n" + letter + " = 1\n"), "not valid TOML");
}

BOOST_AUTO_TEST_CASE(only_shoals_own_variables_are_taken_from_the_process) {
  setenv("SHOAL__NODE__NAME", "from the test", 1);
  setenv("SHOAL_API", "http://127.0.0.1:1", 1);
  const auto env = process_environment();
  unsetenv("SHOAL__NODE__NAME");
  unsetenv("SHOAL_API");
  BOOST_TEST(env.at("SHOAL__NODE__NAME") == "from the test");
  BOOST_TEST(!env.contains("SHOAL_API"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::config
