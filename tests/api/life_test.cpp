// Routes that begin and end a library on a node.
#include "tests/api/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::test;

BOOST_AUTO_TEST_SUITE(api_life)

static const std::string base = "/v1/libraries/photos";

BOOST_AUTO_TEST_CASE(joining_asks_the_node_and_shows_the_command_that_admits_it) {
  served s;
  const std::string id = "0b7d0000-0000-4000-8000-000000000001";
  const auto via = to_string(device(2)) + "@10.0.0.2:7420";
  const auto r = s.post("/v1/libraries", {{"id", id}, {"name", "music"}, {"via", via}});
  BOOST_TEST(r->status == 200);
  BOOST_TEST(to_string(s.node.joined.id) == id);
  BOOST_TEST((s.node.joined.via == device(2)));
  BOOST_TEST(s.node.joined.address == "10.0.0.2:7420");
  BOOST_TEST(body_of(r)["run"]
             == "shoal member add music " + to_string(device(1)) + "@10.0.0.1:7420 --name alice");
  s.node.was_left = true;
  const auto again = s.post("/v1/libraries", {{"name", "more"},
                                              {"id", "0b7d0000-0000-4000-8000-000000000009"},
                                              {"via", to_string(device(2)) + "@10.0.0.2:7420"}});
  BOOST_TEST(body_of(again)["run"].get<std::string>().ends_with(" --name alice --readmit"));
}

BOOST_AUTO_TEST_CASE(a_join_that_names_no_library_or_no_member_is_refused) {
  served s;
  const std::string id = "0b7d0000-0000-4000-8000-000000000001";
  const auto via = to_string(device(2)) + "@10.0.0.2:7420";
  for (const json& bad : {json{{"name", "a"}, {"id", id}}, json{{"name", "a"}, {"via", via}},
                          json{{"name", "a"}, {"id", "new"}, {"via", via}},
                          json{{"name", "a"}, {"id", id}, {"via", "10.0.0.2:7420"}},
                          json{{"name", "a"}, {"id", id}, {"via", to_string(device(2))}},
                          json{{"name", "a"}, {"id", id}, {"via", to_string(device(2)) + "@x:0"}},
                          json{{"name", "a/b"}, {"id", id}, {"via", via}}})
    BOOST_TEST(s.post("/v1/libraries", bad)->status == 422, bad);
}

BOOST_AUTO_TEST_CASE(leaving_takes_its_flags_and_says_where_the_files_are) {
  served s;
  const auto kept = s.del(base);
  BOOST_TEST(kept->status == 200);
  BOOST_TEST(body_of(kept)["files"] == "/data/left");
  BOOST_TEST(!s.node.left.now);
  BOOST_TEST(!s.node.left.drop);
  const auto dropped = s.del(base + "?now=1&delete=1");
  BOOST_TEST(body_of(dropped)["files"].is_null());
  BOOST_TEST(s.node.left.now);
  BOOST_TEST(s.node.left.drop);
  BOOST_TEST(s.del(base + "?now=perhaps")->status == 400);
  BOOST_TEST(s.del(base + "?force=1")->status == 400);
  BOOST_TEST(s.del("/v1/libraries/none")->status == 404);
  s.node.life_error = error{ec::timed_out, "nobody has it"};
  BOOST_TEST(s.del(base)->status == 408);
}

BOOST_AUTO_TEST_CASE(rebuild_pause_and_resume_reach_the_node_and_its_refusals_the_client) {
  served s;
  BOOST_TEST(body_of(s.post(base + "/rebuild", json::object()))["files"] == "/data/damaged");
  BOOST_TEST(body_of(s.post(base + "/pause", json::object()))["paused"] == true);
  const auto r = s.get("/readyz?library=photos");
  BOOST_TEST(r->status == 503);
  BOOST_TEST(body_of(r)["error"]["message"].get<std::string>().find("paused") != std::string::npos);
  BOOST_TEST(body_of(s.post(base + "/resume", json::object()))["paused"] == false);
  BOOST_TEST(s.get("/readyz?library=photos")->status == 200);
  s.node.life_error = error{ec::conflict, "no other member"};
  for (const char* order : {"/rebuild", "/pause", "/resume"})
    BOOST_TEST(s.post(base + order, json::object())->status == 409);
}

BOOST_AUTO_TEST_CASE(the_status_shows_alarms_and_restored_copies) {
  served s;
  s.photos->shown.restored = "an older copy";
  const auto status = body_of(s.get("/v1/status"));
  BOOST_TEST((status["alarms"] == json{"a clone runs"}));
  BOOST_TEST(status["libraries"][0]["restored"] == "an older copy");
}

BOOST_AUTO_TEST_SUITE_END()
