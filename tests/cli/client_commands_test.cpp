#include "fake_node.hpp"

#include "cli/client/listing.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace shoal::cli::tests {

namespace {

struct with_node {
  fake_node node;
  scratch_dir scratch;

  outcome run(std::vector<std::string> words, const std::string& input = {}) {
    return run_at(node, scratch, std::move(words), input);
  }
  outcome on_terminal(std::vector<std::string> words) {
    return run_at(node, scratch, std::move(words), {}, true);
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* id = "33333333-3333-4333-8333-333333333333";

} // namespace

BOOST_FIXTURE_TEST_SUITE(client_commands, with_node)

BOOST_AUTO_TEST_CASE(a_record_is_put_shown_listed_and_removed) {
  const auto written =
      run({"put", "photos", "tag", "new", "canonical_name=Beach", "search_weight=3", "color=null"});
  BOOST_TEST(written.code == 0);
  BOOST_TEST(written.err == "");
  const std::string made = string_at(written.body(), "id");
  BOOST_TEST(string_at(written.body(), "token") == "t1");
  BOOST_TEST(text_of(node.records("tag").at(made))
             == R"({"canonical_name":"Beach","search_weight":3})");
  const auto shown = run({"get", "photos", "tag", made});
  BOOST_TEST(string_at(shown.body()["fields"], "canonical_name") == "Beach");
  BOOST_TEST(run({"list", "photos", "tag"}).body()["items"].size() == 1U);
  BOOST_TEST(run({"rm", "photos", "tag", made}).code == 0);
  BOOST_TEST(node.records("tag").empty());
}

BOOST_AUTO_TEST_CASE(fields_may_come_as_json_from_the_command_line_or_from_stdin) {
  BOOST_TEST(
      run({"put", "photos", "tag", id, "--json", R"({"canonical_name":"a","aliases":["x"]})"}).code
      == 0);
  BOOST_TEST(text_of(node.records("tag").at(id)["aliases"]) == R"(["x"])");
  BOOST_TEST(run({"put", "photos", "tag", id, "--json", "-"}, "{\"aliases\":[\"y\"]}\n").code == 0);
  BOOST_TEST(text_of(node.records("tag").at(id)["aliases"]) == R"(["y"])");
}

BOOST_AUTO_TEST_CASE(a_misspelt_command_is_named_with_the_nearest) {
  const auto said = [&](std::vector<std::string> words) {
    const auto o = run(std::move(words));
    BOOST_TEST(o.code == exit_usage);
    return o.err;
  };
  BOOST_TEST(has(said({"statsu"}), "'statsu' is no command; the nearest is status"));
  BOOST_TEST(
      has(said({"-o", "json", "lis", "photos"}), "'lis' is no command; the nearest is list"));
  BOOST_TEST(has(said({"library", "creat", "x"}), "'creat' is no command; the nearest is create"));
  BOOST_TEST(
      has(said({"deadletter", "photos", "lst"}), "'lst' is no command; the nearest is list"));
  BOOST_TEST(has(said({"deadletter", "photos"}), "A subcommand is required"));
}

BOOST_AUTO_TEST_CASE(what_the_node_refuses_is_one_line_and_exit_code_1) {
  const auto missing = run({"get", "photos", "tag", id});
  BOOST_TEST(missing.code == exit_no);
  BOOST_TEST(missing.err == "shoal: not_found: not there\n");
  BOOST_TEST(missing.out == "");
  BOOST_TEST(
      run({"put", "photos", "tag", "new", "bad=1"}).err.starts_with("shoal: invalid_field: "));
  BOOST_TEST(
      run({"put", "photos", "tagg", "new", "a=1"}).err.starts_with("shoal: unknown_model: "));
  BOOST_TEST(run({"list", "music", "tag"}).err.starts_with("shoal: unknown_library: "));
}

BOOST_AUTO_TEST_CASE(what_the_command_line_refuses_is_one_line_and_exit_code_2) {
  const std::vector<std::vector<std::string>> lines = {
      {"put", "photos", "tag", id},
      {"put", "photos", "tag", id, "name"},
      {"put", "photos", "tag", id, "--json", "[]"},
      {"put", "photos", "tag", id, "--json", "-"},
      {"get", "photos", "tag"},
      {"list", "photos", "tag", "--limit", "0"},
      {"list", "photos", "tag", "--where", "x"},
      {"status", "-o", "xml"},
      {"status", "--nonsense"},
      {"nonsense"},
      {},
      {"library"},
      {"import", "photos", "/nonexistent/file"},
      {"index", "photos", "/nonexistent"},
      {"wait", "photos", "--timeout", "-1"},
      {"wait", "photos", "--timeout", "soon"},
      {"member", "add", "photos", "11111111-1111-8111-8111-111111111111"},
      {"member", "add", "photos", "bob@127.0.0.1:1"},
      {"member", "add", "photos", "11111111-1111-8111-8111-111111111111@nowhere"},
      {"member", "remove", "photos", "bob"},
      {"tree", "photos", "--owner", "bob"},
  };
  for (const auto& words : lines) {
    const auto said = run(words);
    const std::string line = words.empty() ? "(nothing)" : words[0] + " " + words.back();
    BOOST_TEST(said.code == exit_usage, line << ": " << said.code);
    BOOST_TEST(said.err.starts_with("shoal: "), line << ": " << said.err);
    BOOST_TEST(std::count(said.err.begin(), said.err.end(), '\n') == 1, line << ": " << said.err);
    BOOST_TEST(said.out == "");
  }
  BOOST_TEST(node.asked().empty());
}

BOOST_AUTO_TEST_CASE(options_are_taken_before_and_after_the_command) {
  const auto file = scratch.write("api.token", fake_node::token).string();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--api", node.url(), "--token-file", file, "-o", "ndjson", "list",
                                 "photos", "tag"},
        {"list", "--api", node.url(), "photos", "-o", "ndjson", "tag", "--token-file", file}})
    BOOST_TEST(tests::run(words).code == 0);
  BOOST_TEST(
      tests::run({"member", "list", "photos", "--api", node.url(), "--token-file", file}).code
      == exit_no);
}

