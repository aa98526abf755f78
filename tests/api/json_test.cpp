// The quick reader of bodies against the one that judges: what both read is the same, and a client
// cannot tell which of them read its body.
#include "actors/api/json_scan.hpp"
#include "actors/api/json_text.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

using namespace shoal;
using namespace shoal::api;
using models::json_value;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(api_json)

static json to_nlohmann(const json_value& v) {
  switch (v.type()) {
  case json_value::kind::null: return nullptr;
  case json_value::kind::boolean: return v.boolean();
  case json_value::kind::integer: return v.integer();
  case json_value::kind::natural: return v.natural();
  case json_value::kind::real: return v.real();
  case json_value::kind::string: return std::string(v.text());
  case json_value::kind::array: {
    auto out = json::array();
    for (const auto& item : v.items())
      out.push_back(to_nlohmann(item));
    return out;
  }
  case json_value::kind::object: {
    auto out = json::object();
    std::string_view before;
    for (const auto& [key, value] : v.members()) {
      BOOST_TEST((out.empty() || before < key), "keys stand in order, each once");
      before = key;
      out[std::string(key)] = to_nlohmann(value);
    }
    return out;
  }
  }
  return {};
}

/// What a client would be told: the value as text, or the fault. A real number shows that it is
/// one, and -0.0 its sign.
template <class Tree>
static std::string outcome(const result<Tree>& r, json (*show)(const Tree&)) {
  return r ? show(*r).dump() : std::string(to_string(r.err().code)) + " " + r.err().message;
}
static json as_it_is(const json& v) { return v; }
static json of_tree(const models::json_tree& tree) { return to_nlohmann(tree.root()); }

/// Holds both readers against each other; true when the quick one read the text.
static bool same(std::string_view text) {
  // In memory of just its size, so that a sanitizer sees a read beyond the end.
  const std::vector<char> exact(text.begin(), text.end());
  const std::string_view body(exact.data(), exact.size());
  const auto judged = outcome(parse_json(body), as_it_is);
  if (const auto quick = scan_json(body)) {
    BOOST_TEST(of_tree(*quick).dump() == judged, text);
    return true;
  }
  BOOST_TEST(outcome(read_json(body), of_tree) == judged, text);
  return false;
}

/// Texts of JSON, some of which break a rule: keys that stand twice, integers that do not fit,
/// halves of characters.
class writer_of_bodies {
public:
  explicit writer_of_bodies(uint64_t seed) : random_(seed) {}

  uint64_t below(uint64_t n) { return random_() % n; }

  std::string value(size_t depth) {
    switch (below(depth < 6 ? 9 : 6)) {
    case 0: return one_of({"null", "true", "false"});
    case 1: return std::to_string(static_cast<int64_t>(random_()) >> below(64));
    case 2: return number();
    case 3:
    case 4:
    case 5: return string();
    case 6: return sequence('[', ']', [&] { return value(depth + 1); });
    default:
      return sequence('{', '}',
                      [&] { return key() + blanks() + ":" + blanks() + value(depth + 1); });
    }
  }

  /// A batch as clients write it, of which one op in some says something odd.
  std::string batch() {
    return R"({"ops":)"
           + sequence('[', ']',
                      [&] {
                        return R"({"model":"tag","id":"new","fields":{"canonical_name":)" + string()
                               + R"(,"color":"#ff8000","size":)"
                               + (below(8) == 0 ? value(3) : number()) + "}}";
                      })
           + "}";
  }

  std::string damaged(std::string text) {
    static constexpr char marks[] = "\"\\{}[],:0-+.eE/u \n\x01\x7f\x80\xc3\xff"; // and a NUL
    for (auto n = below(3); n > 0 && !text.empty(); --n) {
      const auto at = below(text.size());
      const auto odd = marks[below(sizeof marks)];
      switch (below(5)) {
      case 0: text.resize(at); break;
      case 1: text.erase(at, 1 + below(4)); break;
      case 2: text.insert(at, 1, odd); break;
      case 3: text[at] = odd; break;
      default: text.insert(at, text.substr(below(text.size()), below(20))); break;
      }
    }
    return text;
  }

private:
  std::string one_of(const std::vector<std::string>& words) { return words[below(words.size())]; }
  std::string blanks() { return below(6) == 0 ? one_of({" ", "\n", "\t\r\n", "  "}) : ""; }

  template <class Make>
  std::string sequence(char open, char close, Make make) {
    std::string out = open + blanks();
    for (auto n = below(12); n > 0; --n)
      out += make() + blanks() + (n > 1 ? "," + blanks() : "");
    return out + close;
  }

