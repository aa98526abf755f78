// Routes about the node, libraries, members and peers.
#include "tests/api/fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::test;

BOOST_AUTO_TEST_SUITE(api_library)

static const std::string base = "/v1/libraries/photos";

BOOST_AUTO_TEST_CASE(the_status_shows_libraries_and_members_with_null_for_what_is_unknown) {
  served s;
  api::member_status bob;
  bob.device = device(2);
  bob.name = "bob";
  bob.state = "never_seen";
  api::member_status carol = bob;
  carol.device = device(3);
  carol.connected = true;
  carol.rtt_ms = 0.5;
  carol.last_seen_ms = 1'700'000'000'000;
  carol.models = "differ";
  s.photos->shown.members = {bob, carol};
  s.photos->shown.converged = false;
  s.photos->shown.why = "bob was never seen";
  s.put(base + "/records/tag/new", {{"canonical_name", "a"}});
  auto status = body_of(s.get("/v1/status"));
  BOOST_TEST(status["device"] == to_string(device(1)));
  BOOST_TEST(status["name"] == "alice");
  BOOST_TEST(status["version"] == SHOAL_VERSION);
  BOOST_REQUIRE(status["libraries"].size() == 1);
  auto l = status["libraries"][0];
  BOOST_TEST(l["id"] == to_string(s.photos->id()));
  BOOST_TEST(l["state"] == "ready");
  BOOST_TEST(l["progress"] == 1.0);
  BOOST_TEST(l["converged"] == false);
  BOOST_TEST(l["why"] == "bob was never seen");
  BOOST_TEST(l["log_entries"] == 1);
  BOOST_TEST(l["settled"] == true);
  BOOST_TEST(l["records"]["tag"] == 1);
  BOOST_TEST(l["digest"].get<std::string>().size() == 32);
  BOOST_REQUIRE(l["members"].size() == 2);
  for (auto key : {"device", "name", "connected", "state", "rtt_ms", "clock_offset_ms", "behind_in",
                   "behind_out", "last_seen", "last_error", "models"})
    BOOST_TEST(l["members"][0].contains(key), key);
  for (auto key : {"rtt_ms", "clock_offset_ms", "last_seen", "last_error", "models"})
    BOOST_TEST(l["members"][0][key].is_null(), key);
  BOOST_TEST(l["members"][1]["rtt_ms"] == 0.5);
  BOOST_TEST(l["members"][1]["models"] == "differ");
  BOOST_TEST(l["members"][1]["last_seen"] == 1'700'000'000'000);
  BOOST_TEST((body_of(s.get(base + "/peers"))["items"] == l["members"]));
  BOOST_TEST((body_of(s.get("/v1/libraries"))["items"][0] == l));
}

BOOST_AUTO_TEST_CASE(models_are_listed_parents_first_with_what_a_writer_needs_to_know) {
  served s;
  const auto body = body_of(s.get("/v1/models"));
  std::map<std::string, nlohmann::json> by_name;
  std::map<std::string, size_t> place;
  for (const auto& m : body["items"]) {
    place[m["name"]] = by_name.size();
    by_name[m["name"]] = m;
  }
  BOOST_REQUIRE(by_name.size() == 10);
  BOOST_TEST(place["location"] < place["entry"]);
  BOOST_TEST(place["tag"] < place["tag_relationship"]);
  BOOST_TEST(by_name["device"]["id"] == "own_device");
  BOOST_TEST(by_name["entry"]["class"] == "device-owned");
  BOOST_TEST(by_name["entry"]["declared"].is_null());
  BOOST_TEST(by_name["user_metadata"]["id"] == "one_of");
  BOOST_TEST((by_name["tag_relationship"]["id_from"]
              == nlohmann::json::array({"parent_tag_id", "child_tag_id"})));
  const auto field = [&](const char* model, const char* name) {
    for (const auto& f : by_name[model]["fields"])
      if (f["name"] == name)
        return f;
    return nlohmann::json();
  };
  BOOST_TEST(field("entry", "parent_id")["cascades"] == true);
  BOOST_TEST(field("entry", "parent_id")["references"] == "entry");
  BOOST_TEST(field("entry", "parent_id")["merge"] == "lww");
  BOOST_TEST(field("entry", "name")["required"] == true);
  BOOST_TEST(field("tag", "aliases")["merge"] == "set");
  BOOST_TEST(field("user_metadata", "custom")["merge"] == "map");
  BOOST_TEST(field("device", "os")["managed"] == true);
  BOOST_TEST(body["hash"].get<std::string>().size() == 16);
  BOOST_TEST(s.get("/v1/models?x=1")->status == 400);
}