BOOST_AUTO_TEST_CASE(names_of_commands_may_name_records_and_libraries) {
  BOOST_TEST(has(run({"get", "list", "status", "put"}).err, "unknown_library"));
  BOOST_TEST(has(run({"library", "show", "list"}).err, "unknown_library"));
}

BOOST_AUTO_TEST_CASE(help_is_data) {
  const auto said = run({"put", "--help"});
  BOOST_TEST(said.code == 0);
  BOOST_TEST(has(said.out, "--json"));
  BOOST_TEST(said.err == "");
}

BOOST_AUTO_TEST_CASE(a_node_that_is_not_there_is_exit_code_69) {
  std::string url;
  {
    const fake_node gone;
    url = gone.url();
  }
  const auto file = scratch.write("t", "x").string();
  const std::vector<std::vector<std::string>> lines = {{"status"},      {"get", "l", "tag", id},
                                                       {"import", "l"}, {"export", "l"},
                                                       {"wait", "l"},   {"index", "l", "/tmp"}};
  for (auto words : lines) {
    words.insert(words.end(), {"--api", url, "--token-file", file});
    const auto said = tests::run(words, R"({"model":"tag","id":"x","fields":{}})");
    BOOST_TEST(said.code == exit_unreachable, words[0]);
    BOOST_TEST(std::count(said.err.begin(), said.err.end(), '\n') >= 1);
    BOOST_TEST(has(said.err, url));
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_token_is_refused) {
  const auto file = scratch.write("wrong", "guess").string();
  const auto said = tests::run({"status", "--api", node.url(), "--token-file", file});
  BOOST_TEST(said.code == exit_no);
  BOOST_TEST(said.err == "shoal: unauthorized: the token is wrong\n");
}

BOOST_AUTO_TEST_CASE(names_are_encoded_in_paths) {
  run({"get", "my photos/ü", "a?b", "c#d%"});
  BOOST_REQUIRE(!node.asked().empty());
  BOOST_TEST(node.asked()[0].starts_with(
      "GET /v1/libraries/my%20photos%2F%C3%BC/records/a%3Fb/c%23d%25 "));
}

BOOST_AUTO_TEST_CASE(joining_prints_the_line_that_admits_this_device) {
  const std::string id = "0b7d0000-0000-4000-8000-000000000001";
  const std::string via = std::string(fake_node::device) + "@10.0.0.2:7420";
  node.answer("/v1/libraries", 200, {{"id", id}, {"run", "shoal member add music D@h:1 --name n"}});
  const auto said = tests::run_at(
      node, scratch, {"library", "join", id, "--name", "music", "--via", via}, {}, true);
  BOOST_TEST(said.code == exit_done);
  BOOST_TEST(said.out == "shoal member add music D@h:1 --name n\n");
  BOOST_TEST(has(node.asked().back(), R"("via":")" + via + "\""));
  for (const auto& words : {std::vector<std::string>{"new", "--name", "m", "--via", via},
                            std::vector<std::string>{id, "--name", "m", "--via", "10.0.0.2:7420"},
                            std::vector<std::string>{id, "--name", "m"}}) {
    std::vector<std::string> line{"library", "join"};
    line.insert(line.end(), words.begin(), words.end());
    BOOST_TEST(run(line).code == exit_usage);
  }
}

