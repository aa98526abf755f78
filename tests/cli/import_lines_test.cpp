#include "cli/client/import_lines.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

namespace shoal::cli {

BOOST_AUTO_TEST_SUITE(import_lines)

BOOST_AUTO_TEST_CASE(a_line_of_an_export_becomes_a_write_anew) {
  const auto op = op_of_line(
      R"({"model":"tag","id":"x","owner":null,"origin":"d","seq":17,"hlc":"h","deleted":false,)"
      R"("fields":{"b":1,"a":"é"}})");
  BOOST_REQUIRE(op.ok());
  BOOST_TEST(*op == R"({"model":"tag","id":"x","fields":{"b":1,"a":"é"}})");
}

BOOST_AUTO_TEST_CASE(a_line_may_delete) {
  BOOST_TEST(*op_of_line(R"({"model":"tag","id":"x","delete":true})")
             == R"({"model":"tag","id":"x","delete":true})");
}

BOOST_AUTO_TEST_CASE(any_other_line_is_refused) {
  for (const char* line :
       {"", "x", "[]", "17", R"({"id":"x","fields":{}})", R"({"model":"tag","fields":{}})",
        R"({"model":"tag","id":7,"fields":{}})", R"({"model":"tag","id":"x"})",
        R"({"model":"tag","id":"x","fields":[]})", R"({"model":"tag","id":"x","delete":false})",
        R"({"model":"tag","id":"x","delete":true,"fields":{}})",
        R"({"model":"tag","id":"x","fields":{}} {})"})
    BOOST_TEST(!op_of_line(line).ok(), line);
}

/// Sends `count` ops of which those in `bad` are refused; returns the requests it took.
size_t send(size_t count, const std::set<size_t>& bad, std::vector<size_t>& taken,
            std::vector<size_t>& refused) {
  std::vector<numbered_op> ops;
  for (size_t i = 0; i < count; ++i)
    ops.push_back({i, std::to_string(i)});
  size_t requests = 0;
  const auto result = send_around_bad_ones(
      ops,
      [&](const std::string& body, size_t size) {
        ++requests;
        const auto sent = json::parse(body)["ops"];
        BOOST_TEST(sent.size() == size);
        for (const auto& op : sent)
          if (bad.contains(op.get<size_t>()))
            return batch_outcome{verdict::refused, "bad"};
        for (const auto& op : sent)
          taken.push_back(op.get<size_t>());
        return batch_outcome{verdict::taken, {}};
      },
      [&](const numbered_op& op, const std::string& problem) {
        BOOST_TEST(problem == "bad");
        refused.push_back(op.line);
      });
  BOOST_TEST((result.how == verdict::taken));
  return requests;
}

BOOST_AUTO_TEST_CASE(a_good_group_is_one_request) {
  std::vector<size_t> taken;
  std::vector<size_t> refused;
  BOOST_TEST(send(500, {}, taken, refused) == 1U);
  BOOST_TEST(taken.size() == 500U);
  BOOST_TEST(send(0, {}, taken, refused) == 0U);
}

BOOST_AUTO_TEST_CASE(every_good_line_goes_in_and_in_order_around_bad_ones) {
  const std::vector<std::set<size_t>> cases = {
      {0}, {499}, {250}, {3, 4, 499}, {0, 1, 2, 3, 4, 5, 6, 7}};
  for (const auto& bad : cases) {
    std::vector<size_t> taken;
    std::vector<size_t> refused;
    const size_t requests = send(500, bad, taken, refused);
    BOOST_TEST(taken.size() == 500 - bad.size());
    BOOST_TEST(std::is_sorted(taken.begin(), taken.end()));
    BOOST_TEST(std::set<size_t>(refused.begin(), refused.end()) == bad,
               boost::test_tools::per_element());
    BOOST_TEST(requests <= 1 + 18 * bad.size());
  }
}

BOOST_AUTO_TEST_CASE(a_node_that_is_gone_is_asked_once) {
  size_t requests = 0;
  const auto result = send_around_bad_ones(
      {{1, "1"}, {2, "2"}},
      [&](const std::string&, size_t) {
        ++requests;
        return batch_outcome{verdict::broken, "gone"};
      },
      [](const numbered_op&, const std::string&) { BOOST_ERROR("no line is to blame"); });
  BOOST_TEST((result.how == verdict::broken));
  BOOST_TEST(result.problem == "gone");
  BOOST_TEST(requests == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::cli