BOOST_AUTO_TEST_CASE(readiness_says_why_not) {
  served s;
  BOOST_TEST(s.get("/readyz")->status == 200);
  BOOST_TEST(s.get("/readyz?library=photos")->status == 200);
  BOOST_TEST(s.get("/readyz?library=none")->status == 404);
  auto second = s.node.add("music");
  second->shown.state = "catching_up";
  second->shown.why = "3 ops behind bob";
  auto r = s.get("/readyz");
  BOOST_TEST(r->status == 503);
  BOOST_TEST(body_of(r)["error"]["message"] == "library music is catching_up: 3 ops behind bob");
  BOOST_TEST(s.get("/readyz?library=photos")->status == 200);
  BOOST_TEST(s.get("/readyz?library=music")->status == 503);
}

BOOST_AUTO_TEST_CASE(metrics_are_prometheus_text) {
  served s;
  auto r = s.get("/metrics");
  BOOST_TEST(r->status == 200);
  BOOST_TEST(r->body == "shoal_log_entries 3\n");
  BOOST_TEST(r->get_header_value("Content-Type").find("text/plain; version=0.0.4") == 0);
}

BOOST_AUTO_TEST_CASE(the_log_level_is_set_by_name) {
  served s;
  BOOST_TEST(s.post("/v1/log-level", {{"level", "debug"}})->status == 200);
  BOOST_TEST(s.post("/v1/log-level", {{"level", "loud"}})->status == 400);
  BOOST_TEST(s.post("/v1/log-level", json::object())->status == 422);
  BOOST_TEST(s.post("/v1/log-level", {{"level", 3}})->status == 422);
}

BOOST_AUTO_TEST_CASE(a_library_is_created_once_and_then_served) {
  served s;
  auto r = s.post("/v1/libraries", {{"name", "music"}});
  BOOST_TEST(r->status == 200);
  BOOST_TEST(body_of(r)["name"] == "music");
  BOOST_TEST(s.get("/v1/libraries/" + body_of(r)["id"].get<std::string>())->status == 200);
  BOOST_TEST(s.post("/v1/libraries", {{"name", "music"}})->status == 409);
  for (const json& bad :
       {json{{"name", ""}}, json{{"name", 1}}, json{{"nam", "x"}}, json{{"name", "a/b"}},
        json{{"name", "00000000-0000-4000-8000-000000000001"}}})
    BOOST_TEST(s.post("/v1/libraries", bad)->status == 422, bad);
  BOOST_TEST(body_of(s.get("/v1/libraries"))["items"].size() == 2);
}

BOOST_AUTO_TEST_CASE(a_library_shows_its_frontier_and_digest) {
  served s;
  s.put(base + "/records/tag/new", {{"canonical_name", "a"}});
  auto stream = to_string(device(1)) + "/0000000000000007";
  auto shown = body_of(s.get(base));
  BOOST_TEST((shown["frontiers"] == json{{stream, 1}}));
  auto digest = body_of(s.get(base + "/digest"));
  BOOST_TEST((digest["frontiers"] == json{{stream, 1}}));
  BOOST_TEST(digest["digest"] == "00112233445566778899aabbccddeeff");
}

BOOST_AUTO_TEST_CASE(members_are_added_listed_and_removed) {
  served s;
  auto bob = to_string(device(2));
  auto added =
      s.post(base + "/members", {{"device", bob}, {"address", "10.0.0.2:7420"}, {"name", "bob"}});
  BOOST_TEST(added->status == 200);
  auto list = body_of(s.get(base + "/members"))["items"];
  BOOST_REQUIRE(list.size() == 2);
  BOOST_TEST(
      (list[1]
       == json{
           {"device", bob}, {"name", "bob"}, {"address", "10.0.0.2:7420"}, {"state", "member"}}));
  BOOST_TEST((body_of(added) == list[1]));
  BOOST_TEST(s.del(base + "/members/" + bob + "?purge=1")->status == 200);
  BOOST_TEST(s.photos->last_purge);
  BOOST_TEST(body_of(s.get(base + "/members"))["items"][1]["state"] == "removed");
  BOOST_TEST(s.del(base + "/members/" + to_string(device(7)))->status == 404);
  BOOST_TEST(s.del(base + "/members/bob")->status == 400);
  BOOST_TEST(s.post(base + "/members", {{"device", "bob"}})->status == 422);
  BOOST_TEST(s.post(base + "/members", {{"address", "x:1"}})->status == 422);
  BOOST_TEST(s.post(base + "/members", {{"device", bob}, {"adress", "x:1"}})->status == 422);
}