BOOST_AUTO_TEST_CASE(leave_rebuild_pause_and_resume_are_one_request_each) {
  const json done = {{"name", "photos"}};
  node.answer("/v1/libraries/photos", 200, done);
  const auto asks = [&](std::vector<std::string> words) {
    BOOST_TEST(run(std::move(words)).code == exit_done);
    return node.asked().back();
  };
  BOOST_TEST(asks({"library", "leave", "photos"}) == "DELETE /v1/libraries/photos ");
  BOOST_TEST(asks({"library", "leave", "photos", "--now", "--delete"})
             == "DELETE /v1/libraries/photos?now=1&delete=1 ");
  BOOST_TEST(asks({"library", "rebuild", "photos"}) == "POST /v1/libraries/photos/rebuild ");
  BOOST_TEST(asks({"pause", "photos"}) == "POST /v1/libraries/photos/pause ");
  BOOST_TEST(asks({"resume", "photos"}) == "POST /v1/libraries/photos/resume ");
}

BOOST_AUTO_TEST_CASE(a_list_is_paged_to_its_end_or_to_its_limit) {
  std::string lines;
  for (int i = 0; i < 250; ++i)
    lines += R"({"model":"tag","id":"new","fields":{"canonical_name":"n"}})"
             "\n";
  BOOST_TEST(run({"import", "photos"}, lines).code == 0);
  const auto all = run({"list", "photos", "tag"}).body();
  BOOST_TEST(all["items"].size() == 250U);
  BOOST_TEST(all["next"].is_null());
  const auto some = run({"list", "photos", "tag", "--limit", "120"}).body();
  BOOST_TEST(some["items"].size() == 120U);
  const auto rest = run({"list", "photos", "tag", "--after", string_at(some, "next")}).body();
  BOOST_TEST(rest["items"].size() == 130U);
  const auto lines_out = run({"list", "photos", "tag", "-o", "ndjson"}).out;
  BOOST_TEST(std::count(lines_out.begin(), lines_out.end(), '\n') == 250);
}

BOOST_AUTO_TEST_CASE(an_empty_list_is_whole_json) {
  BOOST_TEST(run({"list", "photos", "tag"}).out == "{\"items\":[],\"next\":null}\n");
  BOOST_TEST(run({"list", "photos", "tag", "-o", "ndjson"}).out == "");
}

