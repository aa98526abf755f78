#include "fixture.hpp"

#include <algorithm>

using namespace shoal;
using namespace shoal::models;

BOOST_FIXTURE_TEST_SUITE(registry_tests, fixture)

static model_def album() {
  model_def m;
  m.name = "album";
  m.fields.resize(2);
  m.fields[0].name = "title";
  m.fields[0].required = true;
  m.fields[1].name = "cover";
  m.fields[1].type = value_type::uuid;
  return m;
}

static size_t place(const registry& r, std::string_view name) {
  const auto& order = r.parents_first();
  const auto it =
      std::find_if(order.begin(), order.end(), [&](auto* m) { return m->name == name; });
  BOOST_REQUIRE(it != order.end());
  return static_cast<size_t>(it - order.begin());
}

BOOST_AUTO_TEST_CASE(the_ten_models_are_there_with_their_classes) {
  BOOST_TEST(models.parents_first().size() == 10);
  for (const auto* name : {"device", "volume", "location", "entry"}) {
    BOOST_REQUIRE(models.find(name) != nullptr);
    BOOST_TEST((models.find(name)->cls == record_class::owned));
  }
  for (const auto* name : {"tag", "tag_relationship", "collection", "collection_entry",
                           "user_metadata", "user_metadata_tag"}) {
    BOOST_REQUIRE(models.find(name) != nullptr);
    BOOST_TEST((models.find(name)->cls == record_class::shared));
  }
  BOOST_TEST(models.find("album") == nullptr);
}

BOOST_AUTO_TEST_CASE(only_an_entrys_location_and_parent_cascade) {
  for (const auto* m : models.parents_first())
    for (const auto& f : m->fields) {
      const bool cascades =
          m->name == "entry" && (f.name == "location_id" || f.name == "parent_id");
      BOOST_TEST((f.kind == field_kind::parent) == cascades, m->name << "." << f.name);
    }
  BOOST_TEST(models.find("entry")->field("location_id")->references == "location");
  BOOST_TEST(models.find("entry")->field("parent_id")->references == "entry");
}

BOOST_AUTO_TEST_CASE(parents_come_first_and_a_self_reference_is_no_circle) {
  for (const auto* m : models.parents_first())
    for (const auto& f : m->fields)
      if (!f.references.empty() && f.references != m->name
          && (f.required || f.kind == field_kind::parent))
        BOOST_TEST(place(models, f.references) < place(models, m->name), m->name << "." << f.name);
  BOOST_TEST(place(models, "volume") < place(models, "location"));
  BOOST_TEST(place(models, "location") < place(models, "entry"));
}

BOOST_AUTO_TEST_CASE(a_declared_model_works_like_a_built_in_one) {
  auto m = album();
  m.id.from = id_rule::source::fields;
  m.id.fields = {"title"};
  BOOST_REQUIRE(models.add(m).ok());
  const auto e = put("album", "new", R"({"title":"Rome"})");
  BOOST_REQUIRE(e.ok());
  BOOST_TEST(e->id == uuid_v5(uuid_v5(dns_namespace(), "shoal.album"), "rome"));
}

BOOST_AUTO_TEST_CASE(models_added_together_may_refer_to_each_other) {
  auto a = album();
  auto b = album();
  b.name = "picture";
  a.fields[1].references = "picture";
  b.fields[1].references = "album";
  b.fields[1].required = true;
  BOOST_REQUIRE(models.add({a, b}).ok());
  BOOST_TEST(place(models, "album") < place(models, "picture"));
}

BOOST_AUTO_TEST_CASE(a_circle_of_required_references_is_refused_and_nothing_is_added) {
  auto a = album();
  auto b = album();
  b.name = "picture";
  a.fields[1].references = "picture";
  a.fields[1].required = true;
  b.fields[1].references = "album";
  b.fields[1].required = true;
  const auto added = models.add({a, b});
  BOOST_REQUIRE(!added.ok());
  BOOST_TEST(added.err().code == ec::config);
  BOOST_TEST(added.err().message.find("album, picture") != std::string::npos, added.err().message);
  BOOST_TEST(models.find("album") == nullptr);
  BOOST_TEST(models.parents_first().size() == 10);
}

