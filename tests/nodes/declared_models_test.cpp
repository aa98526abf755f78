// Models that come from files: on all nodes, on some of them, and later than their records.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <set>

namespace shoal::nodes {

namespace {

const std::string book_models = R"(
[[model]]
name = "book"
class = "shared"
id_from = ["isbn"]
  [model.fields]
  isbn = { type = "string", required = true }
  title = { type = "string", required = true }
  authors = { type = "string", merge = "set" }
  lent = { merge = "counter" }
  notes = { type = "json", merge = "map" }
  price = "float"
[[model]]
name = "review"
class = "shared"
  [model.fields]
  book_id = { references = "book", required = true, cascades = true }
  text = { type = "string", required = true }
  read = { type = "boolean", local = true }
[[model]]
name = "shelf"
class = "device-owned"
  [model.fields]
  name = { type = "string", required = true }
[[model]]
name = "copy"
class = "device-owned"
  [model.fields]
  label = { type = "string", required = true }
  shelf_id = { references = "shelf", cascades = true }
  inside_id = { references = "copy", cascades = true }
)";

void declare(node& n, const std::string& models) {
  fs::create_directories(n.dir() / "models.d");
  write_file(n.dir() / "models.d" / "books.toml", models);
}

/// Three nodes that all know the book models.
struct readers : cluster {
  readers() : cluster(3) {
    for (size_t n = 0; n < 3; ++n)
      declare((*this)[n], book_models);
    start();
    for (size_t n = 0; n < 3; ++n)
      at.push_back((*this)[n].client());
  }
  void settle() {
    BOOST_REQUIRE(converge());
    check_exports();
  }
  std::string made(size_t n, const std::string& model, const json& fields) {
    const auto got = at[n].put(record(model, "new"), fields);
    BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
    return got.body["id"];
  }
  json fields(size_t n, const std::string& model, const std::string& id) {
    const auto got = at[n].get(record(model, id));
    BOOST_REQUIRE_MESSAGE(got.ok(), got.text);
    return got.body["fields"];
  }
  std::vector<api> at;
};

/// Node 0 knows the book models, node 1 does not.
struct one_knows : cluster {
  one_knows() : cluster(2) {
    declare((*this)[0], book_models);
    start();
    for (size_t n = 0; n < 2; ++n)
      at.push_back((*this)[n].client());
  }
  void restart(size_t n) {
    BOOST_REQUIRE((*this)[n].stop().value_or(-1) == 0);
    (*this)[n].start();
    at[n] = (*this)[n].client();
  }
  /// What node N says of its only peer's models.
  json said(size_t n) {
    const auto got = at[n].get(lab_path("/peers"));
    return got.ok() && !got.body["items"].empty() ? got.body["items"][0]["models"] : json();
  }
  std::vector<api> at;
};

} // namespace

BOOST_AUTO_TEST_SUITE(declared_models)