BOOST_AUTO_TEST_CASE(filters_of_a_list_are_the_nodes_to_apply) {
  run({"list", "photos", "tag", "--owner", "d", "--where", "name=a b", "--deleted"});
  BOOST_TEST(has(node.asked()[0], "&owner=d&where=name%3Da%20b&deleted=true "));
}

BOOST_AUTO_TEST_CASE(bad_lines_are_reported_and_all_others_written) {
  std::string lines;
  for (int i = 1; i <= 1200; ++i) {
    if (i == 7)
      lines += "nonsense\n";
    else if (i == 600)
      lines += "\n"; // not a line of data
    else
      lines += R"({"model":"tag","id":"new","fields":{"canonical_name":"n")"
               + std::string(i == 700 ? R"(,"bad":1)" : "") + "}}\n";
  }
  const auto said = run({"import", "photos", "-"}, lines);
  BOOST_TEST(said.code == exit_no);
  BOOST_TEST(has(said.err, "line 7: bad_request: not JSON"));
  BOOST_TEST(has(said.err, "line 700: invalid_field: field bad"));
  BOOST_TEST(std::count(said.err.begin(), said.err.end(), '\n') == 2);
  BOOST_TEST(node.records("tag").size() == 1197U);
  BOOST_TEST(text_of(said.body()) == R"({"lines":1200,"written":1197,"skipped":2})");
  BOOST_TEST(node.asked().size() < 40U);
}

BOOST_AUTO_TEST_CASE(an_atomic_import_is_one_batch_or_nothing) {
  const std::string good = R"({"model":"tag","id":"new","fields":{"canonical_name":"n"}})"
                           "\n";
  const std::string refused = R"({"model":"tag","id":"new","fields":{"bad":1}})"
                              "\n";
  BOOST_TEST(run({"import", "photos", "--atomic"}, good + refused).code == exit_no);
  BOOST_TEST(node.records("tag").empty());
  const auto unread = run({"import", "photos", "--atomic"}, good + "x\n");
  BOOST_TEST(unread.code == exit_no);
  BOOST_TEST(has(unread.err, "line 2: "));
  BOOST_TEST(node.records("tag").empty());
  std::string many;
  for (int i = 0; i < 3000; ++i)
    many += good;
  BOOST_TEST(run({"import", "photos", "--atomic"}, many).code == 0);
  BOOST_REQUIRE(node.batches().size() == 1U);
  BOOST_TEST(node.batches()[0] == 3000U);
  for (int i = 0; i < 8000; ++i)
    many += good;
  node.forget_asked();
  BOOST_TEST(has(run({"import", "photos", "--atomic"}, many).err, "too_big"));
  BOOST_TEST(node.asked().size() == 1U); // for the models
  BOOST_TEST(node.batches().empty());
}

BOOST_AUTO_TEST_CASE(an_import_ends_when_the_node_cannot_write) {
  node.answer("/v1/libraries/photos/batch", 507,
              {{"error", {{"code", "disk"}, {"message", "full"}}}});
  std::string lines;
  for (int i = 0; i < 1000; ++i)
    lines += R"({"model":"tag","id":"new","fields":{"canonical_name":"n"}})"
             "\n";
  const auto said = run({"import", "photos"}, lines);
  BOOST_TEST(said.code == exit_no);
  BOOST_TEST(has(said.err, "shoal: disk: full"));
  BOOST_TEST(node.asked().size() == 2U); // the first for the models
}

