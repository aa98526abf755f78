// What a node exports, another imports: every model, whatever the order of lines.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <sstream>

namespace shoal::nodes {

namespace {

const std::string models = R"(
[[model]]
name = "book"
class = "shared"
id_from = ["isbn"]
  [model.fields]
  isbn = { type = "string", required = true }
  lent = { merge = "counter" }
  notes = { type = "string", merge = "map" }
  authors = { type = "string", merge = "set" }
[[model]]
name = "a_review"
class = "shared"
  [model.fields]
  book_id = { references = "book", required = true, cascades = true }
)";

/// Two nodes that do not know each other, each with a library "lab".
struct two_alone {
  two_alone() : from(1), to(1) {
    for (auto* c : {&from, &to}) {
      fs::create_directories((*c)[0].dir() / "models.d");
      write_file((*c)[0].dir() / "models.d" / "books.toml", models);
      c->start();
    }
  }
  std::string made(const std::string& model, const json& fields) {
    const auto got = from[0].client().put(record(model, "new"), fields);
    BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
    return got.body["id"];
  }
  cluster from;
  cluster to;
};

/// Model, id and fields of the lines, without what each import makes anew, and without devices.
std::vector<json> content(const std::string& exported) {
  std::vector<json> out;
  for (const auto& [id, r] : by_id(exported))
    if (r["model"] != "device")
      out.push_back({{"model", r["model"]}, {"id", id}, {"fields", r["fields"]}});
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(imports)

BOOST_FIXTURE_TEST_CASE(any_export_can_be_imported_into_another_library_and_twice, two_alone) {
  const temp_dir tree;
  for (const char* dir : {"a/b/c/d", "a/x", "z"})
    fs::create_directories(tree.path() / dir);
  for (int i = 0; i < 200; ++i)
    write_file(tree.path() / (i % 3 == 0 ? "a/b/c/d" : "a/x") / std::to_string(i), "x");
  BOOST_REQUIRE(from[0].cli({"index", "lab", tree.path()}).code == 0);
  const auto book = made("book", {{"isbn", "1"},
                                  {"lent", {{"$add", 5}}},
                                  {"notes", {{"p. 1", "x"}}},
                                  {"authors", json::array({"b", "a"})}});
  const auto review = made("a_review", {{"book_id", book}}); // stands before its book
  const auto tag = made("tag", {{"canonical_name", "t"}, {"tag_type", "system"}});
  const auto meta = made("user_metadata", {{"content_hash", "h"}, {"custom", {{"k", 1}}}});
  made("user_metadata_tag", {{"user_metadata_id", meta}, {"tag_id", tag}});
  const auto whole = from.exported(0);
  BOOST_REQUIRE(content(whole).size() > 200U);
  BOOST_REQUIRE(whole.find(review) < whole.find("\"isbn\""));
  for (int round = 0; round < 2; ++round) { // a second time changes nothing
    const auto said = to[0].cli({"import", "lab"}, whole);
    BOOST_TEST(said.code == 0, said.err);
    BOOST_TEST(said.err == "");
    BOOST_TEST(json::parse(said.out)["left_out"] == 1);
    BOOST_TEST(content(to.exported(0)) == content(whole));
  }
}

BOOST_FIXTURE_TEST_CASE(lines_in_any_order_are_written_and_a_bad_one_is_named_once, two_alone) {
  std::vector<std::string> lines;
  for (int i = 0; i < 300; ++i) { // one chain, 300 deep
    const auto id = [](int n) {
      return "11111111-2222-4333-8444-" + std::to_string(100'000'000'000 + n);
    };
    json fields = {{"name", std::to_string(i)}, {"kind", "directory"}};
    if (i > 0)
      fields["parent_id"] = id(i - 1);
    lines.push_back(json{{"model", "entry"}, {"id", id(i)}, {"fields", fields}}.dump());
  }
  const auto seed = test_seed();
  std::mt19937_64 random(seed);
  std::shuffle(lines.begin(), lines.end(), random);
  lines.insert(lines.begin() + 17, R"({"model":"tag","id":"new","fields":{"canonical_name":5}})");
  std::string text;
  for (const auto& line : lines)
    text += line + "\n";
  BOOST_TEST_CONTEXT("seed " << seed) {
    const auto said = to[0].cli({"import", "lab"}, text);
    BOOST_TEST(said.code == 1);
    BOOST_TEST(said.err
               == "line 18: invalid_field: tag.canonical_name: expected a string, got a number\n");
    BOOST_TEST(content(to.exported(0)).size() == 300U);
    const auto atomic = from[0].cli({"import", "lab", "--atomic"}, text);
    BOOST_TEST(atomic.code == 1);
    BOOST_TEST(atomic.err.find("line 18: invalid_field: tag.canonical_name") != std::string::npos,
               atomic.err);
    BOOST_TEST(content(from.exported(0)).empty());
  }
}

BOOST_FIXTURE_TEST_CASE(a_counter_can_be_set_over_all_its_range, two_alone) {
  const auto book = made("book", {{"isbn", "1"}, {"lent", {{"$set", 40}}}});
  auto client = from[0].client();
  const auto value = [&] { return client.get(record("book", book)).body["fields"]["lent"]; };
  BOOST_TEST(value() == 40);
  BOOST_TEST(client.put(record("book", book), {{"lent", {{"$add", 5}}}}).ok());
  BOOST_TEST(client.put(record("book", book), {{"lent", {{"$set", -3}}}}).ok());
  BOOST_TEST(value() == -3);
  BOOST_TEST(client.put(record("book", book), {{"lent", {{"$set", INT64_MIN}}}}).ok());
  BOOST_TEST(value() == INT64_MIN);
  BOOST_TEST(client.put(record("book", book), {{"lent", 3}}).status == 422);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