BOOST_AUTO_TEST_CASE(a_bad_definition_is_refused_with_its_name) {
  struct wrong {
    const char* says;
    std::function<void(model_def&)> make;
  };
  const std::vector<wrong> cases{
      {"'Album' is no model name", [](auto& m) { m.name = "Album"; }},
      {"'' is no model name", [](auto& m) { m.name = ""; }},
      {"is a built-in model's name", [](auto& m) { m.name = "tag"; }},
      {"'a b' is no field name", [](auto& m) { m.fields[1].name = "a b"; }},
      {"field title: is declared twice", [](auto& m) { m.fields[1].name = "title"; }},
      {"has no fields", [](auto& m) { m.fields.clear(); }},
      {"no required field", [](auto& m) { m.fields[0].required = false; }},
      {"unknown model 'nowhere'", [](auto& m) { m.fields[1].references = "nowhere"; }},
      {"a reference has type uuid", [](auto& m) { m.fields[0].references = "tag"; }},
      {"a counter has type integer", [](auto& m) { m.fields[1].kind = field_kind::counter; }},
      {"references the model it cascades from",
       [](auto& m) { m.fields[1].kind = field_kind::parent; }},
      {"which is of the other class",
       [](auto& m) {
         m.fields[1].kind = field_kind::parent;
         m.fields[1].references = "entry";
       }},
      {"needs at least one id field", [](auto& m) { m.id.from = id_rule::source::fields; }},
      {"id fields are given", [](auto& m) { m.id.fields = {"title"}; }},
      {"id field 'nope' is not a field",
       [](auto& m) {
         m.id.from = id_rule::source::fields;
         m.id.fields = {"nope"};
       }},
      {"needs a label",
       [](auto& m) {
         m.id.from = id_rule::source::one_of;
         m.id.fields = {"title", "cover"};
       }},
      {"the id's condition nope",
       [](auto& m) {
         m.id.from = id_rule::source::fields;
         m.id.fields = {"title"};
         m.id.when_field = "nope";
       }},
      {"an id field is a last-writer",
       [](auto& m) {
         m.fields[0].type = value_type::json;
         m.id.from = id_rule::source::fields;
         m.id.fields = {"title"};
       }},
  };
  for (const auto& c : cases) {
    auto m = album();
    c.make(m);
    const auto added = models.add(m);
    BOOST_REQUIRE_MESSAGE(!added.ok(), c.says);
    BOOST_TEST(added.err().code == ec::config);
    BOOST_TEST(added.err().message.find(c.says) != std::string::npos, added.err().message);
  }
  BOOST_TEST(models.parents_first().size() == 10);
}

BOOST_AUTO_TEST_CASE(the_definition_hash_follows_the_definition_and_not_the_order_of_fields) {
  const auto hash_of = [](const model_def& m) {
    registry r;
    BOOST_REQUIRE(r.add(m).ok());
    return r.find(m.name)->definition_hash;
  };
  const auto before = hash_of(album());
  auto turned = album();
  std::swap(turned.fields[0], turned.fields[1]);
  BOOST_TEST(hash_of(turned) == before);
  auto retyped = album();
  retyped.fields[1].type = value_type::string;
  BOOST_TEST(hash_of(retyped) != before);
  auto derived = album();
  derived.id.from = id_rule::source::fields;
  derived.id.fields = {"title"};
  BOOST_TEST(hash_of(derived) != before);
  registry other;
  BOOST_TEST(other.hash() == models.hash());
  BOOST_REQUIRE(other.add(album()).ok());
  BOOST_TEST(other.hash() != models.hash());
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_registry_outlives_the_original) {
  auto original = std::make_unique<registry>();
  const registry copy = *original;
  original.reset();
  BOOST_TEST(copy.parents_first().front()->fields.size() > 0);
  BOOST_TEST(copy.find("tag")->name == "tag");
}

BOOST_AUTO_TEST_SUITE_END()
