// check, trace and top against answers that a test makes up.

#include "fake_node.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <optional>
#include <regex>
#include <thread>

namespace shoal::cli::tests {

namespace {

constexpr int64_t far_ms = 4'000'000'000'000;

json healthy() {
  json member{{"device", "22222222-2222-8222-8222-222222222222"},
              {"name", "bob"},
              {"connected", true},
              {"state", "synced"},
              {"rtt_ms", 0.5},
              {"clock_offset_ms", -3.0},
              {"behind_in", 0},
              {"behind_out", 0},
              {"last_seen", 1},
              {"last_error", nullptr}};
  json library{{"id", "44444444-4444-4444-8444-444444444444"},
               {"name", "photos"},
               {"state", "ready"},
               {"progress", 1.0},
               {"converged", true},
               {"why", nullptr},
               {"log_entries", 3},
               {"deadletters", 0},
               {"conflicts", 0},
               {"alarms", json::array()},
               {"read_only", nullptr},
               {"members", json::array({member})}};
  return {{"device", fake_node::device},
          {"name", "alice"},
          {"version", "0"},
          {"libraries", json::array({library})},
          {"alarms", json::array()},
          {"disk", {{"free_bytes", 900'000'000}, {"reserve_bytes", 100'000'000}}},
          {"certificate_until", far_ms}};
}

struct with_node {
  fake_node node;
  scratch_dir scratch;