  std::string number() {
    return one_of({"0",
                   "-0",
                   "-0.0",
                   "0.1",
                   "1e5",
                   "1E-7",
                   "-2.5e+10",
                   "1e308",
                   "1e309",
                   "1e-400",
                   "-1e-400",
                   "4.9e-324",
                   "0.30000000000000004",
                   "9007199254740993.0",
                   "9223372036854775807",
                   "9223372036854775808",
                   "-9223372036854775808",
                   "-9223372036854775809",
                   "18446744073709551615",
                   "18446744073709551616",
                   "1234567890123456789012",
                   "100000000000000000000000.5",
                   std::to_string(below(100'000))});
  }

  std::string string() {
    std::string out = "\"";
    for (auto n = below(30); n > 0; --n)
      switch (below(16)) {
      case 0:
        out += one_of({"\\n", "\\t", "\\r", "\\b", "\\f", "\\/", "\\\\", "\\\"", "\\u0000",
                       "\\u00e9", "\\uFFFF", "\\ud83d\\ude00", "\\u0041"});
        break;
      case 1: out += one_of({"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x7f"}); break;
      case 2:
        if (below(40) == 0)
          out += one_of({"\\ud83d", "\\ude00", "\\ud83d\\u0041", "\\u12", "\\x", "\xff",
                         "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "\x1f"});
        break;
      default: out.append(1 + below(9), static_cast<char>('a' + below(26)));
      }
    return out + "\"";
  }

  std::string key() { return below(3) == 0 ? string() : "\"k" + std::to_string(below(200)) + "\""; }

  std::mt19937_64 random_;
};

BOOST_AUTO_TEST_CASE(bodies_of_any_kind_are_read_the_same_by_both_readers) {
  const char* given = std::getenv("SHOAL_SEED");
  const uint64_t seed = given ? std::stoull(given) : std::random_device{}();
  std::cout << "SHOAL_SEED=" << seed << '\n';
  writer_of_bodies write(seed);
  size_t quick = 0;
  constexpr size_t rounds = 20'000;
  for (size_t i = 0; i < rounds; ++i)
    BOOST_TEST_CONTEXT("seed " << seed << " round " << i) {
      const auto text = write.below(2) == 0 ? write.batch() : write.value(0);
      quick += same(text) ? 1 : 0;
      same(write.damaged(text));
    }
  // Most are JSON that breaks no rule. Were the quick reader never right, nobody would notice.
  BOOST_TEST(quick > rounds / 4);
}

BOOST_AUTO_TEST_CASE(what_clients_write_is_read_by_the_quick_reader) {
  for (auto text :
       {R"({"ops":[{"model":"entry","id":"new","fields":{"name":"a","size":1,"x":null}}]})", "{}",
        "[]", " [ ] ", "{\"a\" :\n[1 ,\t2]\r}", R"(["\u00e9\ud83d\ude00\n"])", "\"\xc3\xa9\"", "-0",
        "18446744073709551615", "-9223372036854775808", "1.5e3", "1e-400", "-1e-400",
        "[[],[[]],{}]", "\"\""})
    BOOST_TEST(same(text), text);
}

BOOST_AUTO_TEST_CASE(what_is_no_json_or_against_the_rules_is_left_to_the_judge) {
  using namespace std::string_literals;
  for (const auto& text : {""s,
                           " "s,
                           "{"s,
                           "["s,
                           "[[]"s,
                           "[1,]"s,
                           "{\"a\":1,}"s,
                           "[1 2]"s,
                           "{\"a\"}"s,
                           "{1:2}"s,
                           "\"a"s,
                           "\"\\"s,
                           "\"\\u12"s,
                           "\"\\ud800\""s,
                           "\"\\udc00\""s,
                           "\"\\ud800\\u0041\""s,
                           "\"\n\""s,
                           "\"\xff\""s,
                           "01"s,
                           "-"s,
                           "+1"s,
                           "1."s,
                           ".5"s,
                           "1e"s,
                           "1e+"s,
                           "1e999"s,
                           "NaN"s,
                           "tru"s,
                           "nulll"s,
                           "{} x"s,
                           "{}\0x"s,
                           "\xef\xbb\xbf{}"s,
                           R"({"a":1,"a":2})"s,
                           R"({"a":1,"\u0061":2})"s,
                           "18446744073709551616"s,
                           "-9223372036854775809"s,
                           std::string(json_depth + 1, '[') + std::string(json_depth + 1, ']'),
                           std::string(json_depth, '[') + "{}" + std::string(json_depth, ']')})
    BOOST_TEST(!same(text), text);
  BOOST_TEST(same(std::string(json_depth, '[') + std::string(json_depth, ']')));
}

BOOST_AUTO_TEST_CASE(long_bodies_are_read_the_same_by_both_readers) {
  // Around the length from which on a text has a parser of its own, and back.
  for (const size_t bytes :
       {size_t{1'048'500}, size_t{1'048'700}, size_t{5'000'000}, size_t{100}}) {
    std::string text = "[";
    while (text.size() < bytes)
      text += R"({"name":"caf\u00e9 \n","size":12,"none":[]},)";
    text.back() = ']';
    BOOST_TEST(same(text), bytes);
    text.back() = '}';
    BOOST_TEST(!same(text), bytes);
  }
}

BOOST_AUTO_TEST_CASE(a_tree_keeps_its_texts_when_the_body_is_gone_and_others_were_read) {
  std::string text = R"({"a":["plain","\u0041"],"b":"more"})";
  const auto before = json::parse(text).dump();
  const auto tree = scan_json(text);
  BOOST_REQUIRE(tree.has_value());
  std::fill(text.begin(), text.end(), ' ');
  BOOST_TEST(scan_json(R"({"c":["another","\u0042"],"d":"text"})").has_value());
  BOOST_TEST(of_tree(*tree).dump() == before);
}

BOOST_AUTO_TEST_CASE(a_tree_that_is_moved_keeps_what_it_holds) {
  const std::string text = R"({"b":["\u0041",2],"a":{"c":null}})";
  auto first = scan_json(text);
  BOOST_REQUIRE(first.has_value());
  const auto second = std::move(*first);
  first.reset();
  BOOST_TEST(of_tree(second).dump() == json::parse(text).dump());
}

BOOST_AUTO_TEST_SUITE_END()
