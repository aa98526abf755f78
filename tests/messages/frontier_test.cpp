#include "bytes.hpp"
#include "generator.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <set>

using namespace shoal;
using namespace shoal::tests;

namespace {

const stream_id first{id_of<device_id>(1), 7};
const stream_id second{id_of<device_id>(1), 8};
const stream_id third{id_of<device_id>(2), 1};

template <class T>
std::string encoded(const T& what) {
  std::string out;
  writer w(out);
  encode(w, what);
  return out;
}

/// A few streams with few seqs, so that frontiers drawn one after the other overlap.
frontier overlapping(generator& g) {
  frontier f;
  for (const auto& s : {first, second, third})
    if (g.coin())
      f[s] = 1 + g.upto(5);
  return f;
}

member_set overlapping_members(generator& g) {
  member_set set;
  for (uint8_t d = 1; d <= 3; ++d)
    if (g.coin())
      set[id_of<device_id>(d)] = {
          1 + g.upto(1),       g.coin(), g.coin(), g.upto(2), g.coin() ? "a:1" : "b:2",
          g.coin() ? "x" : "y"};
  return set;
}

} // namespace

BOOST_AUTO_TEST_SUITE(frontiers)

BOOST_AUTO_TEST_CASE(a_stream_that_is_absent_counts_as_zero) {
  const frontier f{{first, 5}};
  BOOST_TEST(seq_of(f, first) == 5U);
  BOOST_TEST(seq_of(f, second) == 0U);
  BOOST_TEST(covers(f, {}));
  BOOST_TEST(covers({}, {{first, 0}}));
  BOOST_TEST(!covers({}, f));
  frontier into;
  merge(into, {{first, 0}});
  BOOST_TEST(into.empty(), "a zero entry would change the hash of an equal frontier");
}

BOOST_AUTO_TEST_CASE(merge_and_minimum_are_the_bounds_of_both) {
  generator g(test_seed());
  for (int i = 0; i < 2000; ++i) {
    const auto a = overlapping(g);
    const auto b = overlapping(g);
    auto ab = a;
    merge(ab, b);
    auto ba = b;
    merge(ba, a);
    BOOST_REQUIRE(ab == ba);
    BOOST_REQUIRE(covers(ab, a));
    BOOST_REQUIRE(covers(ab, b));
    BOOST_REQUIRE((ab == a) == covers(a, b));
    const auto least = minimum(a, b);
    BOOST_REQUIRE(least == minimum(b, a));
    BOOST_REQUIRE(covers(a, least));
    BOOST_REQUIRE(covers(b, least));
    for (const auto& s : {first, second, third})
      BOOST_REQUIRE(seq_of(least, s) == std::min(seq_of(a, s), seq_of(b, s)));
  }
}

BOOST_AUTO_TEST_CASE(frontiers_of_any_size_merge_stream_by_stream) {
  generator g(test_seed());
  const auto draw = [&](uint64_t most) {
    frontier f;
    for (auto n = g.upto(most); n > 0; --n)
      f[{id_of<device_id>(static_cast<uint8_t>(g.upto(20))), g.upto(9)}] = g.upto(5);
    return f;
  };
  for (int i = 0; i < 3000; ++i) {
    const auto a = draw(i % 3 == 0 ? 150 : 8);
    const auto b = draw(i % 3 == 1 ? 150 : 8);
    std::map<stream_id, uint64_t> most(a.begin(), a.end());
    for (const auto& [stream, seq] : b)
      if (seq != 0)
        most[stream] = std::max(most[stream], seq);
    auto merged = a;
    merge(merged, b);
    BOOST_REQUIRE(std::equal(
        merged.begin(), merged.end(), most.begin(), most.end(),
        [](const auto& x, const auto& y) { return x.first == y.first && x.second == y.second; }));
    bool all = true;
    for (const auto& [stream, seq] : b)
      all = all && seq_of(a, stream) >= seq;
    BOOST_REQUIRE(covers(a, b) == all);
    const auto least = minimum(a, b);
    for (const auto& [stream, seq] : most)
      BOOST_REQUIRE(seq_of(least, stream) == std::min(seq_of(a, stream), seq_of(b, stream)));
    for (const auto& [stream, seq] : least)
      BOOST_REQUIRE(seq != 0);
    drop_absent(merged);
    for (const auto& [stream, seq] : most)
      BOOST_REQUIRE(merged.contains(stream) == (seq != 0));
  }
}

