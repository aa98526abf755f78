// Writing and reading records over HTTP.
#include "tests/api/fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <set>

using namespace shoal;
using namespace shoal::test;

BOOST_AUTO_TEST_SUITE(api_records)

static const std::string base = "/v1/libraries/photos";
static const std::string tags = base + "/records/tag";

static std::string put_tag(const served& s, const std::string& name) {
  auto r = s.put(tags + "/new", {{"canonical_name", name}});
  BOOST_REQUIRE_MESSAGE(r->status == 200, r->body);
  return body_of(r)["id"];
}

BOOST_AUTO_TEST_CASE(a_put_answers_what_it_wrote_and_a_get_shows_it) {
  served s;
  auto r = s.put(tags + "/new", {{"canonical_name", "Vacation"}, {"color", "#ff0000"}});
  BOOST_REQUIRE_MESSAGE(r->status == 200, r->body);
  auto made = body_of(r);
  std::set<std::string> keys;
  for (const auto& [key, value] : made.items())
    keys.insert(key);
  BOOST_TEST((keys == std::set<std::string>{"model", "id", "hlc", "seq", "token"}));
  BOOST_TEST(made["model"] == "tag");
  BOOST_TEST(parse_token(made["token"].get<std::string>()).ok());

  auto got = s.get(tags + "/" + made["id"].get<std::string>());
  BOOST_REQUIRE(got->status == 200);
  auto expected =
      "{\"model\":\"tag\",\"id\":" + made["id"].dump() + ",\"owner\":null,\"origin\":\""
      + to_string(device(1)) + "\",\"seq\":" + made["seq"].dump() + ",\"hlc\":" + made["hlc"].dump()
      + ",\"deleted\":false,\"fields\":{\"canonical_name\":\"Vacation\",\"color\":\"#ff0000\"}}";
  BOOST_TEST(got->body == expected);
}

BOOST_AUTO_TEST_CASE(a_put_sets_the_fields_it_names_and_leaves_the_others) {
  served s;
  auto id = put_tag(s, "a");
  BOOST_TEST(s.put(tags + "/" + id, {{"color", "red"}})->status == 200);
  BOOST_TEST(s.put(tags + "/" + id, {{"color", nullptr}, {"icon", "star"}})->status == 200);
  BOOST_TEST((body_of(s.get(tags + "/" + id))["fields"]
              == json{{"canonical_name", "a"}, {"icon", "star"}}));
}

BOOST_AUTO_TEST_CASE(a_library_is_named_by_name_or_id) {
  served s;
  auto id = put_tag(s, "a");
  auto by_id = "/v1/libraries/" + to_string(s.photos->id()) + "/records/tag/" + id;
  BOOST_TEST(s.get(by_id)->status == 200);
  s.node.add("my/own photos");
  BOOST_TEST(s.get("/v1/libraries/my%2Fown%20photos")->status == 200);
  auto none = s.get("/v1/libraries/none/records/tag");
  BOOST_TEST(none->status == 404);
  BOOST_TEST(code_of(none) == "unknown_library");
}

BOOST_AUTO_TEST_CASE(a_deleted_record_is_gone_unless_asked_for) {
  served s;
  auto id = put_tag(s, "a");
  BOOST_TEST(s.del(tags + "/" + id)->status == 200);
  BOOST_TEST(s.get(tags + "/" + id)->status == 404);
  auto shown = s.get(tags + "/" + id + "?deleted=true");
  BOOST_TEST(shown->status == 200);
  BOOST_TEST(body_of(shown)["deleted"] == true);
  BOOST_TEST(body_of(s.get(tags))["items"].empty());
  BOOST_TEST(body_of(s.get(tags + "?deleted=true"))["items"].size() == 1);
  // What is not there cannot be deleted.
  BOOST_TEST(s.del(tags + "/" + id)->status == 404);
  BOOST_TEST(s.del(tags + "/00000000-0000-4000-8000-000000000001")->status == 404);
}