BOOST_AUTO_TEST_CASE(waiting_answers_who_holds_it_and_who_does_not) {
  served s;
  auto bob = to_string(device(2)), carol = to_string(device(3)), self = to_string(device(1));
  auto wait = [&](const std::string& query) { return s.get(base + "/wait" + query); };
  // Nobody to wait for.
  BOOST_TEST(wait("")->status == 200);
  s.post(base + "/members", {{"device", bob}, {"address", ""}});
  s.post(base + "/members", {{"device", carol}, {"address", ""}});
  s.photos->holders = {device(2)};
  auto all = wait("");
  BOOST_TEST(all->status == 408);
  BOOST_TEST((body_of(all) == json{{"held", {bob}}, {"missing", {carol}}}));
  BOOST_TEST((s.photos->last_wait == std::tuple<uint64_t, size_t, size_t>{30'000, 2, 2}));
  BOOST_TEST(wait("?peers=all&timeout=")->status == 408);
  BOOST_TEST(wait("?peers=1&timeout=0.5")->status == 200);
  BOOST_TEST((s.photos->last_wait == std::tuple<uint64_t, size_t, size_t>{500, 2, 1}));
  BOOST_TEST(wait("?peers=" + bob)->status == 200);
  BOOST_TEST(wait("?peers=" + bob + "," + carol)->status == 408);
  BOOST_TEST(
      (body_of(wait("?peers=" + self)) == json{{"held", {self}}, {"missing", json::array()}}));
  BOOST_TEST((body_of(wait("?peers=" + bob + "," + self))["held"] == json{bob, self}));
  s.photos->holders = {device(2), device(3)};
  BOOST_TEST(wait("?peers=all")->status == 200);
  auto token = body_of(s.put(base + "/records/tag/new", {{"canonical_name", "a"}}))["token"]
                   .get<std::string>();
  BOOST_TEST(wait("?for=" + token)->status == 200);
  // A removed member is not waited for.
  s.del(base + "/members/" + carol);
  s.photos->holders = {device(2)};
  BOOST_TEST(wait("?peers=all")->status == 200);
  for (auto bad : {"?for=xyz", "?peers=3", "?peers=bob", "?timeout=soon", "?timeout=-1",
                   "?timeout=1e9", "?timeout=nan"})
    BOOST_TEST(wait(bad)->status == 400, bad);
  BOOST_TEST(wait("?peers=" + to_string(device(9)))->status == 404);
}

BOOST_AUTO_TEST_CASE(sync_and_prune_are_run_on_demand) {
  served s;
  BOOST_TEST(s.client().Post((base + "/sync").c_str())->status == 200);
  BOOST_TEST(s.photos->syncs == 1);
  auto r = s.client().Post((base + "/prune").c_str());
  BOOST_TEST((body_of(r)
              == json{{"removed", 5}, {"log_entries", 2}, {"held_by", {to_string(device(9))}}}));
}

BOOST_AUTO_TEST_CASE(verify_answers_with_what_does_not_agree) {
  served s;
  auto r = s.client().Post((base + "/verify").c_str());
  auto body = body_of(r);
  BOOST_TEST(r->status == 200);
  BOOST_TEST(body["ok"] == false);
  BOOST_TEST((body["described"] == json{"a row that does not decode"}));
  BOOST_TEST(body["peers"][0]["intervals_differing"] == 2);
  body = body_of(s.client().Post((base + "/verify?repair=1").c_str()));
  BOOST_TEST(body["ok"] == true);
  BOOST_TEST(body["peers"][0]["records_changed"] == 1);
  BOOST_TEST(s.client().Post((base + "/verify?mend=1").c_str())->status == 400);
}

BOOST_AUTO_TEST_SUITE_END()
