#include "fixture.hpp"

#include "config/options.hpp"
#include "store/models/declared.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdlib.h>

using namespace shoal;
using namespace shoal::models;

namespace {

config::field_options text_field(const std::string& name, bool required = false) {
  config::field_options f;
  f.name = name;
  f.type = "string";
  f.required = required;
  f.where = "f:7";
  return f;
}

config::field_options link_to(const std::string& model, bool cascades, bool required = false) {
  auto f = text_field(model + "_id", required);
  f.type = "uuid";
  f.references = model;
  f.cascades = cascades;
  return f;
}

config::model_options album(const std::string& cls = "shared") {
  config::model_options m;
  m.name = "album";
  m.cls = cls;
  m.where = "f:5";
  m.fields = {text_field("title", true)};
  return m;
}

std::string refusal(const std::vector<config::model_options>& declared) {
  const auto made = make_registry(declared);
  BOOST_REQUIRE(!made.ok());
  BOOST_TEST(made.err().code == ec::config);
  return made.err().message;
}

void has(const std::string& text, const std::string& part) {
  BOOST_TEST(text.find(part) != std::string::npos, "'" << text << "' has no '" << part << "'");
}

/// The TOML block of docs/models.md, loaded as a file of models.d.
std::vector<config::model_options> documented() {
  std::ifstream in(SHOAL_SOURCE_DIR "/docs/models.md");
  std::stringstream text;
  text << in.rdbuf();
  const auto all = text.str();
  const std::string opening = "```toml\n";
  const auto begin = all.find(opening);
  BOOST_REQUIRE(begin != std::string::npos);
  const auto end = all.find("```", begin + opening.size());
  BOOST_REQUIRE(end != std::string::npos);
  std::string name = std::filesystem::temp_directory_path() / "shoal-models-XXXXXX";
  BOOST_REQUIRE(mkdtemp(name.data()) != nullptr);
  const std::filesystem::path dir(name);
  std::filesystem::create_directory(dir / "models.d");
  std::ofstream(dir / "shoal.toml").flush();
  std::ofstream(dir / "models.d" / "books.toml")
      << all.substr(begin + opening.size(), end - begin - opening.size());
  auto loaded = config::load(dir / "shoal.toml", {});
  std::filesystem::remove_all(dir);
  BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded ? "" : loaded.err().message));
  return loaded->models;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(declared_models, fixture)

BOOST_AUTO_TEST_CASE(the_example_of_the_documentation_is_a_good_declaration) {
  auto made = make_registry(documented());
  BOOST_REQUIRE_MESSAGE(made.ok(), (made ? "" : made.err().message));
  models = *made;
  BOOST_TEST(models.parents_first().size() == 14U);
  const auto* book = models.find("book");
  BOOST_REQUIRE(book != nullptr);
  BOOST_TEST((book->cls == record_class::shared));
  BOOST_TEST((book->field("published")->type == value_type::time));
  BOOST_TEST((book->field("authors")->kind == field_kind::set));
  BOOST_TEST((book->field("lent")->kind == field_kind::counter));
  BOOST_TEST((book->field("notes")->kind == field_kind::map));
  BOOST_TEST((models.find("review")->field("book_id")->kind == field_kind::parent));
  BOOST_TEST((models.find("copy")->cls == record_class::owned));
  const auto e = put("book", "new",
                     R"({"isbn":"978-X","title":"Dune","lent":{"$add":1},"authors":["Herbert"],)"
                     R"("notes":{"p. 3":"typo"},"published":-139449600000})");
  BOOST_REQUIRE(e.ok());
  BOOST_TEST(e->id == uuid_v5(uuid_v5(dns_namespace(), "shoal.book"), "978-x"));
  BOOST_TEST(field(*e, "lent").delta == 1);
  BOOST_TEST(field(*e, "isbn").fixed);
  BOOST_TEST(e->missing_required.empty());
}