  outcome check(const json& status, std::vector<std::string> words = {"check"}) {
    node.answer("/v1/status", 200, status);
    return run_at(node, scratch, std::move(words));
  }
  /// The line that begins with LEVEL NAME.
  static bool says(const outcome& o, const std::string& level, const std::string& name,
                   const std::string& part = {}) {
    std::istringstream in(o.out);
    for (std::string line; std::getline(in, line);)
      if (line.starts_with(level + " " + name + ": "))
        return line.find(part) != std::string::npos;
    return false;
  }
};

json& library_of(json& status) { return status["libraries"][0]; }
json& member_of(json& status) { return library_of(status)["members"][0]; }

} // namespace

BOOST_FIXTURE_TEST_SUITE(checks, with_node)

BOOST_AUTO_TEST_CASE(a_healthy_node_is_six_lines_of_ok_and_exit_code_0) {
  const auto o = check(healthy());
  BOOST_TEST(o.code == 0);
  BOOST_TEST(o.err == "");
  BOOST_TEST(std::count(o.out.begin(), o.out.end(), '\n') == 6);
  for (const char* name : {"peers", "lag", "clock", "disk", "dead letters", "certificate"})
    BOOST_TEST(says(o, "OK", name), name);
  BOOST_TEST(says(o, "OK", "peers", "1 of 1 other members linked"));
}

BOOST_AUTO_TEST_CASE(a_member_that_is_down_is_a_warning_and_being_cut_off_is_critical) {
  auto two = healthy();
  auto carol = member_of(two);
  carol["name"] = "carol";
  carol["connected"] = false;
  carol["state"] = "down";
  carol["last_error"] = "connection refused";
  library_of(two)["members"].push_back(carol);
  const auto one_down = check(two);
  BOOST_TEST(one_down.code == 1);
  BOOST_TEST(says(one_down, "WARN", "peers", "carol is down (connection refused)"));
  member_of(two)["connected"] = false;
  member_of(two)["state"] = "down";
  const auto alone = check(two);
  BOOST_TEST(alone.code == 2);
  BOOST_TEST(says(alone, "CRIT", "peers", "0 of 2"));
  // Who was removed is no reason to worry.
  for (auto& m : library_of(two)["members"])
    m["state"] = "removed";
  BOOST_TEST(check(two).code == 0);
}

BOOST_AUTO_TEST_CASE(lag_clock_disk_dead_letters_and_certificate_are_each_seen) {
  auto s = healthy();
  library_of(s)["state"] = "catching_up";
  member_of(s)["behind_in"] = 7;
  BOOST_TEST(says(check(s), "WARN", "lag", "7 ops behind"));
  library_of(s)["state"] = "failed";
  library_of(s)["why"] = "a bad block";
  BOOST_TEST(check(s).code == 2);
  s = healthy();
  member_of(s)["behind_out"] = 20'000;
  BOOST_TEST(says(check(s), "WARN", "lag", "bob lacks 20000 ops"));
  s = healthy();
  member_of(s)["clock_offset_ms"] = -15'000.0;
  BOOST_TEST(says(check(s), "WARN", "clock", "15000 ms"));
  member_of(s)["clock_offset_ms"] = 300'000.0;
  BOOST_TEST(says(check(s), "CRIT", "clock"));
  s = healthy();
  s["disk"]["free_bytes"] = 150'000'000;
  BOOST_TEST(says(check(s), "WARN", "disk"));
  library_of(s)["read_only"] = "the disk is low";
  BOOST_TEST(says(check(s), "CRIT", "disk", "the disk is low"));
  s = healthy();
  library_of(s)["deadletters"] = 2;
  BOOST_TEST(says(check(s), "WARN", "dead letters", "2 ops"));
  s = healthy();
  s["certificate_until"] = 1000;
  BOOST_TEST(says(check(s), "WARN", "certificate"));
  s = healthy();
  s["alarms"].push_back("a clone runs");
  BOOST_TEST(says(check(s), "WARN", "alarms", "a clone runs"));
}

BOOST_AUTO_TEST_CASE(one_library_can_be_asked_for_and_json_is_one_object) {
  auto s = healthy();
  auto music = library_of(s);
  music["name"] = "music";
  music["deadletters"] = 1;
  s["libraries"].push_back(music);
  BOOST_TEST(check(s).code == 1);
  BOOST_TEST(check(s, {"check", "photos"}).code == 0);
  const auto o = check(s, {"check", "music", "-o", "json"});
  BOOST_TEST(o.code == 1);
  BOOST_TEST(o.body()["level"] == "WARN");
  BOOST_TEST(o.body()["items"].size() == 6U);
  BOOST_TEST(check(s, {"check", "films"}).code == 2);
}

BOOST_AUTO_TEST_CASE(a_member_that_never_told_its_name_is_named_by_its_device) {
  auto s = healthy();
  member_of(s)["name"] = "";
  member_of(s)["state"] = "never_seen";
  const auto o = check(s);
  BOOST_TEST(o.out.find("photos: 22222222-2222-8222-8222-222222222222 is never_seen")
                 != std::string::npos,
             o.out);
}

BOOST_AUTO_TEST_CASE(live_top_outlives_its_node_but_not_a_refusal) {
  for (const bool refuses : {false, true}) {
    std::optional<fake_node> mine(std::in_place);
    mine->answer("/v1/status", 200, healthy());
    mine->answer("/metrics", 200, json::object());
    outcome o;
    std::thread view([&] {
      o = run_at(*mine, scratch, {"top", "--interval", "0.1", "--times", "3"}, {}, true);
    });
    while (mine->asked().size() < 2) // its first look
      std::this_thread::yield();
    if (refuses)
      mine->answer("/v1/status", 401, {{"error", {{"code", "unauthorized"}, {"message", "no"}}}});
    else
      mine.reset();
    view.join();
    BOOST_TEST(o.code == (refuses ? exit_no : exit_done), o.err);
  }
}

BOOST_AUTO_TEST_CASE(top_prints_one_picture_where_it_is_piped_to_and_rates_in_json) {
  node.answer("/v1/status", 200, healthy());
  node.answer("/metrics", 200, json::object());
  const auto o = run_at(node, scratch, {"top", "--interval", "0.05", "-o", "table"});
  BOOST_TEST(o.code == 0);
  BOOST_TEST(o.out.find("photos  CONVERGED") != std::string::npos);
  BOOST_TEST(o.out.find("bob") != std::string::npos);
  BOOST_TEST(o.out.find('\x1b') == std::string::npos);
  const auto lines =
      run_at(node, scratch, {"top", "--interval", "0.05", "--times", "2", "-o", "ndjson"});
  BOOST_TEST(std::count(lines.out.begin(), lines.out.end(), '\n') == 2);
  const auto first = json::parse(lines.out.substr(0, lines.out.find('\n')));
  BOOST_TEST(first["libraries"][0]["rates"]["writes"] == 0.0);
}

BOOST_AUTO_TEST_CASE(top_fits_the_width_and_names_who_holds_the_log_back_and_what_happened) {
  auto s = healthy();
  auto& l = s["libraries"][0];
  l["why"] = "carol is not connected, and neither are several others whose names fill another line";
  l["log_entries"] = 1234;
  l["log_held_by"] = json::array({member_of(s)["device"], "33333333-3333-8333-8333-333333333333"});
  member_of(s)["last_error"] = std::string(200, 'e');
  node.answer("/v1/status", 200, s);
  node.answer("/metrics", 200, json::object());
  json events = json::array();
  for (int n = 9; n > 0; --n)
    events.push_back(
        {{"time_ms", 1'700'000'000'000 + n},
         {"level", "info"},
         {"component", "library"},
         {"message", "event " + std::to_string(n) + " \x1b[31m " + std::string(90, 'x')}});
  node.answer("/v1/events", 200, {{"items", events}, {"next", nullptr}});
  const auto widest = [](const std::string& text) {
    size_t most = 0;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
      most = std::max(most, static_cast<size_t>(std::count_if(line.begin(), line.end(), [](char c) {
                        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
                      })));
    return most;
  };
  const std::vector<std::string> words{"top", "--interval", "0.05", "-o", "table"};
  const auto o = run_at(node, scratch, words);
  BOOST_TEST(widest(o.out) <= 80U, o.out);
  BOOST_TEST(o.out.find("\n  state ready, progress 100 %; ") != std::string::npos, o.out);
  BOOST_TEST(o.out.find("log 1234, held back by bob, 33333333-3333-8333-8333-333333333333\n")
                 != std::string::npos,
             o.out);
  BOOST_TEST(o.out.find("\n  whose names fill another line\n") != std::string::npos, o.out);
  BOOST_TEST(o.out.find("event 9 ?[31m") != std::string::npos, o.out);
  BOOST_TEST(o.out.find("event 5 ") != std::string::npos, o.out);
  BOOST_TEST(o.out.find("event 4 ") == std::string::npos, o.out);
  const std::regex columns("  MEMBER +STATE +RTT +CLOCK +BEHIND IN +OUT +LAST ERROR\n");
  BOOST_TEST(std::regex_search(o.out, columns), o.out);
  setenv("COLUMNS", "200", 1);
  const auto wide = run_at(node, scratch, words);
  setenv("COLUMNS", "44", 1);
  const auto narrow = run_at(node, scratch, words);
  unsetenv("COLUMNS");
  BOOST_TEST(wide.out.find("DEVICE") != std::string::npos, wide.out);
  BOOST_TEST(wide.out.find("BREAKER") != std::string::npos, wide.out);
  BOOST_TEST(widest(narrow.out) <= 44U, narrow.out);
  BOOST_TEST(narrow.out.find("BEHIND IN") != std::string::npos, narrow.out);
}

BOOST_AUTO_TEST_CASE(a_trace_says_where_the_write_is_and_where_not_yet) {
  node.answer("/v1/libraries/photos/trace", 200,
              json{{"items", json::array({{{"origin", fake_node::device},
                                           {"epoch", "0000000000000007"},
                                           {"seq", 3},
                                           {"stamped", 1'700'000'000'122},
                                           {"committed", 1'700'000'000'123},
                                           {"received", nullptr},
                                           {"durable", 1'700'000'000'123},
                                           {"members", json::array({{{"device", "b"},
                                                                     {"name", "bob"},
                                                                     {"sent", 1'700'000'000'124},
                                                                     {"durable", 1'700'000'000'456},
                                                                     {"holds", true}},
                                                                    {{"device", "c"},
                                                                     {"name", "carol"},
                                                                     {"sent", nullptr},
                                                                     {"durable", nullptr},
                                                                     {"holds", false}}})}}})},
                   {"next", nullptr}});
  const auto o = run_at(node, scratch, {"trace", "photos", "t1", "-o", "table"});
  BOOST_TEST(o.code == 0);
  BOOST_TEST(o.out.find("stamped there   2023-11-1") != std::string::npos, o.out);
  BOOST_TEST(o.out.find("committed here  2023-11-1") != std::string::npos, o.out);
  BOOST_TEST(o.out.find("durable here") == std::string::npos, o.out); // the same moment
  const std::regex bob("bob +b +\\+1 ms +\\+333 ms +\\+332 ms *\n");
  BOOST_TEST(std::regex_search(o.out, bob), o.out);
  const std::regex carol("c +- +not yet +- *\n");
  BOOST_TEST(std::regex_search(o.out, carol), o.out);
  BOOST_TEST(run_at(node, scratch, {"trace", "photos", "t1"}).body()["items"].size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_trace_on_another_node_has_no_column_for_what_that_node_cannot_know) {
  node.answer("/v1/libraries/photos/trace", 200,
              json{{"items", json::array({{{"origin", fake_node::device},
                                           {"epoch", "0000000000000007"},
                                           {"seq", 3},
                                           {"stamped", nullptr},
                                           {"committed", nullptr},
                                           {"received", 1'700'000'000'130},
                                           {"durable", 1'700'000'000'133},
                                           {"members", json::array({{{"device", fake_node::device},
                                                                     {"name", "alice"},
                                                                     {"sent", nullptr},
                                                                     {"durable", nullptr},
                                                                     {"holds", true}}})}}})},
                   {"next", nullptr}});
  const auto o = run_at(node, scratch, {"trace", "photos", "t1", "-o", "table"});
  BOOST_TEST(o.out.find("of alice (" + std::string(fake_node::device) + ")\n  received here")
                 != std::string::npos,
             o.out);
  BOOST_TEST(o.out.find("durable here    +3 ms\n") != std::string::npos, o.out);
  const std::regex columns("MEMBER +DEVICE +DURABLE *\n");
  BOOST_TEST(std::regex_search(o.out, columns), o.out);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli::tests