BOOST_FIXTURE_TEST_CASE(declared_shared_models_merge_by_their_rules_on_all_nodes, readers) {
  std::vector<std::string> ids;
  for (size_t n = 0; n < 3; ++n) // a derived id: three inserts, one record
    ids.push_back(made(n, "book",
                       {{"isbn", "978-A"},
                        {"title", "from " + std::to_string(n)},
                        {"authors", {{"$add", {"author " + std::to_string(n)}}}},
                        {"lent", {{"$add", n + 1}}},
                        {"notes", {{"p. " + std::to_string(n), json::array({n, "x"})}}},
                        {"price", 9.5}}));
  settle();
  BOOST_TEST(ids[0] == ids[1]);
  BOOST_TEST(ids[1] == ids[2]);
  for (size_t n = 0; n < 3; ++n) {
    const auto now = fields(n, "book", ids[0]);
    BOOST_TEST(now["authors"].get<std::set<std::string>>()
                   == (std::set<std::string>{"author 0", "author 1", "author 2"}),
               boost::test_tools::per_element());
    BOOST_TEST(now["lent"] == 6);
    BOOST_TEST(now["notes"].size() == 3U);
    BOOST_TEST(now["notes"]["p. 2"] == json::array({2, "x"}));
    BOOST_TEST(now["price"] == 9.5);
  }
  const auto path = record("book", ids[0]);
  BOOST_TEST(at[1].put(path, {{"lent", {{"$add", -4}}}}).ok());
  BOOST_TEST(at[2].put(path, {{"notes", {{"p. 0", nullptr}}}}).ok());
  BOOST_TEST(at[0].put(path, {{"authors", {{"$remove", {"author 1"}}}}}).ok());
  settle();
  BOOST_TEST(fields(0, "book", ids[0])["lent"] == 2);
  BOOST_TEST(fields(0, "book", ids[0])["notes"].size() == 2U);
  BOOST_TEST(fields(2, "book", ids[0])["authors"].size() == 2U);
  BOOST_TEST(at[0].put(path, {{"isbn", "978-B"}}).error() == "id_mismatch");
  const std::map<std::string, json> wrong = {
      {"title", nullptr}, {"price", "dear"}, {"lent", "once"}, {"publisher", "x"}};
  for (const auto& [field, value] : wrong) {
    const auto refused = at[0].put(path, {{field, value}});
    BOOST_TEST(refused.status == 422, field << ": " << refused.text);
    BOOST_TEST(refused.text.find(field) != std::string::npos, refused.text);
  }
}

BOOST_FIXTURE_TEST_CASE(a_shared_cascade_takes_what_other_nodes_added_at_the_same_time, readers) {
  const auto book = made(0, "book", {{"isbn", "1"}, {"title", "x"}});
  const auto other = made(0, "book", {{"isbn", "2"}, {"title", "y"}});
  settle();
  const auto early = made(1, "review", {{"book_id", book}, {"text", "good"}});
  const auto moved = made(1, "review", {{"book_id", book}, {"text", "moved away"}});
  const auto kept = made(2, "review", {{"book_id", other}, {"text", "stays"}});
  settle();
  (*this)[1].kill9(); // so that it does not hear of what comes
  (*this)[2].kill9();
  BOOST_TEST(at[0].remove(record("book", book)).ok());
  (*this)[0].kill9();
  for (size_t n : {1, 2}) {
    (*this)[n].start();
    at[n] = (*this)[n].client();
  }
  const auto late = made(2, "review", {{"book_id", book}, {"text", "unaware"}});
  BOOST_TEST(at[1].put(record("review", moved), {{"book_id", other}}).ok());
  (*this)[0].start();
  at[0] = (*this)[0].client();
  settle();
  for (size_t n = 0; n < 3; ++n) {
    BOOST_TEST(at[n].get(record("review", early)).status == 404);
    BOOST_TEST(at[n].get(record("review", late)).status == 404);
    BOOST_TEST(fields(n, "review", moved)["text"] == "moved away");
    BOOST_TEST(fields(n, "review", kept)["text"] == "stays");
  }
  const auto refused =
      at[1].put(record("review", "new"), {{"book_id", book}, {"text", "too late"}});
  BOOST_TEST(refused.status == 422);
  BOOST_TEST(refused.error() == "missing_parent");
}

BOOST_FIXTURE_TEST_CASE(declared_device_owned_models_belong_to_their_device_and_cascade, readers) {
  const auto shelf = made(0, "shelf", {{"name", "left"}});
  const auto box = made(0, "copy", {{"label", "box"}, {"shelf_id", shelf}});
  const auto inside = made(0, "copy", {{"label", "inside"}, {"inside_id", box}});
  const auto apart = made(1, "copy", {{"label", "elsewhere"}});
  settle();
  const auto foreign = at[1].put(record("shelf", shelf), {{"name", "mine"}});
  BOOST_TEST(foreign.status == 403);
  BOOST_TEST(foreign.error() == "not_owner");
  BOOST_TEST(at[2].get(record("copy", inside)).body["owner"] == (*this)[0].device());
  BOOST_TEST(at[0].remove(record("shelf", shelf)).ok());
  settle();
  for (size_t n = 0; n < 3; ++n) {
    BOOST_TEST(at[n].get(record("copy", box)).status == 404);
    BOOST_TEST(at[n].get(record("copy", inside)).status == 404);
    BOOST_TEST(at[n].get(record("copy", apart)).ok());
  }
}