BOOST_AUTO_TEST_CASE(every_word_for_a_type_class_and_merge_is_taken) {
  const std::vector<std::pair<const char*, value_type>> words = {
      {"s", value_type::string},     {"string", value_type::string},   {"i", value_type::integer},
      {"int", value_type::integer},  {"integer", value_type::integer}, {"f", value_type::real},
      {"float", value_type::real},   {"double", value_type::real},     {"b", value_type::boolean},
      {"bool", value_type::boolean}, {"boolean", value_type::boolean}, {"t", value_type::time},
      {"time", value_type::time},    {"u", value_type::uuid},          {"uuid", value_type::uuid},
      {"j", value_type::json},       {"json", value_type::json},
  };
  for (const auto& [word, means] : words) {
    auto m = album();
    m.fields.push_back(text_field("x"));
    m.fields.back().type = word;
    const auto made = make_registry({m});
    BOOST_REQUIRE_MESSAGE(made.ok(), word);
    BOOST_TEST((made->find("album")->field("x")->type == means), word);
  }
  for (const char* cls : {"device-owned", "device_owned", "owned"})
    BOOST_TEST((make_registry({album(cls)})->find("album")->cls == record_class::owned));
  BOOST_TEST(word_of(value_type::real) == "float");
  BOOST_TEST(word_of(field_kind::parent) == "lww");
  BOOST_TEST(word_of(record_class::owned) == "device-owned");
}

BOOST_AUTO_TEST_CASE(every_mistake_names_place_model_field_and_the_nearest_word) {
  struct wrong {
    const char* says;
    std::function<void(config::model_options&)> make;
  };
  const auto with = [](config::field_options f) {
    return [f](config::model_options& m) { m.fields.push_back(f); };
  };
  auto strng = text_field("x");
  strng.type = "strng";
  auto sett = text_field("x");
  sett.merge = "sett";
  auto needed_set = text_field("x", true);
  needed_set.merge = "set";
  auto needed_counter = needed_set;
  needed_counter.merge = "counter";
  needed_counter.type = "integer";
  auto counted_text = text_field("x");
  counted_text.merge = "counter";
  auto loose = text_field("x");
  loose.cascades = true;
  auto linked_set = link_to("tag", true);
  linked_set.merge = "set";
  auto typed_link = link_to("tag", false);
  typed_link.type = "string";
  const std::vector<wrong> cases = {
      {"f:7: model album, field x: type is 'strng' (the nearest is string; use one of",
       with(strng)},
      {"f:7: model album, field x: merge is 'sett' (the nearest is set; use one of", with(sett)},
      {"f:7: model album, field x: a set, counter or map is never missing", with(needed_set)},
      {"f:7: model album, field x: a set, counter or map is never missing", with(needed_counter)},
      {"f:7: model album, field x: a counter has type integer", with(counted_text)},
      {"f:7: model album, field x: cascades, but references no model", with(loose)},
      {"f:7: model album, field tag_id: cascades, but is a set", with(linked_set)},
      {"f:7: model album, field tag_id: a reference has type uuid", with(typed_link)},
      {"f:7: model album, field tga_id: references the unknown model 'tga' (the nearest is tag)",
       with(link_to("tga", false))},
      {"f:7: model album, field entry_id: cascades from entry, which is of the other class",
       with(link_to("entry", true))},
      {"f:7: model album, field album_id: a shared model cannot cascade from itself",
       with(link_to("album", true))},
      {"f:7: model album: 'a b' is no field name", with(text_field("a b"))},
      {"f:7: model album, field title: is declared twice", with(text_field("title"))},
      {"f:5: model album: class is 'sharde' (the nearest is shared; use shared or",
       [](auto& m) { m.cls = "sharde"; }},
      {"f:5: model tag: is a built-in model's name", [](auto& m) { m.name = "tag"; }},
      {"f:5: 'Album' is no model name", [](auto& m) { m.name = "Album"; }},
      {" is no model name: a name begins with a letter and has only a-z, 0-9 and _, 128 characters",
       [](auto& m) { m.name = std::string(129, 'a'); }},
      {"f:5: model album: has no fields", [](auto& m) { m.fields.clear(); }},
      {"f:5: model album: has no required field", [](auto& m) { m.fields[0].required = false; }},
      {"f:5: model album: id field 'titel' is not a field of the model (the nearest is title)",
       [](auto& m) { m.id_from = {"titel"}; }},
      {"f:7: model album, field year: an id field is required",
       [](auto& m) {
         m.fields.push_back(text_field("year"));
         m.id_from = {"title", "year"};
       }},
  };
  for (const auto& c : cases) {
    auto m = album();
    c.make(m);
    has(refusal({m}), c.says);
  }
  has(refusal({album(), album()}), "f:5: model album: is declared at f:5 already");
}

