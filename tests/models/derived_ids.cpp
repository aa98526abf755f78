// The ids here were computed with Python's uuid.uuid5: other programs derive them too, so they
// never change.
#include "fixture.hpp"

using namespace shoal;
using namespace shoal::models;

BOOST_FIXTURE_TEST_SUITE(derived_ids, fixture)

static const std::string a = "11111111-1111-4111-8111-11111111AAAA";
static const std::string b = "22222222-2222-4222-8222-22222222bbbb";

static std::string pair_of(const char* one, const char* two) {
  return std::string("{\"") + one + "\":\"" + a + "\",\"" + two + "\":\"" + b + "\"}";
}

BOOST_AUTO_TEST_CASE(pairs_derive_their_id_from_both_uuids_in_lower_case) {
  const auto relation = put("tag_relationship", "new", pair_of("parent_tag_id", "child_tag_id"));
  BOOST_REQUIRE(relation.ok());
  BOOST_TEST(to_string(relation->id) == "cbace47f-48ca-541d-b6c3-eec4b00f7ebe");
  const auto placed = put("collection_entry", "new", pair_of("collection_id", "entry_id"));
  BOOST_REQUIRE(placed.ok());
  BOOST_TEST(to_string(placed->id) == "abe1633a-5d02-5f42-a2d4-43e60deba427");
  const auto tagged = put("user_metadata_tag", "new", pair_of("user_metadata_id", "tag_id"));
  BOOST_REQUIRE(tagged.ok());
  BOOST_TEST(to_string(tagged->id) == "dcc1929e-6b2f-5c5e-a7a3-500d9ab0e956");
  BOOST_TEST(tagged->missing_required.empty());
  BOOST_TEST(field(*tagged, "tag_id").fixed);
  BOOST_TEST(ids_made == 0);
}

BOOST_AUTO_TEST_CASE(user_metadata_derives_its_id_from_its_one_scope) {
  const auto of_entry =
      put("user_metadata", "new", R"({"entry_id":")" + a + R"(","favorite":true})");
  BOOST_REQUIRE(of_entry.ok());
  BOOST_TEST(to_string(of_entry->id) == "b9e8a23c-04b4-5f72-b84d-88f255444c95");
  BOOST_TEST(field(*of_entry, "entry_id").fixed);
  BOOST_TEST(!field(*of_entry, "favorite").fixed);
  BOOST_TEST(of_entry->missing_required.empty());
  const auto of_content =
      put("user_metadata", "new", R"({"content_hash":"ABCdef","entry_id":null})");
  BOOST_REQUIRE(of_content.ok());
  BOOST_TEST(to_string(of_content->id) == "c1f6a3a5-b825-56d8-afa5-95795a471d06");
  BOOST_TEST(!has_field(*of_content, "entry_id"));
}

BOOST_AUTO_TEST_CASE(user_metadata_with_two_scopes_or_none_is_refused) {
  BOOST_TEST(refused("user_metadata", "new", R"({"entry_id":")" + a + R"(","content_hash":"x"})")
             == ec::invalid_field);
  BOOST_TEST(refused("user_metadata", "new", R"({"notes":"x"})") == ec::missing_field);
}

BOOST_AUTO_TEST_CASE(a_system_tag_derives_its_id_from_namespace_and_name) {
  const auto named = put(
      "tag", "new", R"({"canonical_name":"Vacation","namespace":"Photos","tag_type":"system"})");
  BOOST_REQUIRE(named.ok());
  BOOST_TEST(to_string(named->id) == "bec36b40-c1c1-5368-b727-0832abda4c76");
  for (const auto* name : {"canonical_name", "namespace", "tag_type"})
    BOOST_TEST(field(*named, name).fixed, name);
  const auto bare = put("tag", "new", R"({"canonical_name":"Vacation","tag_type":"system"})");
  BOOST_REQUIRE(bare.ok());
  BOOST_TEST(to_string(bare->id) == "262a154f-d1d7-52bb-a486-ffa8edde968e");
}

