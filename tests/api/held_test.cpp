// Dead letters and conflicts over HTTP.

#include "tests/api/fixture.hpp"

#include "messages/op.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::test {
namespace {

constexpr uint64_t wall = 1'700'000'000'000;

/// Ops of another member, as its link would bring them.
struct other_member {
  uint64_t seq = 0;

  range op_of(op o) {
    o.seq = ++seq;
    o.stamp.device = device(9);
    range r;
    r.stream = {device(9), 5};
    r.from = seq - 1;
    r.to = seq;
    r.ops = encode_op(o);
    r.count = 1;
    return r;
  }
  range tag(const record_id& id, const std::string& name, uint64_t at_ms) {
    op o;
    o.model = "tag";
    o.id = id;
    o.stamp.wall_ms = at_ms;
    field_op f;
    f.name = "canonical_name";
    writer(f.value).str(name);
    o.fields = {f};
    return op_of(o);
  }
};

record_id id_of(uint8_t n) {
  record_id id;
  id.bytes.fill(n);
  return id;
}

const std::string letters = "/v1/libraries/photos/deadletter";

} // namespace

BOOST_AUTO_TEST_SUITE(held)

BOOST_AUTO_TEST_CASE(an_op_from_the_future_is_listed_shown_and_dropped_from_the_list) {
  served s;
  other_member other;
  s.photos->receive(other.tag(id_of(3), "Later", wall + 3'600'000));
  auto listed = body_of(s.get(letters));
  BOOST_REQUIRE(listed["items"].size() == 1);
  const auto item = listed["items"][0];
  BOOST_TEST(item["why"] == "quarantined");
  BOOST_TEST(item["model"] == "tag");
  BOOST_TEST(item["record"] == to_string(id_of(3)));
  BOOST_TEST(item["origin"] == to_string(device(9)));
  BOOST_TEST(item["seq"] == 1);
  BOOST_TEST(item["reason"].get<std::string>().find("ahead of this node's clock")
             != std::string::npos);
  BOOST_TEST(listed["next"].is_null());
  BOOST_TEST(listed["whole"] == true);
  const std::string id = item["id"];

  const auto shown = body_of(s.get(letters + "/" + id));
  BOOST_TEST(shown["fields"]["canonical_name"] == "Later");
  BOOST_TEST(shown["raw"].get<std::string>().size() == 2 * item["bytes"].get<size_t>());
  BOOST_TEST(s.get("/v1/libraries/photos/records/tag/" + to_string(id_of(3)))->status == 404);

  auto tried = s.post(letters + "/retry", {{"id", id}}); // its time has not come
  BOOST_TEST(tried->status == 200);
  BOOST_TEST(body_of(tried) == json({{"tried", 1}, {"merged", 0}, {"more", false}}));

  BOOST_TEST(s.del(letters + "/" + id)->status == 200);
  BOOST_TEST(body_of(s.get(letters))["items"].empty());
  BOOST_TEST(body_of(s.get(letters + "/" + id))["hidden"] == true); // held all the same
}

BOOST_AUTO_TEST_CASE(a_released_op_is_this_nodes_own_write_and_shown_as_released) {
  served s;
  other_member other;
  s.photos->receive(other.tag(id_of(3), "Later", wall + 3'600'000));
  const auto item = body_of(s.get(letters))["items"][0];
  BOOST_TEST(item["released"] == false);
  const std::string id = item["id"];
  const auto released = s.post(letters + "/release", {{"id", id}});
  BOOST_TEST(released->status == 200);
  const auto body = body_of(released);
  BOOST_TEST(body["id"] == id);
  BOOST_TEST(body["released"] == 1);
  BOOST_TEST(body["left_out"].empty());
  BOOST_TEST(!body["token"].get<std::string>().empty());
  const auto record = body_of(s.get("/v1/libraries/photos/records/tag/" + to_string(id_of(3))));
  BOOST_TEST(record["fields"]["canonical_name"] == "Later");
  BOOST_TEST(record["origin"] == to_string(device(1)));
  BOOST_TEST(body_of(s.get(letters))["items"][0]["released"] == true);
  BOOST_TEST(s.post(letters + "/release", {{"id", id}})->status == 409); // once is enough
  BOOST_TEST(s.post(letters + "/release", json::object())->status == 422);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_listed_and_tried_again_on_demand) {
  served s;
  other_member other;
  auto r = other.tag(id_of(3), "x", wall);
  // The kind of the field becomes one of a later version.
  const auto at = r.ops.find("canonical_name");
  BOOST_REQUIRE(at != std::string::npos);
  r.ops[at + std::string_view("canonical_name").size()] = 77;
  s.photos->receive(r);
  const auto items = body_of(s.get(letters))["items"];
  BOOST_REQUIRE(items.size() == 1);
  BOOST_TEST(items[0]["why"] == "unmergeable");
  BOOST_TEST(items[0]["model"] == "tag");
  BOOST_TEST(items[0]["op"].is_null());
  auto tried = s.client().Post((letters + "/retry").c_str(), "", "application/json");
  BOOST_TEST(tried->status == 200);
  BOOST_TEST(body_of(tried)["tried"] == 1);
  BOOST_TEST(body_of(tried)["merged"] == 0);
  BOOST_TEST(body_of(s.get(letters))["items"].size() == 1);
}

