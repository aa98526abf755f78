#include "fixture.hpp"

#include "messages/writer.hpp"

#include <random>

using namespace shoal;
using namespace shoal::models;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(json_values)

static json random_json(std::mt19937_64& rng, size_t depth) {
  switch (rng() % (depth < 5 ? 8 : 6)) {
  case 0: return nullptr;
  case 1: return rng() % 2 == 0;
  case 2: return static_cast<int64_t>(rng()) >> (rng() % 64);
  case 3:
    return std::ldexp(static_cast<double>(static_cast<int64_t>(rng())),
                      static_cast<int>(rng() % 200) - 100);
  case 4: return static_cast<double>(rng() % 5);
  case 5: return std::string(rng() % 300, 'x') + "\xc3\xa4";
  case 6: {
    json out = json::array();
    for (size_t n = rng() % 20; n > 0; --n)
      out.push_back(random_json(rng, depth + 1));
    return out;
  }
  default: {
    json out = json::object();
    for (size_t n = rng() % 20; n > 0; --n)
      out["k" + std::to_string(rng() % 1000)] = random_json(rng, depth + 1);
    return out;
  }
  }
}

static status append_copy(std::string& out, const json& value) {
  return append_json(out, json_tree::copy_of(value).root());
}

static uint64_t seed() {
  const char* given = std::getenv("SHOAL_SEED");
  const uint64_t s = given ? std::stoull(given) : std::random_device{}();
  BOOST_TEST_MESSAGE("SHOAL_SEED=" << s);
  return s;
}

BOOST_AUTO_TEST_CASE(any_json_comes_back_as_it_was_and_its_bytes_are_a_wire_value) {
  const auto s = seed();
  std::mt19937_64 rng(s);
  for (int i = 0; i < 500; ++i) {
    const json before = random_json(rng, 0);
    std::string bytes;
    BOOST_TEST_CONTEXT("seed " << s << " round " << i) {
      BOOST_REQUIRE(append_copy(bytes, before).ok());
      BOOST_TEST(is_wire_value(bytes));
      const json after = value_to_json(bytes);
      BOOST_TEST(after.dump() == before.dump());
    }
  }
}

BOOST_AUTO_TEST_CASE(damaged_bytes_are_shown_as_hex_and_never_throw) {
  BOOST_TEST(value_to_json("\xc1\xff").dump() == R"({"$unreadable":"c1ff"})");
  BOOST_TEST(value_to_json("").dump() == R"({"$unreadable":""})");
  const auto s = seed();
  std::mt19937_64 rng(s);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    BOOST_REQUIRE(append_copy(bytes, random_json(rng, 0)).ok());
    switch (rng() % 3) {
    case 0: bytes.resize(rng() % (bytes.size() + 1)); break;
    case 1: bytes[rng() % bytes.size()] = static_cast<char>(rng()); break;
    default: bytes.insert(rng() % (bytes.size() + 1), 1, static_cast<char>(rng())); break;
    }
    BOOST_TEST_CONTEXT("seed " << s << " round " << i)
    BOOST_CHECK_NO_THROW(static_cast<void>(value_to_json(bytes).dump()));
  }
}

BOOST_AUTO_TEST_CASE(a_bomb_of_nested_arrays_ends_early) {
  const std::string bomb(1 << 20, '\x91');
  BOOST_TEST(value_to_json(bomb).contains("$unreadable"));
}

BOOST_AUTO_TEST_CASE(a_float32_and_a_uuid_of_an_unknown_model_are_shown) {
  BOOST_TEST(value_to_json(std::string("\xca\x3f\x00\x00\x00", 5)).dump() == "0.5");
  std::string id("\xc4\x10", 2);
  id.append(16, '\x11');
  BOOST_TEST(value_to_json(id) == "11111111-1111-1111-1111-111111111111");
}

BOOST_AUTO_TEST_CASE(a_record_is_the_object_of_the_interface_byte_for_byte) {
  record_view r;
  r.model = "tag";
  r.id = *parse_id<record_id>("11111111-1111-4111-8111-111111111111");
  r.newest.origin = *parse_id<device_id>("9f1c0000-0000-8000-8000-000000000001");
  r.newest.seq = 17;
  r.stamp = {1, 2, r.newest.origin};
  writer(r.fields["color"]).str("#ff0000");
  writer(r.fields["canonical_name"]).str("Vacation");
  BOOST_REQUIRE(append_copy(r.fields["custom"], json::parse(R"({"b":[1,2.5],"a":null})")).ok());
  BOOST_TEST(
      to_json(r).dump()
      == R"({"model":"tag","id":"11111111-1111-4111-8111-111111111111","owner":null,)"
         R"("origin":"9f1c0000-0000-8000-8000-000000000001","seq":17,)"
         R"("hlc":"0000000000000001-0000000000000002-9f1c0000-0000-8000-8000-000000000001","deleted":false,)"
         R"("fields":{"canonical_name":"Vacation","color":"#ff0000","custom":{"a":null,"b":[1,2.5]}}})");
  r.owner = r.newest.origin;
  r.deleted = true;
  r.fields.clear();
  const auto deleted = to_json(r);
  BOOST_TEST(deleted["owner"] == "9f1c0000-0000-8000-8000-000000000001");
  BOOST_TEST(deleted["deleted"] == true);
  BOOST_TEST(deleted["fields"].dump() == "{}");
}

BOOST_AUTO_TEST_CASE(a_record_with_names_that_are_not_utf8_can_still_be_printed) {
  record_view r;
  r.model = "ta\xffg";
  r.fields["\xc3"] = "\xa1\xff";
  BOOST_CHECK_NO_THROW(static_cast<void>(to_json(r).dump()));
  BOOST_TEST(to_json(r)["model"] == "ta\xef\xbf\xbdg");
}

BOOST_AUTO_TEST_CASE(replacing_bad_bytes_keeps_all_good_ones) {
  BOOST_TEST(valid_utf8("a\xff\xc3\xa4\xc3") == "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd");
  BOOST_TEST(valid_utf8("\xf0\x9f\x8e\x89\xf0\x9f") == "\xf0\x9f\x8e\x89\xef\xbf\xbd\xef\xbf\xbd");
  BOOST_TEST(valid_utf8("") == "");
}

BOOST_AUTO_TEST_SUITE_END()