BOOST_FIXTURE_TEST_CASE(records_of_an_unknown_model_are_kept_passed_on_and_usable_later,
                        one_knows) {
  const json whole = {{"isbn", "978-Z"},
                      {"title", "Dune"},
                      {"authors", json::array({"Herbert", "Herbert jr."})},
                      {"lent", {{"$add", INT64_MAX}}},
                      {"notes", {{"deep", {{"a", json::array({1, 2.5, nullptr, "ü"})}}}}},
                      {"price", 0.1}};
  const auto put = at[0].put(record("book", "new"), whole);
  BOOST_REQUIRE_MESSAGE(put.ok(), put.text);
  const std::string id = put.body["id"];
  const auto gone = at[0].put(record("book", "new"), {{"isbn", "gone"}, {"title", "x"}});
  BOOST_TEST(at[0].remove(record("book", gone.body["id"])).ok());
  BOOST_REQUIRE(converge());
  check_exports(); // the node that does not know the model exports the same bytes
  const auto read = at[1].get(record("book", id));
  BOOST_REQUIRE_MESSAGE(read.ok(), read.text);
  BOOST_TEST(read.text == at[0].get(record("book", id)).text);
  BOOST_TEST(at[1].get(lab_path("/records/book")).body["items"].size() == 1U);
  BOOST_TEST(at[1].get(record("book", gone.body["id"])).status == 404);
  for (const auto& refused :
       {at[1].put(record("book", id), {{"title", "x"}}), at[1].put(record("book", "new"), whole),
        at[1].remove(record("book", id))}) {
    BOOST_TEST(refused.status == 404);
    BOOST_TEST(refused.error() == "unknown_model");
  }
  BOOST_TEST(exported(1).find(id) != std::string::npos);
  // A third node, without the model as well, has all of it from the one that does not know it.
  auto& third = add("third");
  (*this)[0].kill9();
  BOOST_REQUIRE(
      (*this)[1].cli({"member", "add", "lab", third.device() + "@" + third.address()}).code == 0);
  third.configure("\n[sync]\nretry_initial_ms = 100\nretry_max_seconds = 1\n[[library]]\nid = \""
                  + library() + "\"\nname = \"lab\"\n  [[library.member]]\n  device = \""
                  + (*this)[1].device() + "\"\n  address = \"" + (*this)[1].address() + "\"\n");
  third.start();
  BOOST_REQUIRE(converge(30s, {1, 2}));
  check_exports({1, 2});
  // With the model they are usable, and writes go on from the very values that came.
  declare(third, book_models);
  BOOST_TEST(third.stop().value_or(-1) == 0);
  third.start();
  auto late = third.client();
  const auto changed = late.put(record("book", id),
                                {{"lent", {{"$add", -7}}}, {"authors", {{"$add", {"Anderson"}}}}});
  BOOST_REQUIRE_MESSAGE(changed.ok(), changed.text);
  (*this)[0].start();
  at[0] = (*this)[0].client();
  BOOST_REQUIRE(converge());
  check_exports();
  const auto now = at[0].get(record("book", id)).body["fields"];
  BOOST_TEST(now["lent"] == INT64_MAX - 7);
  BOOST_TEST(now["authors"].size() == 3U);
  BOOST_TEST(now["notes"] == whole["notes"]);
  BOOST_TEST(now["price"] == 0.1);
}