BOOST_AUTO_TEST_CASE(refusals_carry_their_code_and_name_the_field) {
  served s;
  auto id = put_tag(s, "a");
  auto refused = [&](const std::string& path, const json& body, int status,
                     const std::string& code) {
    auto r = s.put(path, body);
    BOOST_TEST(r->status == status, path << body << r->body);
    BOOST_TEST(code_of(r) == code);
    return body_of(r)["error"]["message"].get<std::string>();
  };
  BOOST_TEST(refused(tags + "/" + id, {{"colour", "x"}}, 422, "invalid_field").find("colour")
             != std::string::npos);
  BOOST_TEST(
      refused(tags + "/" + id, {{"search_weight", "x"}}, 422, "invalid_field").find("search_weight")
      != std::string::npos);
  refused(tags + "/" + id, {{"canonical_name", nullptr}}, 422, "invalid_field");
  refused(tags + "/new", {{"color", "x"}}, 422, "missing_field");
  refused(base + "/records/nomodel/new", {{"a", 1}}, 404, "unknown_model");
  refused(tags + "/not-a-uuid", {{"color", "x"}}, 400, "bad_request");
  refused(base + "/records/tag_relationship/" + id, {{"parent_tag_id", id}, {"child_tag_id", id}},
          422, "id_mismatch");
  refused(base + "/records/device/" + to_string(device(1)), {{"os", "x"}}, 403, "managed");
  refused(base + "/records/device/" + to_string(device(2)), {{"name", "x"}}, 403, "not_owner");
  refused(base + "/records/entry/new", {{"name", "x"}, {"kind", "file"}, {"parent_id", id}}, 422,
          "missing_parent");
  refused(tags + "/" + id, json::array({1}), 400, "bad_request");
  BOOST_TEST(s.get(base + "/records/nomodel")->status == 404);
  BOOST_TEST(code_of(s.get(base + "/records/nomodel/" + id)) == "unknown_model");
  BOOST_TEST(s.get(tags + "/not-a-uuid")->status == 400);
}

BOOST_AUTO_TEST_CASE(bad_json_is_refused_with_its_position) {
  served s;
  auto c = s.client();
  auto r = c.Put((tags + "/new").c_str(), "{\"canonical_name\":\"a\",}", "application/json");
  BOOST_TEST(r->status == 400);
  BOOST_TEST(body_of(r)["error"]["message"].get<std::string>().find("byte 23")
             != std::string::npos);
  BOOST_TEST(
      c.Put((tags + "/new").c_str(), R"({"color":"a","color":"b"})", "application/json")->status
      == 400);
  BOOST_TEST(c.Put((tags + "/new").c_str(), "", "application/json")->status == 400);
}

BOOST_AUTO_TEST_CASE(a_failing_backend_shows_in_status_and_code) {
  served s;
  for (auto [code, status] : {std::pair{ec::outcome_unknown, 507},
                              {ec::disk, 507},
                              {ec::clock, 503},
                              {ec::too_big, 413},
                              {ec::conflict, 409},
                              {ec::not_owner, 403}}) {
    s.photos->write_error = error{code, "because"};
    auto r = s.put(tags + "/new", {{"canonical_name", "a"}});
    BOOST_TEST(r->status == status);
    BOOST_TEST(code_of(r) == to_string(code));
    BOOST_TEST(body_of(r)["error"]["message"] == "because");
  }
}

BOOST_AUTO_TEST_CASE(pages_of_a_list_together_are_the_list_once) {
  served s;
  std::set<std::string> ids;
  for (int i = 0; i < 25; ++i)
    ids.insert(put_tag(s, "t" + std::to_string(i)));
  std::vector<std::string> seen;
  std::string after;
  size_t pages = 0;
  while (true) {
    auto page = body_of(s.get(tags + "?limit=10&owner=&deleted=&after=" + after));
    for (const auto& item : page["items"])
      seen.push_back(item["id"]);
    ++pages;
    if (page["next"].is_null())
      break;
    after = page["next"];
    BOOST_TEST(after == seen.back());
  }
  BOOST_TEST(pages == 3);
  BOOST_TEST((seen == std::vector<std::string>(ids.begin(), ids.end())));
  // A page that ends with the last record says so.
  BOOST_TEST(body_of(s.get(tags + "?limit=25"))["next"].is_null());
  BOOST_TEST(body_of(s.get(base + "/records/collection"))["items"].empty());
  for (auto bad :
       {"?limit=0", "?limit=x", "?after=x", "?owner=x", "?where=x", "?deleted=perhaps", "?lmit=1"})
    BOOST_TEST(s.get(tags + bad)->status == 400, bad);
}

BOOST_AUTO_TEST_CASE(lists_are_filtered_by_field_and_owner) {
  served s;
  for (int i = 0; i < 6; ++i)
    BOOST_TEST(
        s.put(tags + "/new", {{"canonical_name", i % 2 ? "odd" : "even"}, {"search_weight", i % 3}})
            ->status
        == 200);
  auto count = [&](const std::string& query) {
    return body_of(s.get(tags + query))["items"].size();
  };
  BOOST_TEST(count("?where=canonical_name%3Dodd") == 3);
  BOOST_TEST(count("?where=search_weight%3D0") == 2);
  BOOST_TEST(count("?where=canonical_name%3Dodd&where=search_weight%3D0") == 1);
  BOOST_TEST(count("?where=canonical_name%3Dodd&limit=2") == 2);
  BOOST_TEST(count("?where=color%3Dnull") == 6);
  BOOST_TEST(count("?where=canonical_name%3Dnone") == 0);
  BOOST_TEST(s.put(base + "/records/volume/new", {{"fingerprint", "f"}})->status == 200);
  auto volumes = base + "/records/volume?owner=";
  BOOST_TEST(body_of(s.get(volumes + to_string(device(1))))["items"].size() == 1);
  BOOST_TEST(body_of(s.get(volumes + to_string(device(2))))["items"].empty());
}