BOOST_AUTO_TEST_CASE(an_import_writes_parents_before_their_children_wherever_they_stand) {
  const auto line = [](const char* model, const char* id, const std::string& fields) {
    return std::string(R"({"model":")") + model + R"(","id":")" + id + R"(","fields":{)" + fields
           + "}}\n";
  };
  const std::string entry = R"("name":"n","kind":"file")";
  const std::string lines = line("entry", "a", entry + R"(,"location_id":"l","parent_id":"b")")
                            + line("entry", "b", entry + R"(,"location_id":"l","parent_id":"c")")
                            + line("entry", "c", entry + R"(,"location_id":"l")")
                            + line("location", "l", R"("name":"n","path":"/")")
                            + line("entry", "d", entry + R"(,"location_id":"nowhere")");
  for (const bool atomic : {true, false}) {
    fake_node other;
    const auto said = run_at(other, scratch,
                             atomic ? std::vector<std::string>{"import", "photos", "--atomic"}
                                    : std::vector<std::string>{"import", "photos"},
                             lines);
    BOOST_TEST(said.code == exit_no);
    BOOST_TEST(has(said.err, "missing_parent: no location nowhere"), said.err);
    BOOST_TEST(other.records("entry").size() == (atomic ? 0U : 3U));
    BOOST_TEST((atomic || has(said.err, "line 5: ")), said.err);
  }
}

BOOST_AUTO_TEST_CASE(an_export_can_be_imported_and_exports_the_same) {
  for (int i = 0; i < 100; ++i)
    run({"put", "photos", "tag", "new", "canonical_name=tag " + std::to_string(i)});
  const auto first = run({"export", "photos"});
  BOOST_TEST(first.code == 0);
  BOOST_TEST(std::count(first.out.begin(), first.out.end(), '\n') == 100);
  fake_node other;
  BOOST_TEST(run_at(other, scratch, {"import", "photos"}, first.out).code == 0);
  BOOST_TEST(run_at(other, scratch, {"export", "photos"}).out == first.out);
  BOOST_TEST(has(run({"export", "music"}).err, "unknown_library"));
}

BOOST_AUTO_TEST_CASE(waiting_prints_who_holds_it_and_names_who_does_not) {
  node.answer("/v1/libraries/photos/wait", 200, {{"held", {"d"}}, {"missing", json::array()}});
  const auto held = run({"wait", "photos", "--for", "a+b", "--peers", "2", "--timeout", "1.5"});
  BOOST_TEST(held.code == 0);
  BOOST_TEST(text_of(held.body()) == R"({"held":["d"],"missing":[]})");
  BOOST_TEST(has(node.asked()[0], "/wait?timeout=1.5&for=a%2Bb&peers=2 "));
  node.answer("/v1/libraries/photos/wait", 408, {{"held", json::array()}, {"missing", {"d", "e"}}});
  node.answer("/v1/libraries/photos/members", 200,
              {{"items", {{{"device", "e"}, {"name", "eve"}}}}, {"next", nullptr}});
  const auto late = run({"wait", "photos"});
  BOOST_TEST(late.code == exit_no);
  BOOST_TEST(late.body()["missing"].size() == 2U);
  BOOST_TEST(has(late.err, "timed_out: "));
  BOOST_TEST(has(late.err, "d, eve (e)"));
}

BOOST_AUTO_TEST_CASE(status_says_converged_or_why_not) {
  json library = {{"id", "i"},
                  {"name", "photos"},
                  {"state", "ready"},
                  {"progress", 1.0},
                  {"converged", true},
                  {"why", nullptr},
                  {"log_entries", 3},
                  {"members",
                   {{{"device", "d"},
                     {"name", "bob"},
                     {"state", "synced"},
                     {"rtt_ms", 0.42},
                     {"last_seen", 0}}}}};
  const auto answer = [&] {
    node.answer("/v1/status", 200,
                {{"device", "x"}, {"name", "alice"}, {"version", "1"}, {"libraries", {library}}});
  };
  answer();
  const auto good = on_terminal({"status"});
  BOOST_TEST(good.code == 0);
  BOOST_TEST(has(good.out, "CONVERGED"));
  BOOST_TEST(!has(good.out, "NOT CONVERGED"));
  BOOST_TEST(has(good.out, "0.4 ms"));
  BOOST_TEST(has(good.out, "bob"));
  library["converged"] = false;
  library["why"] = "bob is not linked";
  answer();
  const auto apart = on_terminal({"status"});
  BOOST_TEST(apart.code == exit_no);
  BOOST_TEST(has(apart.out, "NOT CONVERGED: bob is not linked"));
  BOOST_TEST(apart.err == "shoal: not_converged: photos: bob is not linked\n");
  BOOST_TEST(run({"status"}).body()["libraries"].size() == 1U);
}

BOOST_AUTO_TEST_CASE(members_are_listed_added_and_removed) {
  node.answer("/v1/libraries/photos/members", 200,
              {{"items", {{{"device", "d"}, {"name", "bob"}}}}, {"next", nullptr}});
  BOOST_TEST(run({"member", "list", "photos"}).body()["items"].size() == 1U);
  const std::string device = fake_node::device;
  BOOST_TEST(
      run({"member", "add", "photos", device + "@[::1]:7420", "--name", "bob", "--readmit"}).code
      == 0);
  BOOST_TEST(
      has(node.asked().back(), R"(POST /v1/libraries/photos/members {"device":")" + device
                                   + R"(","address":"[::1]:7420","name":"bob","readmit":true})"));
  BOOST_TEST(run({"member", "remove", "photos", device, "--purge"}).code == 0);
  BOOST_TEST(
      has(node.asked().back(), "DELETE /v1/libraries/photos/members/" + device + "?purge=true"));
}

