#include "fixture.hpp"

#include "messages/writer.hpp"

#include <cmath>
#include <limits>

using namespace shoal;
using namespace shoal::models;
using nlohmann::json;

BOOST_FIXTURE_TEST_SUITE(edits, fixture)

static const std::string some_id = "11111111-1111-4111-8111-111111111111";

static std::string text_value(std::string_view text) {
  std::string out;
  writer(out).str(text);
  return out;
}

BOOST_AUTO_TEST_CASE(a_put_of_every_required_field_is_an_insert) {
  const auto e = put("entry", some_id, R"({"name":"a.txt","kind":"file","size":12})");
  BOOST_REQUIRE(e.ok());
  BOOST_TEST(e->missing_required.empty());
  BOOST_TEST((e->cls == record_class::owned));
  BOOST_TEST(e->model == "entry");
  BOOST_TEST(to_string(e->id) == some_id);
  BOOST_TEST(!e->remove);
  const auto update = put("entry", some_id, R"({"size":12})");
  BOOST_REQUIRE(update.ok());
  BOOST_TEST(update->missing_required == (std::vector<std::string>{"name", "kind"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(fields_come_in_name_order_and_as_wire_values) {
  const auto e =
      put("entry", "new",
          R"({"size":-1,"name":"ä","kind":"file","modified_at":1700000000000,"parent_id":")"
              + some_id + "\"}");
  BOOST_REQUIRE(e.ok());
  for (size_t i = 0; i < e->fields.size(); ++i) {
    BOOST_TEST(is_wire_value(e->fields[i].value), e->fields[i].name);
    if (i > 0)
      BOOST_TEST((e->fields[i - 1].name < e->fields[i].name));
  }
  BOOST_TEST(to_string(e->id) == "aa000000-0000-0000-0000-000000000001");
}

BOOST_AUTO_TEST_CASE(uuids_are_sixteen_bytes_inside_and_a_parent_names_its_model) {
  const auto e =
      put("entry", "new", R"({"name":"a","kind":"file","parent_id":")" + some_id + "\"}");
  BOOST_REQUIRE(e.ok());
  const auto& parent = field(*e, "parent_id");
  BOOST_TEST((parent.kind == field_kind::parent));
  BOOST_TEST(parent.parent_model == "entry");
  BOOST_TEST(parent.value.size() == 18);
  BOOST_TEST(value_to_json(parent.value) == some_id);
}

BOOST_AUTO_TEST_CASE(every_type_refuses_what_it_is_not_and_names_the_field) {
  const std::vector<std::array<std::string, 3>> cases{
      {"entry", "name", "5"},
      {"entry", "name", "true"},
      {"entry", "name", R"(["a"])"},
      {"entry", "size", R"("5")"},
      {"entry", "size", "5.0"},
      {"entry", "size", "1e3"},
      {"entry", "size", "9223372036854775808"},
      {"entry", "size", "-9223372036854775809"},
      {"entry", "size", "true"},
      {"entry", "modified_at", R"("2024-01-01")"},
      {"entry", "modified_at", "1.5"},
      {"entry", "parent_id", R"("not a uuid")"},
      {"entry", "parent_id", "7"},
      {"volume", "is_removable", "1"},
      {"volume", "is_removable", R"("true")"},
      {"user_metadata_tag", "confidence", R"("0.5")"},
      {"user_metadata_tag", "confidence", "false"},
      {"tag", "search_weight", R"({"$add":1})"},
      {"tag", "created_by", R"("11111111111141118111111111111111")"},
  };
  for (const auto& [model, name, value] : cases) {
    const auto e = put(model, some_id, "{\"" + name + "\":" + value + "}");
    BOOST_TEST_CONTEXT(model << "." << name << " = " << value) {
      BOOST_TEST(code_of(e) == ec::invalid_field);
      BOOST_TEST(e.err().message.starts_with(model + "." + name + ": "), e.err().message);
      BOOST_TEST(e.err().message.find("expected") != std::string::npos, e.err().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(integers_are_exact_at_both_ends) {
  for (const int64_t n :
       {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{1} << 53, (int64_t{1} << 53) + 1, INT64_MAX}) {
    const auto e = put("entry", some_id, "{\"size\":" + std::to_string(n) + "}");
    BOOST_REQUIRE(e.ok());
    BOOST_TEST(is_wire_value(field(*e, "size").value));
    BOOST_TEST(value_to_json(field(*e, "size").value).get<int64_t>() == n);
  }
}

BOOST_AUTO_TEST_CASE(a_real_takes_integers_and_keeps_its_type) {
  for (const auto* text : {"1", "0", "0.5", "-3", "1e19", "1e300", "18446744073709551615"}) {
    const auto e = put("user_metadata_tag", some_id, std::string("{\"confidence\":") + text + "}");
    BOOST_REQUIRE(e.ok());
    const auto& value = field(*e, "confidence").value;
    BOOST_TEST(value.size() == 9, text);
    BOOST_TEST(is_wire_value(value), text);
    BOOST_TEST(value_to_json(value).get<double>() == std::stod(text));
  }
  for (const double bad : {std::numeric_limits<double>::infinity(), std::nan("")})
    BOOST_TEST(code_of(put_json("user_metadata_tag", some_id, {{"confidence", bad}}))
               == ec::invalid_field);
}

BOOST_AUTO_TEST_CASE(null_clears_an_optional_field_and_is_refused_for_a_required_one) {
  const auto e = put("tag", some_id, R"({"color":null})");
  BOOST_REQUIRE(e.ok());
  BOOST_TEST(field(*e, "color").value == "\xc0");
  BOOST_TEST(refused("tag", some_id, R"({"canonical_name":null})") == ec::invalid_field);
}

BOOST_AUTO_TEST_CASE(unknown_models_fields_and_ids_are_refused) {
  BOOST_TEST(refused("album", "new", R"({"name":"x"})") == ec::unknown_model);
  const auto e = put("tag", "new", R"({"canonical_name":"x","colour":"red"})");
  BOOST_TEST(code_of(e) == ec::invalid_field);
  BOOST_TEST(e.err().message.starts_with("tag.colour: "), e.err().message);
  for (const auto* id : {"", "New", "7", "00000000-0000-0000-0000-000000000000",
                         "11111111-1111-4111-8111-11111111111g"})
    BOOST_TEST(refused("tag", id, R"({"canonical_name":"x"})") == ec::bad_request, id);
  BOOST_TEST(refused("tag", "new", R"([1])") == ec::bad_request);
}

BOOST_AUTO_TEST_CASE(text_that_is_not_utf8_is_refused_and_never_throws) {
  BOOST_TEST(code_of(put_json("tag", "new", {{"canonical_name", "\xff\xfe"}}))
             == ec::invalid_field);
  BOOST_TEST(code_of(put_json("tag", "new", {{"canonical_name", "x"}, {"\xff", "y"}}))
             == ec::invalid_field);
  BOOST_TEST(code_of(put_json("user_metadata", some_id, {{"custom", {{"\xc3", 1}}}}))
             == ec::invalid_field);
  BOOST_TEST(code_of(put_json("device", "new", {{"name", "\xed\xa0\x80"}})) == ec::invalid_field);
  BOOST_TEST(code_of(put_json("\xff", "new", json::object())) == ec::unknown_model);
}

BOOST_AUTO_TEST_CASE(json_nests_to_the_limit_and_no_deeper) {
  std::string deepest = "1";
  for (size_t i = 0; i < wire_limits::depth; ++i)
    deepest = "[" + deepest + "]";
  const auto e = put("user_metadata", some_id, "{\"custom\":{\"k\":" + deepest + "}}");
  BOOST_REQUIRE(e.ok());
  BOOST_TEST(is_wire_value(field(*e, "custom").keys.at(0).second));
  BOOST_TEST(refused("user_metadata", some_id, "{\"custom\":{\"k\":[" + deepest + "]}}")
             == ec::invalid_field);
  BOOST_TEST(refused("user_metadata", some_id, R"({"custom":{"k":18446744073709551615}})")
             == ec::invalid_field);
}

BOOST_AUTO_TEST_CASE(an_array_replaces_a_set_and_add_and_remove_change_it) {
  const auto all = put("tag", some_id, R"({"aliases":["b","a","b"]})");
  BOOST_REQUIRE(all.ok());
  const auto& set = field(*all, "aliases");
  BOOST_TEST((set.kind == field_kind::set));
  BOOST_TEST(set.replace);
  BOOST_TEST(set.add == (std::vector{text_value("a"), text_value("b")}),
             boost::test_tools::per_element());
  const auto some = put("tag", some_id, R"({"aliases":{"$add":["x"],"$remove":["y","z"]}})");
  BOOST_REQUIRE(some.ok());
  const auto& change = field(*some, "aliases");
  BOOST_TEST(!change.replace);
  BOOST_TEST(change.add == std::vector{text_value("x")}, boost::test_tools::per_element());
  BOOST_TEST(change.remove == (std::vector{text_value("y"), text_value("z")}),
             boost::test_tools::per_element());
  const auto none = put("tag", some_id, R"({"aliases":null})");
  BOOST_REQUIRE(none.ok());
  BOOST_TEST(field(*none, "aliases").replace);
  BOOST_TEST(field(*none, "aliases").add.empty());
}

BOOST_AUTO_TEST_CASE(a_set_refuses_other_shapes) {
  for (const auto* value : {R"("a")", "{}", R"({"$add":["a"],"other":[]})", R"({"$add":"a"})",
                            "[null]", R"({"$add":["a"],"$remove":["a"]})", "7"})
    BOOST_TEST(refused("tag", some_id, std::string("{\"aliases\":") + value + "}")
                   == ec::invalid_field,
               value);
  json many = json::array();
  for (size_t i = 0; i <= wire_limits::elements; ++i)
    many.push_back(i);
  BOOST_TEST(code_of(put_json("tag", some_id, {{"aliases", many}})) == ec::too_big);
}

BOOST_AUTO_TEST_CASE(an_object_merges_into_a_map_and_null_clears_a_key) {
  const auto e =
      put("user_metadata", some_id, R"({"custom":{"b":{"z":1,"a":[true,null]},"a":null}})");
  BOOST_REQUIRE(e.ok());
  const auto& map = field(*e, "custom");
  BOOST_TEST((map.kind == field_kind::map));
  BOOST_TEST(!map.replace);
  BOOST_REQUIRE(map.keys.size() == 2);
  BOOST_TEST(map.keys[0].first == "a");
  BOOST_TEST(map.keys[0].second == "\xc0");
  BOOST_TEST(map.keys[1].first == "b");
  BOOST_TEST(value_to_json(map.keys[1].second).dump() == R"({"a":[true,null],"z":1})");
  BOOST_TEST(refused("user_metadata", some_id, R"({"custom":[1]})") == ec::invalid_field);
  const auto cleared = put("user_metadata", some_id, R"({"custom":null})");
  BOOST_REQUIRE(cleared.ok());
  BOOST_TEST(field(*cleared, "custom").replace);
}

BOOST_AUTO_TEST_CASE(a_counter_only_changes_by_amounts) {
  model_def m;
  m.name = "album";
  m.fields.resize(2);
  m.fields[0].name = "title";
  m.fields[0].required = true;
  m.fields[1].name = "views";
  m.fields[1].type = value_type::integer;
  m.fields[1].kind = field_kind::counter;
  BOOST_REQUIRE(models.add(m).ok());
  const auto e = put("album", some_id, R"({"views":{"$add":-3}})");
  BOOST_REQUIRE(e.ok());
  BOOST_TEST(field(*e, "views").delta == -3);
  BOOST_TEST((field(*e, "views").kind == field_kind::counter));
  const auto set = put("album", some_id, R"({"views":{"$set":7}})");
  BOOST_REQUIRE(set.ok());
  BOOST_TEST(field(*set, "views").replace);
  BOOST_TEST(field(*set, "views").delta == 7);
  for (const auto* value : {"3", "null", "{}", R"({"$add":1.5})", R"({"$set":"1"})",
                            R"({"$set":1,"$add":1})", R"({"$add":1,"x":2})"})
    BOOST_TEST(refused("album", some_id, std::string("{\"views\":") + value + "}")
                   == ec::invalid_field,
               value);
}

BOOST_AUTO_TEST_CASE(a_record_is_not_its_own_parent) {
  BOOST_TEST(refused("entry", some_id, R"({"parent_id":")" + some_id + "\"}") == ec::invalid_field);
  BOOST_TEST(put("entry", some_id, R"({"location_id":")" + some_id + "\"}").ok());
}

BOOST_AUTO_TEST_CASE(clients_may_only_rename_their_own_device) {
  const auto e = put("device", "new", R"({"name":"attic"})");
  BOOST_REQUIRE(e.ok());
  BOOST_TEST(to_string(e->id) == to_string(self));
  BOOST_TEST(put("device", to_string(self), R"({"name":"attic"})").ok());
  BOOST_TEST(refused("device", some_id, R"({"name":"attic"})") == ec::not_owner);
  for (const auto* name : {"slug", "os", "os_version", "hardware_model", "addresses",
                           "capabilities", "cpu_model", "memory_total_bytes"})
    BOOST_TEST(refused("device", "new", std::string("{\"") + name + "\":null}") == ec::managed,
               name);
  BOOST_TEST(code_of(to_remove(models, "device", to_string(self))) == ec::managed);
}

BOOST_AUTO_TEST_CASE(the_nodes_own_edit_says_all_it_knows) {
  device_facts facts;
  facts.name = "attic";
  facts.os = "Debian\xff";
  facts.addresses = {"10.0.0.2:7420"};
  facts.memory_total_bytes = uint64_t{4} << 30;
  const auto e = own_device_edit(self, facts);
  BOOST_TEST(e.model == "device");
  BOOST_TEST((e.cls == record_class::owned));
  BOOST_TEST(to_string(e.id) == to_string(self));
  BOOST_TEST(e.missing_required.empty());
  BOOST_TEST(e.fields.size() == 4);
  for (size_t i = 0; i < e.fields.size(); ++i) {
    BOOST_REQUIRE(models.find("device")->field(e.fields[i].name) != nullptr);
    BOOST_TEST(is_wire_value(e.fields[i].value), e.fields[i].name);
    if (i > 0)
      BOOST_TEST((e.fields[i - 1].name < e.fields[i].name));
  }
  BOOST_TEST(value_to_json(field(e, "os").value) == "Debian\xef\xbf\xbd");
  BOOST_TEST(value_to_json(field(e, "addresses").value).dump() == R"(["10.0.0.2:7420"])");
  BOOST_TEST(value_to_json(field(own_device_edit(self, {}), "name").value) == to_string(self));
}

BOOST_AUTO_TEST_CASE(a_removal_needs_a_known_model_and_a_uuid) {
  const auto e = to_remove(models, "tag", some_id);
  BOOST_REQUIRE(e.ok());
  BOOST_TEST(e->remove);
  BOOST_TEST(e->fields.empty());
  BOOST_TEST((e->cls == record_class::shared));
  BOOST_TEST(code_of(to_remove(models, "album", some_id)) == ec::unknown_model);
  BOOST_TEST(code_of(to_remove(models, "tag", "new")) == ec::bad_request);
  BOOST_TEST(code_of(to_remove(models, "tag", "x")) == ec::bad_request);
}

BOOST_AUTO_TEST_SUITE_END()