BOOST_AUTO_TEST_CASE(a_batch_is_all_or_nothing) {
  served s;
  auto id = put_tag(s, "old");
  auto r = s.post(base + "/batch",
                  {{"ops",
                    {{{"model", "tag"}, {"id", "new"}, {"fields", {{"canonical_name", "n"}}}},
                     {{"model", "tag"}, {"id", id}, {"delete", true}}}}});
  BOOST_REQUIRE_MESSAGE(r->status == 200, r->body);
  auto out = body_of(r);
  BOOST_TEST(out["results"].size() == 2);
  BOOST_TEST(out["results"][1]["id"] == id);
  BOOST_TEST(out["results"][0]["seq"] == out["results"][1]["seq"].get<int>() - 1);
  BOOST_TEST(out["results"][0].contains("hlc"));
  BOOST_TEST(parse_token(out["token"].get<std::string>()).ok());

  auto bad = s.post(base + "/batch",
                    {{"ops",
                      {{{"model", "tag"}, {"id", "new"}, {"fields", {{"canonical_name", "m"}}}},
                       {{"model", "tag"}, {"id", "new"}, {"fields", {{"canonical_name", 5}}}}}}});
  BOOST_TEST(bad->status == 422);
  BOOST_TEST(body_of(bad)["error"]["message"].get<std::string>().find("ops[1]") == 0);
  BOOST_TEST(body_of(s.get(tags))["items"].size() == 1);
  BOOST_TEST(s.post(base + "/batch", {{"ops", json::array()}})->status == 200);
}