BOOST_AUTO_TEST_CASE(the_other_commands_ask_for_what_their_name_says) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> lines = {
      {{"library", "create", "trips"}, R"(POST /v1/libraries {"name":"trips"})"},
      {{"library", "list"}, "GET /v1/libraries "},
      {{"library", "show", "photos"}, "GET /v1/libraries/photos "},
      {{"peers", "photos"}, "GET /v1/libraries/photos/peers "},
      {{"digest", "photos"}, "GET /v1/libraries/photos/digest "},
      {{"sync", "photos"}, "POST /v1/libraries/photos/sync "},
      {{"prune", "photos"}, "POST /v1/libraries/photos/prune "},
      {{"log-level", "info,peer_link=debug"},
       R"(POST /v1/log-level {"level":"info,peer_link=debug"})"},
      {{"log", "photos", "--since", "h1", "--limit", "5"},
       "GET /v1/libraries/photos/log?limit=5&since=h1 "},
  };
  node.answer("/v1/l", 200, {{"items", json::array()}, {"next", nullptr}, {"digest", "00"}});
  for (const auto& [words, asked] : lines) {
    node.forget_asked();
    const auto said = run(words);
    BOOST_TEST(said.code == 0, words[0] << ": " << said.err);
    BOOST_REQUIRE(node.asked().size() == 1U);
    BOOST_TEST(node.asked()[0] == asked);
    BOOST_TEST(!said.body().is_discarded());
  }
  BOOST_TEST(on_terminal({"digest", "photos"}).out == "00\n");
}

BOOST_AUTO_TEST_CASE(verify_says_no_while_something_does_not_agree) {
  node.answer("/v1/l", 200, {{"ok", false}, {"problems", 2}});
  auto said = run({"verify", "photos"});
  BOOST_TEST(said.code == 1);
  BOOST_TEST(has(said.err, "not_equal: photos has problems or differs from a member"));
  BOOST_TEST(has(said.out, "\"problems\""));
  node.answer("/v1/l", 200, {{"ok", true}});
  said = run({"verify", "photos", "--repair"});
  BOOST_TEST(said.code == 0);
  BOOST_TEST(has(node.asked().back(), "POST /v1/libraries/photos/verify?repair=1 "));
}

BOOST_AUTO_TEST_CASE(a_table_counts_characters_and_keeps_the_terminal_safe) {
  text_table table({"name", "n"});
  table.add({"é", "1"});
  table.add({"a\x1b[2J", "22"});
  BOOST_TEST(table.render() == "name   n\né      1\na?[2J  22\n");
  text_table wide({"x"});
  wide.add({std::string(100, 'y')});
  BOOST_TEST(wide.render().size() < 80U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli::tests