BOOST_FIXTURE_TEST_CASE(a_cascade_works_on_nodes_that_do_not_know_its_models, one_knows) {
  const auto book = at[0].put(record("book", "new"), {{"isbn", "1"}, {"title", "x"}});
  const std::string id = book.body["id"];
  const auto review = at[0].put(record("review", "new"), {{"book_id", id}, {"text", "good"}});
  BOOST_REQUIRE(review.ok());
  BOOST_REQUIRE(converge());
  BOOST_TEST(at[1].get(record("review", review.body["id"])).ok());
  BOOST_TEST(at[0].remove(record("book", id)).ok());
  BOOST_REQUIRE(converge());
  check_exports();
  BOOST_TEST(at[1].get(record("review", review.body["id"])).status == 404);
}

BOOST_FIXTURE_TEST_CASE(a_field_that_only_one_node_knows_survives_the_others_writes, one_knows) {
  const auto with_colour = book_models
                           + "[[model]]\nname = \"pen\"\nclass = \"shared\"\n"
                             "fields.name = { type = \"string\", required = true }\n"
                             "fields.colour = { type = \"json\" }\n";
  declare((*this)[0], with_colour);
  declare((*this)[1], with_colour.substr(0, with_colour.find("fields.colour")));
  restart(0);
  restart(1);
  const json colour = {{"rgb", json::array({1, 2, 3})}};
  const auto pen = at[0].put(record("pen", "new"), {{"name", "a"}, {"colour", colour}});
  const std::string id = pen.body["id"];
  BOOST_REQUIRE(converge());
  BOOST_TEST(at[1].get(record("pen", id)).body["fields"]["colour"] == colour);
  BOOST_TEST(at[1].put(record("pen", id), {{"colour", "x"}}).status == 422);
  BOOST_TEST(at[1].put(record("pen", id), {{"name", "b"}}).ok());
  BOOST_REQUIRE(converge());
  check_exports();
  const auto now = at[0].get(record("pen", id)).body["fields"];
  BOOST_TEST(now["name"] == "b");
  BOOST_TEST(now["colour"] == colour);
}

BOOST_FIXTURE_TEST_CASE(differing_definitions_are_a_warning_and_never_a_stop, one_knows) {
  BOOST_REQUIRE(eventually([&] { return said(0) == "differ" && said(1) == "differ"; }));
  for (size_t n = 0; n < 2; ++n) {
    BOOST_TEST((*this)[n].log().find("defines other models than this node") != std::string::npos);
    const auto shown = (*this)[n].cli({"peers", "lab", "-o", "table"});
    BOOST_TEST(shown.out.find("warning: other models") != std::string::npos, shown.out);
  }
  BOOST_TEST(at[1].put(record("tag", "new"), {{"canonical_name", "x"}}).ok());
  BOOST_REQUIRE(converge());
  BOOST_TEST(eventually([&] { return (*this)[0].cli({"status"}).code == 0; }));
  declare((*this)[1], book_models);
  restart(1);
  BOOST_TEST(eventually([&] { return said(0) == "same" && said(1) == "same"; }));
}

BOOST_FIXTURE_TEST_CASE(a_reload_takes_in_models_and_fields_and_no_other_change, one_knows) {
  const auto put = at[0].put(record("book", "new"), {{"isbn", "1"}, {"title", "x"}});
  BOOST_REQUIRE(converge());
  const auto rename = [&] {
    return at[1].put(record("book", put.body["id"]), {{"title", "renamed"}}).status;
  };
  BOOST_TEST(rename() == 404);
  declare((*this)[1], book_models);
  (*this)[1].signal(SIGHUP);
  BOOST_TEST(eventually([&] { return rename() == 200; }));
  BOOST_TEST(eventually([&] { return said(0) == "same" && said(1) == "same"; }));
  BOOST_REQUIRE(converge());
  BOOST_TEST(at[0].get(record("book", put.body["id"])).body["fields"]["title"] == "renamed");
  const auto log_has = [&](const std::string& text) {
    return eventually([&] { return (*this)[1].log().find(text) != std::string::npos; });
  };
  auto changed = book_models;
  changed.replace(changed.find("price = \"float\""), 15, "price = \"string\"");
  declare((*this)[1], changed);
  (*this)[1].signal(SIGHUP);
  BOOST_TEST(log_has("model book, field price is declared in another way"));
  declare((*this)[1], "[[model]]\nname = \"book\"\n");
  (*this)[1].signal(SIGHUP);
  BOOST_TEST(log_has("books.toml:1: model.book.class: is missing"));
  BOOST_TEST(at[1].put(record("book", put.body["id"]), {{"price", 1.5}}).ok());
}