BOOST_AUTO_TEST_CASE(batches_that_are_malformed_or_beyond_their_limits_are_refused) {
  served s;
  json op{{"model", "tag"}, {"id", "new"}, {"fields", {{"canonical_name", "n"}}}};
  for (const json& bad :
       {json::object(), json{{"ops", 1}}, json{{"ops", {1}}}, json{{"ops", {{{"model", "tag"}}}}},
        json{{"ops", {{{"model", "tag"}, {"id", "new"}}}}},
        json{{"ops",
              {{{"model", "tag"}, {"id", "new"}, {"fields", json::object()}, {"delete", true}}}}},
        json{{"ops", {{{"model", "tag"}, {"id", "new"}, {"feilds", json::object()}}}}},
        json{{"ops", {op}}, {"atomic", true}}}) {
    auto r = s.post(base + "/batch", bad);
    BOOST_TEST((r->status == 400 || r->status == 422), bad << r->body);
  }
  json many{{"ops", json::array()}};
  for (int i = 0; i < 10'001; ++i)
    many["ops"].push_back(op);
  BOOST_TEST(s.post(base + "/batch", many)->status == 413);
  json heavy{{"ops", json::array()}};
  op["fields"]["description"] = std::string(500'000, 'x');
  for (int i = 0; i < 9; ++i)
    heavy["ops"].push_back(op);
  auto r = s.post(base + "/batch", heavy);
  BOOST_TEST(r->status == 413);
  BOOST_TEST(code_of(r) == "too_big");
  BOOST_TEST(body_of(s.get(tags))["items"].empty());
}

BOOST_AUTO_TEST_CASE(a_batch_at_the_limit_of_ops_goes_in_whole) {
  served s;
  json many{{"ops", json::array()}};
  for (int i = 0; i < 10'000; ++i)
    many["ops"].push_back({{"model", "tag"}, {"id", "new"}, {"fields", {{"canonical_name", "n"}}}});
  auto r = s.post(base + "/batch", many);
  BOOST_REQUIRE_MESSAGE(r->status == 200, r->body.substr(0, 300));
  auto results = body_of(r)["results"];
  BOOST_TEST(results.size() == 10'000);
  std::set<std::string> ids;
  for (const auto& one : results)
    ids.insert(one["id"]);
  BOOST_TEST(ids.size() == 10'000);
}

BOOST_AUTO_TEST_CASE(an_idempotency_key_makes_a_repeated_write_one_write) {
  served s;
  auto c = s.client();
  httplib::Headers key{{"Idempotency-Key", "k-1"}};
  auto put = [&](const std::string& path, const char* body) {
    return c.Put(path.c_str(), key, body, "application/json");
  };
  auto first = put(tags + "/new", R"({"canonical_name":"a"})");
  auto hash = s.photos->last_once.second;
  BOOST_TEST(s.photos->last_once.first == "k-1");
  auto second = put(tags + "/new", R"({"canonical_name":"a"})");
  BOOST_REQUIRE(first->status == 200);
  BOOST_REQUIRE(second->status == 200);
  BOOST_TEST(body_of(first)["id"] == body_of(second)["id"]);
  BOOST_TEST(body_of(first)["seq"] == body_of(second)["seq"]);
  BOOST_TEST(s.photos->last_once.second == hash);
  BOOST_TEST(body_of(s.get(tags))["items"].size() == 1);
  BOOST_TEST(put(tags + "/new", R"({"canonical_name":"b"})")->status == 409);
  BOOST_TEST(s.photos->last_once.second != hash);
  BOOST_TEST(put(base + "/records/collection/new", R"({"name":"a"})")->status == 409);
  BOOST_TEST(c.Put((tags + "/new").c_str(), {{"Idempotency-Key", std::string(256, 'k')}},
                   R"({"canonical_name":"a"})", "application/json")
                 ->status
             == 400);
}

BOOST_AUTO_TEST_CASE(a_batch_of_nothing_takes_its_idempotency_key_like_any_other_write) {
  served s;
  auto c = s.client();
  const auto batch = [&](const char* body) {
    return c.Post((base + "/batch").c_str(), httplib::Headers{{"Idempotency-Key", "k"}}, body,
                  "application/json");
  };
  const auto first = batch(R"({"ops":[]})");
  BOOST_REQUIRE(first->status == 200);
  BOOST_TEST(body_of(first)["results"].empty());
  BOOST_TEST(batch(R"({"ops":[]})")->body == first->body);
  const char* other = R"({"ops":[{"model":"tag","id":"new","fields":{"canonical_name":"a"}}]})";
  BOOST_TEST(batch(other)->status == 409);
  BOOST_TEST(body_of(s.get(tags))["items"].empty());
}

BOOST_AUTO_TEST_CASE(records_of_an_unknown_model_are_read_as_they_came_and_not_written) {
  served s;
  // Another device writes a model that this node has no definition of.
  map_store elsewhere;
  auto other = replica::open(elsewhere, device(2), {.fresh_epoch = 3});
  BOOST_REQUIRE(other);
  edit e;
  e.model = "spaceship";
  e.id.bytes.fill(0x11);
  field_edit speed;
  speed.name = "speed";
  speed.value = "\x0c";
  e.fields.push_back(speed);
  kv_transaction txn(elsewhere);
  auto made = (*other)->commit(txn, std::span(&e, 1), 1'600'000'000'000);
  BOOST_REQUIRE(made);
  s.photos->receive(made->covered);

  auto path = base + "/records/spaceship";
  auto list = body_of(s.get(path));
  BOOST_REQUIRE(list["items"].size() == 1);
  BOOST_TEST(list["items"][0]["fields"]["speed"] == 12);
  BOOST_TEST(s.get(path + "/" + to_string(e.id))->status == 200);
  BOOST_TEST(s.get(base + "/export")->body.find("spaceship") != std::string::npos);
  auto refused = s.put(path + "/" + to_string(e.id), {{"speed", 13}});
  BOOST_TEST(refused->status == 404);
  BOOST_TEST(code_of(refused) == "unknown_model");
}

BOOST_AUTO_TEST_CASE(the_log_is_read_in_stamp_order_page_by_page) {
  served s;
  auto id = put_tag(s, "a");
  s.put(tags + "/" + id, {{"color", "red"}, {"aliases", {"x"}}});
  s.del(tags + "/" + id);
  auto all = body_of(s.get(base + "/log"))["items"];
  BOOST_REQUIRE(all.size() == 3);
  BOOST_TEST(all[0]["op"] == "insert");
  BOOST_TEST(all[1]["op"] == "update");
  BOOST_TEST(all[1]["fields"]["color"] == "red");
  BOOST_TEST((all[1]["fields"]["aliases"] == json{{"$add", {"x"}}}));
  BOOST_TEST(all[2]["op"] == "delete");
  BOOST_TEST(all[0]["hlc"].get<std::string>() < all[1]["hlc"].get<std::string>());
  auto page = body_of(s.get(base + "/log?limit=2"));
  BOOST_TEST(page["items"].size() == 2);
  auto rest = body_of(s.get(base + "/log?limit=2&since=" + page["next"].get<std::string>()));
  BOOST_TEST(rest["items"].size() == 1);
  BOOST_TEST(rest["items"][0]["hlc"] == all[2]["hlc"]);
  BOOST_TEST(rest["next"].is_null());
  BOOST_TEST(s.get(base + "/log?since=yesterday")->status == 400);
}

BOOST_AUTO_TEST_SUITE_END()