BOOST_AUTO_TEST_CASE(other_tags_have_random_ids_and_may_be_renamed) {
  const auto first = put("tag", "new", R"({"canonical_name":"Vacation","tag_type":"standard"})");
  const auto second = put("tag", "new", R"({"canonical_name":"Vacation"})");
  BOOST_REQUIRE(first.ok());
  BOOST_REQUIRE(second.ok());
  BOOST_TEST(first->id != second->id);
  BOOST_TEST(ids_made == 2);
  BOOST_TEST(!field(*first, "canonical_name").fixed);
  BOOST_TEST(!field(*first, "tag_type").fixed);
}

BOOST_AUTO_TEST_CASE(a_system_tag_given_by_its_id_keeps_its_id_fields) {
  const auto renamed = put("tag", "bec36b40-c1c1-5368-b727-0832abda4c76",
                           R"({"canonical_name":"Trip","color":"red"})");
  BOOST_REQUIRE(renamed.ok());
  BOOST_TEST(field(*renamed, "canonical_name").fixed);
  BOOST_TEST(!field(*renamed, "color").fixed);
}

BOOST_AUTO_TEST_CASE(a_random_tag_cannot_become_a_system_tag) {
  BOOST_TEST(refused("tag", a, R"({"tag_type":"system"})") == ec::id_mismatch);
}

BOOST_AUTO_TEST_CASE(another_id_than_the_derived_one_is_a_mismatch_and_the_derived_one_is_named) {
  const auto e = put("tag_relationship", a, pair_of("parent_tag_id", "child_tag_id"));
  BOOST_TEST(code_of(e) == ec::id_mismatch);
  BOOST_TEST(e.err().message.find("cbace47f-48ca-541d-b6c3-eec4b00f7ebe") != std::string::npos);
  BOOST_TEST(refused("user_metadata", a, R"({"content_hash":"x"})") == ec::id_mismatch);
  BOOST_TEST(put("tag_relationship", "CBACE47F-48ca-541d-b6c3-eec4b00f7ebe",
                 pair_of("parent_tag_id", "child_tag_id"))
                 .ok());
}

BOOST_AUTO_TEST_CASE(an_update_by_id_without_id_fields_takes_the_id_as_it_is) {
  const auto e = put("user_metadata_tag", b, R"({"confidence":0.5})");
  BOOST_REQUIRE(e.ok());
  BOOST_TEST(to_string(e->id) == b);
  BOOST_TEST(e->missing_required == (std::vector<std::string>{"user_metadata_id", "tag_id"}),
             boost::test_tools::per_element());
  const auto notes = put("user_metadata", b, R"({"notes":"x"})");
  BOOST_REQUIRE(notes.ok());
  BOOST_TEST(notes->missing_required == std::vector<std::string>{"entry_id or content_hash"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(half_a_pair_can_only_be_an_update_that_changes_nothing) {
  const auto e = put("tag_relationship", b, R"({"parent_tag_id":")" + a + "\"}");
  BOOST_REQUIRE(e.ok());
  BOOST_TEST(field(*e, "parent_tag_id").fixed);
  BOOST_TEST(e->missing_required == std::vector<std::string>{"child_tag_id"},
             boost::test_tools::per_element());
  BOOST_TEST(refused("tag_relationship", "new", R"({"parent_tag_id":")" + a + "\"}")
             == ec::missing_field);
}

BOOST_AUTO_TEST_CASE(clearing_a_scope_reaches_the_store_as_a_fixed_field) {
  const auto e = put("user_metadata", b, R"({"entry_id":null})");
  BOOST_REQUIRE(e.ok());
  BOOST_TEST(field(*e, "entry_id").fixed);
  BOOST_TEST(field(*e, "entry_id").value == "\xc0");
}

BOOST_AUTO_TEST_SUITE_END()