BOOST_AUTO_TEST_CASE(a_wrong_declaration_stops_the_start_and_the_check_with_one_line) {
  const temp_dir dir;
  node n(dir / "n", "n");
  declare(n, "[[model]]\nname = \"book\"\nclass = \"shared\"\n"
             "fields.title = { type = \"string\", required = true }\n"
             "fields.shelf = { references = \"locatoin\" }\n");
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"run"}, {"config", "check"}, {"config", "show"}}) {
    const auto got = n.cli(words);
    BOOST_TEST(got.code == 78);
    BOOST_TEST(got.err.find("books.toml:5: model book, field shelf: references the unknown model "
                            "'locatoin' (the nearest is location)")
                   != std::string::npos,
               got.err);
    BOOST_TEST(got.err.find('\n') == got.err.size() - 1, got.err);
  }
  declare(n, book_models);
  BOOST_TEST(n.cli({"config", "check"}).code == 0);
  BOOST_TEST(n.cli({"config", "show", "-o", "table"}).out.find("\"lent\" = { type = \"integer\"")
             != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(local_fields_differ_from_node_to_node_and_nothing_else_does, readers) {
  const auto book = made(0, "book", {{"isbn", "1"}, {"title", "Dune"}});
  const auto review = made(0, "review", {{"book_id", book}, {"text", "good"}, {"read", true}});
  settle();
  BOOST_TEST(fields(0, "review", review)["read"] == true);
  BOOST_TEST(!fields(1, "review", review).contains("read"));
  BOOST_REQUIRE(at[1].put(record("review", review), {{"read", false}}).ok());
  BOOST_TEST(fields(1, "review", review)["read"] == false);
  BOOST_TEST(at[2].put(record("review", "new"), {{"read", true}}).status == 422);
  const auto listed = [&](size_t n, const std::string& value) {
    return at[n].get(lab_path("/records/review?where=read=" + value)).body["items"].size();
  };
  BOOST_TEST(listed(0, "true") == 1U);
  BOOST_TEST(listed(1, "true") == 0U);
  BOOST_TEST(listed(1, "false") == 1U);
  settle();
  std::set<std::string> digests;
  for (size_t n = 0; n < 3; ++n) {
    digests.insert(at[n].get(lab_path("/digest")).body["digest"]);
    BOOST_TEST(at[n].get(lab_path("/export")).text.find("\"read\"") == std::string::npos);
    BOOST_TEST(at[n].get(lab_path("/log")).text.find("\"read\"") == std::string::npos);
  }
  BOOST_TEST(digests.size() == 1U);
  // Durable, and gone with the record, which another node deletes.
  (*this)[1].kill9();
  (*this)[1].start();
  at[1] = (*this)[1].client();
  BOOST_TEST(fields(1, "review", review)["read"] == false);
  BOOST_REQUIRE(at[2].remove(record("review", review)).ok());
  settle();
  BOOST_REQUIRE(at[2].put(record("review", review), {{"book_id", book}, {"text", "better"}}).ok());
  settle();
  for (size_t n = 0; n < 3; ++n)
    BOOST_TEST(!fields(n, "review", review).contains("read"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