BOOST_AUTO_TEST_CASE(records_that_this_node_cannot_make_sense_of_are_listed_as_unreadable) {
  served s;
  other_member other;
  op strange;
  strange.model = "spaceship";
  strange.id = id_of(4);
  strange.stamp.wall_ms = wall;
  s.photos->receive(other.op_of(strange));
  op nameless;
  nameless.model = "tag";
  nameless.id = id_of(5);
  nameless.stamp.wall_ms = wall;
  s.photos->receive(other.op_of(nameless));
  s.photos->receive(other.tag(id_of(6), "fine", wall));
  const auto items = body_of(s.get(letters))["items"];
  BOOST_REQUIRE(items.size() == 2);
  BOOST_TEST(items[0]["why"] == "unreadable");
  BOOST_TEST(items[0]["reason"] == "this node has no model spaceship");
  BOOST_TEST(items[0]["id"] == "spaceship:" + to_string(id_of(4)));
  BOOST_TEST(items[1]["reason"] == "tag.canonical_name is required and not there");
  BOOST_TEST(body_of(s.get(letters + "?limit=1"))["items"].size() == 1);
  BOOST_TEST(body_of(s.get(letters + "?limit=1"))["whole"] == false);
}

BOOST_AUTO_TEST_CASE(the_list_is_paged) {
  served s;
  other_member other;
  for (uint8_t n = 1; n <= 5; ++n)
    s.photos->receive(other.tag(id_of(n), "x", wall + 3'600'000));
  std::string path = letters + "?limit=2";
  std::vector<uint64_t> seqs;
  for (;;) {
    const auto page = body_of(s.get(path));
    BOOST_TEST(page["items"].size() <= 2U);
    for (const auto& item : page["items"])
      seqs.push_back(item["seq"]);
    if (page["next"].is_null())
      break;
    path = letters + "?limit=2&after=" + page["next"].get<std::string>();
  }
  BOOST_TEST(seqs == (std::vector<uint64_t>{1, 2, 3, 4, 5}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_dead_letter_that_is_not_there_and_an_id_that_is_none_have_their_codes) {
  served s;
  const auto absent = letters + "/" + to_string(device(9)) + ".0000000000000005.1";
  for (const auto& [path, status] : {std::pair{absent, 404}, {letters + "/nonsense", 400}}) {
    BOOST_TEST(s.get(path)->status == status);
    BOOST_TEST(s.del(path)->status == status);
    const auto id = path.substr(letters.size() + 1);
    BOOST_TEST(s.post(letters + "/retry", {{"id", id}})->status == status);
    BOOST_TEST(s.post(letters + "/release", {{"id", id}})->status == status);
  }
  BOOST_TEST(s.get(letters + "?limit=0")->status == 400);
  BOOST_TEST(s.get(letters + "?after=x")->status == 400);
  BOOST_TEST(s.get("/v1/libraries/other/deadletter")->status == 404);
  BOOST_TEST(s.get("/v1/libraries/other/conflicts")->status == 404);
}

BOOST_AUTO_TEST_CASE(conflicts_name_winner_and_loser_and_whether_they_are_settled) {
  served s;
  const auto path = "/v1/libraries/photos/records/tag/" + to_string(id_of(3));
  BOOST_REQUIRE(s.put(path, {{"canonical_name", "mine"}})->status == 200);
  other_member other;
  s.photos->receive(other.tag(id_of(3), "theirs", wall + 60'000));
  auto items = body_of(s.get("/v1/libraries/photos/conflicts"))["items"];
  BOOST_REQUIRE(items.size() == 1);
  BOOST_TEST(items[0]["model"] == "tag");
  BOOST_TEST(items[0]["id"] == to_string(id_of(3)));
  BOOST_TEST(items[0]["field"] == "canonical_name");
  BOOST_TEST(items[0]["key"].is_null());
  BOOST_TEST(items[0]["winner"]["value"] == "theirs");
  BOOST_TEST(items[0]["winner"]["device"] == to_string(device(9)));
  BOOST_TEST(items[0]["loser"]["value"] == "mine");
  BOOST_TEST(items[0]["loser"]["device"] == to_string(device(1)));
  BOOST_TEST(items[0]["resolved"] == false);
  BOOST_TEST(items[0]["when"].get<uint64_t>() >= wall);
  BOOST_REQUIRE(s.put(path, {{"canonical_name", "mine"}})->status == 200);
  items = body_of(s.get("/v1/libraries/photos/conflicts"))["items"];
  BOOST_REQUIRE(items.size() == 1);
  BOOST_TEST(items[0]["resolved"] == true);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
