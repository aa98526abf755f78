// conflicts and deadletter.

#include "fake_node.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::cli::tests {

namespace {

const std::string id = "11111111-1111-8111-8111-111111111111.0000000000000005.1";
const std::string path = "/v1/libraries/photos/deadletter";

json letter() {
  return {{"id", id},          {"why", "quarantined"}, {"reason", "stamped 3600 s ahead"},
          {"released", false}, {"model", "tag"},       {"record", "r"},
          {"op", "insert"},    {"origin", "o"},        {"seq", 1},
          {"hlc", "h"}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(held_commands)

BOOST_AUTO_TEST_CASE(dead_letters_are_listed_shown_tried_and_dropped) {
  fake_node node;
  scratch_dir scratch;
  node.answer(path, 200, {{"items", {letter()}}, {"next", nullptr}});
  const auto listed = run_at(node, scratch, {"deadletter", "photos", "list"});
  BOOST_TEST(listed.code == 0, listed.err);
  BOOST_TEST(listed.body()["items"][0]["id"] == id);

  const auto table = run_at(node, scratch, {"deadletter", "photos", "list"}, {}, true);
  BOOST_TEST(table.out.find("quarantined") != std::string::npos, table.out);

  fake_node other;
  other.answer(path + "/" + id, 200, letter());
  const auto shown = run_at(other, scratch, {"deadletter", "photos", "show", id});
  BOOST_TEST(shown.body()["reason"] == "stamped 3600 s ahead");

  other.forget_asked();
  other.answer(path + "/retry", 200, {{"tried", 1}, {"merged", 0}, {"more", false}});
  BOOST_TEST(run_at(other, scratch, {"deadletter", "photos", "retry"}).code == 0);
  BOOST_TEST(run_at(other, scratch, {"deadletter", "photos", "retry", id}).body()["tried"] == 1);
  other.answer(path + "/" + id, 200, {{"id", id}, {"hidden", true}});
  BOOST_TEST(run_at(other, scratch, {"deadletter", "photos", "drop", id}).body()["hidden"] == true);
  other.answer(path + "/release", 200, {{"id", id}, {"released", 1}, {"left_out", json::array()}});
  BOOST_TEST(run_at(other, scratch, {"deadletter", "photos", "release", id}).body()["released"]
             == 1);
  BOOST_TEST(run_at(other, scratch, {"deadletter", "photos", "release"}).code == 2);
  const auto asked = other.asked();
  BOOST_REQUIRE(asked.size() == 4);
  BOOST_TEST(asked[3] == "POST " + path + "/release {\"id\":\"" + id + "\"}");
  BOOST_TEST(asked[0] == "POST " + path + "/retry ");
  BOOST_TEST(asked[1] == "POST " + path + "/retry {\"id\":\"" + id + "\"}");
  BOOST_TEST(asked[2] == "DELETE " + path + "/" + id + " ");
}

BOOST_AUTO_TEST_CASE(a_dead_letter_that_is_not_there_is_a_no_and_a_missing_word_is_usage) {
  fake_node node;
  scratch_dir scratch;
  node.answer(path, 404, {{"error", {{"code", "not_found"}, {"message", "no such letter"}}}});
  const auto absent = run_at(node, scratch, {"deadletter", "photos", "show", id});
  BOOST_TEST(absent.code == 1);
  BOOST_TEST(absent.err.find("not_found") != std::string::npos);
  BOOST_TEST(run_at(node, scratch, {"deadletter", "photos"}).code == 2);
  BOOST_TEST(run_at(node, scratch, {"deadletter", "photos", "show"}).code == 2);
}

BOOST_AUTO_TEST_CASE(conflicts_are_told_with_winner_and_loser) {
  fake_node node;
  scratch_dir scratch;
  const json conflict = {
      {"model", "tag"},
      {"id", "x"},
      {"field", "color"},
      {"key", nullptr},
      {"winner", {{"value", "red"}, {"hlc", "2"}, {"device", "alice"}, {"deleted", false}}},
      {"loser", {{"value", "blue"}, {"hlc", "1"}, {"device", "bob"}, {"deleted", false}}},
      {"when", 1'700'000'000'000},
      {"resolved", false}};
  node.answer("/v1/libraries/photos/conflicts", 200, {{"items", {conflict}}, {"next", nullptr}});
  const auto listed = run_at(node, scratch, {"conflicts", "photos"});
  BOOST_TEST(listed.code == 0, listed.err);
  BOOST_TEST(listed.body()["items"][0]["loser"]["value"] == "blue");
  const auto table = run_at(node, scratch, {"conflicts", "photos"}, {}, true);
  BOOST_TEST(table.out.find("red by alice") != std::string::npos, table.out);
  BOOST_TEST(table.out.find("blue by bob") != std::string::npos, table.out);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli::tests