BOOST_AUTO_TEST_CASE(owned_models_may_cascade_from_themselves_but_not_all_of_them_at_once) {
  auto m = album("owned");
  m.fields.push_back(link_to("album", true));
  BOOST_TEST(make_registry({m}).ok());
  m.fields.back().required = true;
  has(refusal({m}), "a required cascade from its own model leaves no first record");
}

BOOST_AUTO_TEST_CASE(a_circle_names_its_models_only_and_self_references_are_none) {
  auto a = album();
  auto b = album();
  auto c = album();
  b.name = "picture";
  c.name = "aside"; // refers to the circle and is not in it
  a.fields.push_back(link_to("picture", false, true));
  b.fields.push_back(link_to("album", true));
  c.fields.push_back(link_to("album", false, true));
  const auto said = refusal({a, b, c});
  has(said, "f:7: models ");
  has(said, "album");
  has(said, "picture");
  has(said, "run in a circle");
  BOOST_TEST(said.find("aside") == std::string::npos, said);
  a.fields.back() = link_to("album", false, true);
  BOOST_TEST(make_registry({a, b, c}).ok());
}

BOOST_AUTO_TEST_CASE(a_running_node_takes_more_models_and_fields_and_no_other_change) {
  const registry plain;
  const auto one = make_registry({album()});
  auto more = album();
  more.fields.push_back(text_field("year"));
  const auto two = make_registry({more});
  BOOST_TEST(check_wider(plain, *one).ok());
  BOOST_TEST(check_wider(*one, *two).ok());
  BOOST_TEST(check_wider(*one, *one).ok());
  has(check_wider(*one, plain).err().message, "model album is gone");
  has(check_wider(*two, *one).err().message, "model album, field year is gone");
  auto typed = more;
  typed.fields.back().type = "integer";
  has(check_wider(*two, *make_registry({typed})).err().message, "field year is declared in");
  auto owned = more;
  owned.cls = "owned";
  has(check_wider(*two, *make_registry({owned})).err().message, "has another class");
  auto derived = more;
  derived.id_from = {"title"};
  has(check_wider(*two, *make_registry({derived})).err().message, "another class or id rule");
}

BOOST_AUTO_TEST_CASE(a_local_field_is_optional_plain_and_no_part_of_an_id) {
  const auto with = [](config::field_options f) {
    auto m = album();
    f.local = true;
    m.fields.push_back(std::move(f));
    return m;
  };
  const auto plain = make_registry({with(text_field("seen"))});
  BOOST_REQUIRE(plain.ok());
  BOOST_TEST(plain->find("album")->field("seen")->local);
  BOOST_TEST(!plain->find("album")->field("title")->local);
  has(refusal({with(text_field("seen", true))}), "field seen: a local field is an optional");
  auto counter = text_field("seen");
  counter.type = "integer";
  counter.merge = "counter";
  has(refusal({with(counter)}), "field seen: a local field is an optional");
  has(refusal({with(link_to("tag", true))}), "a local field is an optional");
  auto by_seen = with(text_field("seen"));
  by_seen.id_from = {"title", "seen"};
  has(refusal({by_seen}), "field seen: an id field is the same on every node");
  // Nodes that disagree on it are told; a reload does not change it.
  auto synced = album();
  synced.fields.push_back(text_field("seen"));
  const auto other = make_registry({synced});
  BOOST_REQUIRE(other.ok());
  BOOST_TEST(plain->hash() != other->hash());
  has(check_wider(*plain, *other).err().message, "field seen is declared in another way");
}

BOOST_AUTO_TEST_CASE(what_a_write_says_of_local_fields_stands_apart_from_what_is_synced) {
  auto m = album();
  m.fields.push_back(text_field("seen"));
  m.fields.back().local = true;
  const auto known = make_registry({m});
  BOOST_REQUIRE(known.ok());
  const std::function<record_id()> fresh = [] { return record_id{{1}}; };
  const auto both = json_tree::copy_of({{"title", "x"}, {"seen", "y"}});
  const auto made = to_edit(*known, {"album", "new", both.root(), device_id{{2}}, fresh});
  BOOST_REQUIRE(made.ok());
  BOOST_TEST(made->fields.size() == 1U);
  BOOST_REQUIRE(made->local.size() == 1U);
  BOOST_TEST(made->local[0].first == "seen");
  BOOST_TEST(made->missing_required.empty());
}

BOOST_AUTO_TEST_SUITE_END()