BOOST_AUTO_TEST_CASE(a_walk_finds_what_a_look_up_finds) {
  generator g(test_seed());
  for (int i = 0; i < 3000; ++i) {
    frontier f;
    std::set<stream_id> asked;
    for (auto n = g.upto(30); n > 0; --n) {
      const stream_id s{id_of<device_id>(static_cast<uint8_t>(g.upto(5))), g.upto(9)};
      if (g.coin())
        f[s] = g.upto(5);
      if (g.coin())
        asked.insert(s);
    }
    frontier_walk walk(f);
    for (const auto& s : asked) {
      const auto at = f.find(s);
      const auto* found = walk.find(s);
      BOOST_REQUIRE((found != nullptr) == (at != f.end()));
      BOOST_REQUIRE((!found || (found->first == s && found->second == at->second)));
    }
    frontier_walk again(f);
    for (const auto& s : asked)
      BOOST_REQUIRE(again.seq_of(s) == seq_of(f, s));
  }
}

BOOST_AUTO_TEST_CASE(the_hash_is_that_of_the_wire_form) {
  generator g(test_seed());
  for (const size_t streams : {0, 1, 15, 16, 200, 70'000}) { // by the length of the array's header
    frontier f;
    for (uint64_t epoch = 1; f.size() < streams; ++epoch)
      f.emplace_hint(f.end(), stream_id{id_of<device_id>(1), epoch << g.upto(1)},
                     g.coin() ? g.upto(UINT64_MAX) : g.upto(70'000));
    BOOST_TEST(hash_of(f) == fnv1a(encoded(f)), streams << " streams");
  }
}

BOOST_AUTO_TEST_CASE(the_wire_form_is_golden) {
  BOOST_TEST(to_hex(encoded(frontier{{first, 300}, {third, 1}}))
             == "92"
                "93c4100101010101010101010101010101010107cd012c"
                "93c410020202020202020202020202020202020101");
}

BOOST_AUTO_TEST_CASE(fnv1a_gives_the_known_vectors) {
  BOOST_TEST(fnv1a("") == 0xcbf29ce484222325ULL);
  BOOST_TEST(fnv1a("a") == 0xaf63dc4c8601ec8cULL);
  BOOST_TEST(fnv1a("foobar") == 0x85944171f73967e8ULL);
  BOOST_TEST(hash_of(frontier{{first, 1}}) != hash_of(frontier{{first, 2}}));
  BOOST_TEST(hash_of(frontier{{first, 1}}) == fnv1a(encoded(frontier{{first, 1}})));
}

BOOST_AUTO_TEST_CASE(a_frontier_out_of_order_or_with_a_stream_twice_is_a_duplicate_key) {
  const std::string low = encoded(frontier{{first, 1}}).substr(1);
  const std::string high = encoded(frontier{{third, 1}}).substr(1);
  const auto read = [](reader& in) { read_frontier(in); };
  BOOST_TEST(fault_of("\x92" + low + high, read) == "none");
  BOOST_TEST(fault_of("\x92" + high + low, read) == "duplicate_key");
  BOOST_TEST(fault_of("\x92" + low + low, read) == "duplicate_key");
  BOOST_TEST(fault_of("\x91\x92" + low.substr(1, 19), read) == "bad_value");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(folds)

namespace {

const device_id one = id_of<device_id>(1);
const device_id two = id_of<device_id>(2);
const frontier lived = {{{one, 3}, 10}, {{one, 4}, 20}, {{one, 9}, 30}, {{two, 5}, 40}};

std::string wire(const folded_frontier& f) {
  std::string out;
  writer w(out);
  encode(w, f);
  return out;
}
std::string fault_of_folded(const std::string& bytes) {
  return fault_of(bytes, [](reader& in) { read_folded_frontier(in); });
}

} // namespace

BOOST_AUTO_TEST_CASE(ended_epochs_become_one_line_that_who_holds_them_reads) {
  const auto f = fold(lived, {{one, 9}});
  BOOST_TEST((f.open == frontier{{{one, 9}, 30}, {{two, 5}, 40}}));
  BOOST_REQUIRE(f.ended.size() == 1U);
  BOOST_TEST(f.ended.at(one).count == 2U);
  const auto read = unfold(f, lived);
  BOOST_TEST(read.whole);
  BOOST_TEST((read.held == lived));
}

BOOST_AUTO_TEST_CASE(who_holds_others_reads_what_is_certain) {
  const auto f = fold(lived, {{one, 9}});
  for (const auto& here :
       {frontier{}, frontier{{{one, 3}, 10}}, frontier{{{one, 3}, 10}, {{one, 4}, 21}},
        frontier{{{one, 3}, 10}, {{one, 4}, 20}, {{one, 5}, 1}}}) {
    const auto read = unfold(f, here);
    BOOST_TEST(!read.whole);
    BOOST_TEST((read.held == f.open));
  }
}

BOOST_AUTO_TEST_CASE(a_frontier_that_lacks_some_of_what_has_ended_does_not_pass_for_whole) {
  auto less = lived;
  less[{one, 4}] = 19;
  const auto read = unfold(fold(less, {{one, 9}}), lived);
  BOOST_TEST(!read.whole);
}

BOOST_AUTO_TEST_CASE(a_single_ended_epoch_is_not_folded) {
  BOOST_TEST(fold(lived, {{one, 4}}).ended.empty());
  BOOST_TEST((fold(lived, {{two, 9}}).open == lived));
}

BOOST_AUTO_TEST_CASE(a_folded_frontier_survives_the_wire_and_has_one_form) {
  for (const uint64_t before : {9U, 10U}) {
    const auto f = fold(lived, {{one, before}});
    const auto bytes = wire(f);
    reader in(bytes);
    BOOST_TEST((read_folded_frontier(in) == f));
    BOOST_TEST(!in.failed());
  }
  const std::string line(16, '\x11');
  const auto fold_line = "\x94\xc4\x10" + line + "\x09\x02\x07";
  const auto open_line = "\x93\xc4\x10" + line + "\x09\x01";
  BOOST_TEST(fault_of_folded("\x92" + fold_line + open_line) == "none");
  BOOST_TEST(fault_of_folded("\x92" + open_line + fold_line) != "none");
  BOOST_TEST(fault_of_folded("\x92" + fold_line + fold_line) != "none");
  BOOST_TEST(fault_of_folded("\x93" + fold_line + open_line + open_line) != "none");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tokens)

BOOST_AUTO_TEST_CASE(the_empty_token_and_one_of_one_stream_are_golden) {
  BOOST_TEST(to_token({}) == "tkA");
  BOOST_TEST(to_token({{{first, 300}}, {}}) == "tkZPEEAEBAQEBAQEBAQEBAQEBAQEHzQEs");
}

BOOST_AUTO_TEST_CASE(every_frontier_survives_its_token) {
  generator g(test_seed());
  for (int i = 0; i < 1000; ++i) {
    const auto f = fold(g.held(6), {{g.id<device_id>(), g.number()}});
    const auto token = to_token(f);
    BOOST_REQUIRE(
        token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        == std::string::npos);
    const auto parsed = parse_token(token);
    BOOST_REQUIRE(parsed.ok());
    BOOST_REQUIRE(parsed->told == f);
    BOOST_REQUIRE(parsed->purges == 0U);
    const auto purges = std::max<uint64_t>(1, g.number());
    const auto with = parse_token(to_token(f, purges));
    BOOST_REQUIRE(with.ok());
    BOOST_REQUIRE((*with == token_contents{f, purges}));
  }
}

BOOST_AUTO_TEST_CASE(a_token_of_a_library_without_a_purge_says_nothing_of_them) {
  BOOST_TEST(fault_of(parse_token("tkAA")) == "bad_request"); // purges 0
  BOOST_TEST(to_token({}, 1) == "tkAE");
  BOOST_TEST(parse_token("tkAE")->purges == 1U);
}

BOOST_AUTO_TEST_CASE(a_token_cut_or_lengthened_anywhere_is_refused) {
  const auto token = to_token({{{first, 300}, {second, 70'000}, {third, 1}}, {}});
  for (size_t size = 0; size < token.size(); ++size)
    BOOST_TEST(fault_of(parse_token(token.substr(0, size))) == "bad_request", size);
  for (char c : {'A', 'B', '_', '=', ' '})
    BOOST_TEST(fault_of(parse_token(token + c)) == "bad_request", c);
}

BOOST_AUTO_TEST_CASE(a_frontier_has_one_token) {
  // "kA" and "kB" hold the same byte 0x90: the low bits of the last character must be zero.
  BOOST_TEST(fault_of(parse_token("tkA")) == "none");
  BOOST_TEST(fault_of(parse_token("tkB")) == "bad_request");
}

BOOST_AUTO_TEST_CASE(other_text_is_refused) {
  for (std::string_view text : {"", "t", "x", "kA", "ukA", "t+/", "tkA==", "token"})
    BOOST_TEST(fault_of(parse_token(text)) == "bad_request", text);
}

BOOST_AUTO_TEST_CASE(the_message_about_a_bad_token_is_short_printable_text) {
  const auto message =
      parse_token(std::string("\xff\x01\"") + std::string(5000, 'x')).err().message;
  BOOST_TEST(message.size() < 200U);
  for (char c : message)
    BOOST_TEST((c >= ' ' && c <= '~'));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(member_sets)

BOOST_AUTO_TEST_CASE(merging_depends_on_no_order_and_no_repetition) {
  generator g(test_seed());
  for (int i = 0; i < 3000; ++i) {
    const auto a = overlapping_members(g);
    const auto b = overlapping_members(g);
    const auto c = overlapping_members(g);
    auto left = a;
    merge(left, b);
    merge(left, c);
    auto bc = c;
    merge(bc, b);
    auto right = bc;
    merge(right, a);
    BOOST_REQUIRE(left == right);
    BOOST_REQUIRE(!merge(left, a));
    BOOST_REQUIRE(!merge(left, left));
    auto again = a;
    BOOST_REQUIRE(merge(again, b) == (again != a));
  }
}

BOOST_AUTO_TEST_CASE(removal_wins_within_a_generation_and_a_new_generation_readmits) {
  const auto d = id_of<device_id>(1);
  member_set set{{d, {1, false, false, 0, "a:1", "a"}}};
  BOOST_TEST(is_member(set, d));
  BOOST_TEST(!is_member(set, id_of<device_id>(2)));
  merge(set, {{d, {1, true, false, 0, "a:1", "a"}}});
  BOOST_TEST(!is_member(set, d));
  merge(set, {{d, {1, false, false, 9, "b:2", "b"}}});
  BOOST_TEST(!is_member(set, d));
  BOOST_TEST(set[d].address == "b:2");
  merge(set, {{d, {2, false, false, 0, "c:3", "c"}}});
  BOOST_TEST(is_member(set, d));
  BOOST_TEST(set[d].address == "c:3");
  merge(set, {{d, {1, true, true, 99, "z:9", "z"}}});
  BOOST_TEST(is_member(set, d));
}

BOOST_AUTO_TEST_CASE(the_membership_hash_is_about_who_and_not_where) {
  const auto d = id_of<device_id>(1);
  const member_set base{{d, {1, false, false, 0, "a:1", "a"}}};
  const member_set moved{{d, {1, false, false, 5, "b:2", "b"}}};
  const member_set removed{{d, {1, true, false, 0, "a:1", "a"}}};
  const member_set readmitted{{d, {2, false, false, 0, "a:1", "a"}}};
  BOOST_TEST(membership_hash(base) == membership_hash(moved));
  BOOST_TEST(hash_of(base) != hash_of(moved));
  BOOST_TEST(membership_hash(base) != membership_hash(removed));
  BOOST_TEST(membership_hash(base) != membership_hash(readmitted));
  BOOST_TEST(membership_hash(base) != membership_hash({}));
}

BOOST_AUTO_TEST_CASE(a_device_twice_or_out_of_order_is_a_duplicate_key) {
  const auto one = encoded(member_set{{id_of<device_id>(1), {}}}).substr(1);
  const auto two = encoded(member_set{{id_of<device_id>(2), {}}}).substr(1);
  const auto read = [](reader& in) { read_member_set(in); };
  BOOST_TEST(fault_of("\x92" + one + two, read) == "none");
  BOOST_TEST(fault_of("\x92" + two + one, read) == "duplicate_key");
  BOOST_TEST(fault_of("\x92" + one + one, read) == "duplicate_key");
}

BOOST_AUTO_TEST_CASE(further_items_of_a_member_are_skipped_and_missing_ones_refused) {
  auto one = encoded(member_set{{id_of<device_id>(1), {}}}).substr(1);
  const auto read = [](reader& in) { BOOST_TEST(read_member_set(in).size() == 1U); };
  one[0] = '\x98';
  BOOST_TEST(fault_of("\x91" + one + hex("81a17893010203"), read) == "none");
  one[0] = '\x96';
  one.pop_back();
  BOOST_TEST(fault_of("\x91" + one, [](reader& in) { read_member_set(in); }) == "bad_value");
}

BOOST_AUTO_TEST_SUITE_END()
