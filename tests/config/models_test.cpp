#include "fixture.hpp"

namespace shoal::config {

namespace {

void has(const std::string& text, const std::string& part) {
  BOOST_TEST(text.find(part) != std::string::npos, "'" << text << "' has no '" << part << "'");
}

const std::string album = "[[model]]\nname = \"album\"\nclass = \"shared\"\n";
const std::string title = "fields.title = { type = \"string\", required = true }\n";

const field_options& field(const model_options& m, const std::string& name) {
  for (const auto& f : m.fields)
    if (f.name == name)
      return f;
  BOOST_FAIL("no field " << name);
  return m.fields.front();
}

} // namespace

BOOST_AUTO_TEST_SUITE(models)

BOOST_FIXTURE_TEST_CASE(fields_stand_in_a_table_by_name_or_in_a_list, folder) {
  const auto by_name = good(album
                            + "id_from = [\"title\"]\n[model.fields]\n"
                              "title = { type = \"string\", required = true }\n"
                              "cover = { references = \"entry\", cascades = true }\n"
                              "plays = { merge = \"counter\" }\nyear = \"integer\"\n");
  const auto listed =
      good(album
           + "id_from = \"title\"\n"
             "[[model.fields]]\nname = \"year\"\ntype = \"integer\"\n"
             "[[model.fields]]\nname = \"title\"\ntype = \"string\"\nrequired = true\n"
             "[[model.fields]]\nname = \"cover\"\nreferences = \"entry\"\ncascades = true\n"
             "[[model.fields]]\nname = \"plays\"\nmerge = \"counter\"\n");
  BOOST_REQUIRE(by_name.models.size() == 1U);
  const auto& m = by_name.models[0];
  BOOST_TEST(m.name == "album");
  BOOST_TEST(m.cls == "shared");
  BOOST_TEST(m.id_from == std::vector<std::string>{"title"}, boost::test_tools::per_element());
  BOOST_TEST(field(m, "title").required);
  BOOST_TEST(field(m, "title").merge == "lww");
  BOOST_TEST(field(m, "cover").type == "uuid");
  BOOST_TEST(field(m, "cover").cascades);
  BOOST_TEST(field(m, "plays").type == "integer");
  BOOST_TEST(field(m, "year").type == "integer");
  BOOST_TEST(!field(m, "year").required);
  BOOST_TEST(is_same(m, listed.models.at(0)));
  has(field(m, "year").where, "shoal.toml:9");
}

BOOST_FIXTURE_TEST_CASE(files_of_models_d_are_read_in_name_order_and_others_left_alone, folder) {
  std::filesystem::create_directory(path / "models.d");
  write("models.d/b.toml", "[[model]]\nname = \"b\"\nclass = \"shared\"\n");
  write("models.d/a.toml", "[[model]]\nname = \"a\"\nclass = \"device-owned\"\n");
  write("models.d/a.toml~", "not TOML at all");
  write("models.d/.a.toml", "not TOML either");
  const auto got = good(album);
  BOOST_REQUIRE(got.models.size() == 3U);
  BOOST_TEST(got.models[0].name == "album");
  BOOST_TEST(got.models[1].name == "a");
  BOOST_TEST(got.models[2].name == "b");
  has(got.models[1].where, "models.d/a.toml:1");
}

BOOST_FIXTURE_TEST_CASE(a_file_of_models_d_holds_models_only_and_must_be_right, folder) {
  std::filesystem::create_directory(path / "models.d");
  write("models.d/a.toml", "[sync]\ndial = \"all\"\n");
  has(bad(""), "models.d/a.toml:1: sync: is no model");
  write("models.d/a.toml", "[[model]\n");
  has(bad(""), "models.d/a.toml:1: not valid TOML");
  write("models.d/a.toml", "[[model]]\nname = \"a\"\nclas = \"shared\"\n");
  has(bad(""), "models.d/a.toml:3: model.a.clas: unknown key (the nearest is class");
  std::filesystem::remove_all(path / "models.d");
  write("models.d", "");
  has(bad(""), "models.d: cannot be read");
}

BOOST_FIXTURE_TEST_CASE(a_wrong_declaration_names_line_model_field_and_what_is_right, folder) {
  has(bad("model = 1\n"), "FILE:1: model: is an integer (write [[model]] for each)");
  has(bad("[model]\nname = \"x\"\n"), "model: is a table (write [[model]] for each)");
  has(bad("[[modle]]\nname = \"x\"\n"), "FILE:1: modle: unknown table (the nearest is [model])");
  has(bad("[[model]]\nclass = \"shared\"\n"), "FILE:1: model.name: is missing");
  has(bad("[[model]]\nname = 5\n"), "FILE:2: model.name: is an integer");
  has(bad("[[model]]\nname = \"x\"\n"), "FILE:1: model.x.class: is missing (use shared or");
  has(bad(album + "cascades = [\"title\"]\n"), "FILE:4: model.album.cascades: is a field's key");
  has(bad(album + "id_from = 3\n"), "FILE:4: model.album.id_from: is an integer");
  has(bad(album + "id_from = []\n"), "FILE:4: model.album.id_from: is empty");
  has(bad(album + "fields = 3\n"), "FILE:4: model.fields: is an integer (write [model.fields]");
  has(bad(album + "fields = [3]\n"), "FILE:4: model.fields: holds an integer");
  has(bad(album + "[[model.fields]]\ntype = \"string\"\n"), "model.album.fields.name: is missing");
  has(bad(album + "fields.title = {}\n"),
      "FILE:4: model.album.fields.title.type: is missing (use one of string");
  has(bad(album + "fields.title = 5\n"), "FILE:4: model.album.fields.title.type: is an integer");
  has(bad(album + "fields.title = { tpye = \"string\" }\n"),
      "FILE:4: model.album.fields.title.tpye: unknown key (the nearest is type");
  has(bad(album + "fields.title = { type = \"string\", required = \"yes\" }\n"),
      "FILE:4: model.album.fields.title.required: is a string (use true or false)");
  has(bad(album + "fields.title = { type = \"string\", name = \"x\" }\n"),
      "model.album.fields.title.name: is given twice");
  has(bad(album + title + album), "FILE:5: model.album: is declared in another way at ");
}

BOOST_FIXTURE_TEST_CASE(a_field_may_be_local, folder) {
  const auto got = good(album + title + "fields.seen = { type = \"boolean\", local = true }\n");
  BOOST_REQUIRE(got.models[0].fields.size() == 2U);
  for (const auto& f : got.models[0].fields)
    BOOST_TEST(f.local == (f.name == "seen"));
  BOOST_TEST(
      !is_same(got.models[0], good(album + title + "fields.seen = \"boolean\"\n").models[0]));
  has(bad(album + title + "fields.seen = { type = \"boolean\", local = \"yes\" }\n"),
      "FILE:5: model.album.fields.seen.local: is a string (use true or false)");
}

BOOST_FIXTURE_TEST_CASE(what_show_prints_of_models_loads_to_the_same_also_beside_its_source,
                        folder) {
  std::filesystem::create_directory(path / "models.d");
  write("models.d/a.toml", album + "id_from = [\"title\"]\n" + title
                               + "fields.labels = { type = \"string\", merge = \"set\" }\n"
                                 "fields.seen = { type = \"boolean\", local = true }\n"
                                 "fields.cover = { references = \"entry\" }\n");
  const auto before = good("");
  const auto after = good(show(before));
  BOOST_REQUIRE(after.models.size() == 1U);
  BOOST_TEST(is_same(before.models[0], after.models[0]));
  std::filesystem::remove_all(path / "models.d");
  const auto alone = good(show(before));
  BOOST_REQUIRE(alone.models.size() == 1U);
  BOOST_TEST(is_same(before.models[0], alone.models[0]));
  bool seen = false;
  for (const auto& shown : effective(before))
    seen |= shown.name == "model.album.fields.labels.merge" && shown.value == "\"set\"";
  BOOST_TEST(seen);
}

BOOST_FIXTURE_TEST_CASE(models_are_not_for_the_environment, folder) {
  has(bad("", {{"SHOAL__MODEL__0__NAME", "x"}}), "cannot be set by the environment");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::config
