#include "cli/client/import_order.hpp"
#include "cli/client/import_source.hpp"

#include <boost/test/unit_test.hpp>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <sstream>

namespace shoal::cli {

namespace {

line_keys put(uint64_t record, std::vector<uint64_t> parents = {}) {
  return {record, true, std::move(parents)};
}
line_keys removal(uint64_t record) { return {record, false, {}}; }

/// Line numbers in the order in which they are written; `left`: those that wait for ever.
std::vector<uint64_t> written(const std::vector<line_keys>& lines,
                              std::vector<uint64_t>* left = nullptr) {
  import_order order;
  for (const auto& keys : lines)
    order.survey(keys);
  order.end_survey();
  std::vector<line_place> now;
  for (size_t i = 0; i < lines.size(); ++i)
    order.take({i + 1, 0}, lines[i], now);
  std::vector<uint64_t> out;
  for (const auto& place : now)
    out.push_back(place.number);
  const auto rest = order.rest();
  BOOST_TEST(rest.empty() == (left == nullptr));
  if (left)
    for (const auto& place : rest)
      left->push_back(place.number);
  return out;
}

void is(const std::vector<uint64_t>& got, const std::vector<uint64_t>& expected) {
  BOOST_TEST(got == expected, boost::test_tools::per_element());
}

} // namespace

BOOST_AUTO_TEST_SUITE(import_orders)

BOOST_AUTO_TEST_CASE(lines_in_order_stay_where_they_are) {
  is(written({put(1), put(2, {1}), put(3, {2}), removal(2), removal(1), put(4, {99})}),
     {1, 2, 3, 4, 5, 6});
}

BOOST_AUTO_TEST_CASE(children_come_right_after_a_parent_that_comes_later) {
  is(written({put(1, {3}), put(2), put(3, {4}), put(4), put(5)}), {2, 4, 3, 1, 5});
}

BOOST_AUTO_TEST_CASE(a_line_waits_for_all_of_its_parents) {
  is(written({put(1, {7, 8, 9}), put(7), put(9), put(8)}), {2, 3, 4, 1});
}

BOOST_AUTO_TEST_CASE(the_lines_of_one_record_keep_their_order) {
  // 1 waits for 9; its delete and what it becomes later wait with it, and so does its child.
  is(written({put(1, {9}), removal(1), put(1), put(5, {1}), put(9)}), {5, 1, 2, 3, 4});
  is(written({put(1, {8}), put(1, {9}), put(9), put(8)}), {3, 4, 1, 2});
}

BOOST_AUTO_TEST_CASE(a_delete_is_no_parent_to_wait_for) {
  is(written({put(1, {9}), removal(9)}), {1, 2});
}

BOOST_AUTO_TEST_CASE(a_record_below_itself_waits_for_nothing) { is(written({put(1, {1})}), {1}); }

BOOST_AUTO_TEST_CASE(lines_that_wait_for_each_other_come_last_in_file_order) {
  std::vector<uint64_t> left;
  is(written({put(1, {2}), put(3), put(2, {1})}, &left), {2});
  is(left, {1, 3});
}

BOOST_AUTO_TEST_CASE(any_shuffled_forest_comes_parents_first_and_whole) {
  const char* given = getenv("SHOAL_SEED");
  const uint64_t seed = given != nullptr ? strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "SHOAL_SEED=" << seed << "\n";
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round)
    BOOST_TEST_CONTEXT("seed " << seed << ", round " << round) {
      const uint64_t n = 1 + random() % 60;
      std::vector<line_keys> lines;
      for (uint64_t r = 1; r <= n; ++r) {
        lines.push_back(put(r));
        for (uint64_t p = r == 1 ? 0 : random() % 4; p > 0; --p)
          lines.back().parents.push_back(1 + random() % (r - 1)); // earlier: no circle
      }
      std::shuffle(lines.begin(), lines.end(), random);
      const auto got = written(lines);
      BOOST_REQUIRE(got.size() == n);
      std::map<uint64_t, size_t> place;
      for (size_t i = 0; i < got.size(); ++i)
        place[lines[got[i] - 1].record] = i;
      BOOST_REQUIRE(place.size() == n);
      for (const auto& line : lines)
        for (const auto parent : line.parents)
          BOOST_REQUIRE(place[parent] < place[line.record]);
    }
}

BOOST_AUTO_TEST_CASE(a_records_key_knows_its_model_and_not_how_its_id_is_written) {
  const std::string id = "0b7d2c9e-8f5a-4a51-9a3c-6d1e0c5b7f42";
  const std::string loud = "0B7D2C9E-8F5A-4A51-9A3C-6D1E0C5B7F42";
  BOOST_TEST(record_key("entry", id) == record_key("entry", loud));
  BOOST_TEST(record_key("entry", id) != record_key("location", id));
  BOOST_TEST(record_key("entry", "x") != record_key("entry", "y"));
}

BOOST_AUTO_TEST_CASE(a_source_gives_its_lines_twice_and_any_of_them_again) {
  std::string text;
  std::vector<std::string> lines;
  for (size_t i = 0; i < 3000; ++i)
    lines.push_back(std::string(i % 7 == 0 ? 5000 : i % 11, static_cast<char>('a' + i % 26)));
  for (const auto& line : lines)
    text += line + "\n";
  text += "the last, without an end";
  lines.emplace_back("the last, without an end");
  std::istringstream in(text);
  auto source = import_source::spool(in);
  BOOST_REQUIRE(source.ok());
  BOOST_TEST(source->bytes() == text.size());
  std::vector<uint64_t> offsets;
  std::string line;
  for (int pass = 0; pass < 2; ++pass) {
    for (const auto& expected : lines) {
      BOOST_REQUIRE(source->next(line));
      BOOST_REQUIRE(line == expected);
      offsets.push_back(source->offset());
    }
    BOOST_TEST(!source->next(line));
    BOOST_TEST(!source->failed());
    source->rewind();
  }
  BOOST_REQUIRE(source->next(line));
  for (size_t i = lines.size(); i-- > 0;)
    BOOST_REQUIRE(source->line_at(offsets[i]) == lines[i]);
  BOOST_REQUIRE(source->next(line)); // has not moved
  BOOST_TEST(line == lines[1]);
}

BOOST_AUTO_TEST_CASE(an_empty_source_has_no_line_and_a_folder_is_none) {
  std::istringstream in("");
  auto source = import_source::spool(in);
  std::string line;
  BOOST_TEST(!source->next(line));
  BOOST_TEST(!import_source::open(std::filesystem::temp_directory_path()).ok());
  BOOST_TEST(!import_source::open("/nonexistent/file").ok());
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli
