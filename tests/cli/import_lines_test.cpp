#include "cli/client/import_lines.hpp"
#include "tests/cli/answered_models.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

namespace shoal::cli {

BOOST_AUTO_TEST_SUITE(import_lines)

namespace {

import_models known() { return import_models::of(json::parse(answered_models)); }

result<import_op> op_of(std::string_view line) { return op_of_line(line, known()); }

} // namespace

BOOST_AUTO_TEST_CASE(a_line_of_an_export_becomes_a_write_anew) {
  const auto op = op_of(
      R"({"model":"tag","id":"x","owner":null,"origin":"d","seq":17,"hlc":"h","deleted":false,)"
      R"("fields":{"b":1,"a":"é"}})");
  BOOST_REQUIRE(op.ok());
  BOOST_TEST(op->text == R"({"model":"tag","id":"x","fields":{"b":1,"a":"é"}})");
  BOOST_TEST(!op->ordered);
}

// Found by the fuzzer: nlohmann's value() throws on what is no object.
BOOST_AUTO_TEST_CASE(an_answer_about_models_that_is_none_is_left_out_and_never_thrown_over) {
  for (const auto* answer :
       {R"(5)", R"([1])", R"({"items":[1,null,"tag"]})", R"({"items":[{"name":"t","fields":5}]})",
        R"({"items":[{"name":"t","fields":[3]}]})",
        R"({"items":[{"name":"t","fields":[{"name":"f","cascades":"x"}]}]})"})
    BOOST_CHECK_NO_THROW(import_models::of(json::parse(answer)));
  const auto some = import_models::of(
      json::parse(R"({"items":[7,{"name":"t","fields":[3,{"name":"n","merge":"counter"}]}]})"));
  BOOST_REQUIRE(some.find("t") != nullptr);
  BOOST_TEST(some.find("t")->counters.contains("n"));
}

BOOST_AUTO_TEST_CASE(a_line_may_delete) {
  BOOST_TEST(op_of(R"({"model":"tag","id":"x","delete":true})")->text
             == R"({"model":"tag","id":"x","delete":true})");
}

BOOST_AUTO_TEST_CASE(an_exported_counter_is_set_and_a_written_one_left_as_it_is) {
  BOOST_TEST(op_of(R"({"model":"tag","id":"x","hlc":"h","fields":{"uses":7}})")->text
             == R"({"model":"tag","id":"x","fields":{"uses":{"$set":7}}})");
  BOOST_TEST(op_of(R"({"model":"tag","id":"x","fields":{"uses":7}})")->text
             == R"({"model":"tag","id":"x","fields":{"uses":7}})"); // for the node to refuse
}

BOOST_AUTO_TEST_CASE(a_device_of_an_export_is_left_out_and_one_written_by_hand_is_not) {
  BOOST_TEST(op_of(R"({"model":"device","id":"x","hlc":"h","fields":{"os":"Linux"}})")->text == "");
  BOOST_TEST(op_of(R"({"model":"device","id":"x","fields":{"os":"Linux"}})")->text != "");
}

BOOST_AUTO_TEST_CASE(cascading_fields_say_what_a_line_has_to_wait_for) {
  const auto op =
      op_of(R"({"model":"entry","id":"e","fields":{"location_id":"l","parent_id":null}})");
  BOOST_TEST(op->ordered);
  BOOST_TEST(op->keys.writes);
  BOOST_TEST(op->keys.record == record_key("entry", "e"));
  BOOST_TEST(op->keys.parents == std::vector<uint64_t>{record_key("location", "l")},
             boost::test_tools::per_element());
  BOOST_TEST(op_of(R"({"model":"location","id":"l","fields":{}})")->ordered);
  BOOST_TEST(op_of(R"({"model":"entry","id":"new","fields":{}})")->keys.record == 0U);
  BOOST_TEST(!op_of(R"({"model":"entry","id":"e","delete":true})")->keys.writes);
}

BOOST_AUTO_TEST_CASE(any_other_line_is_refused) {
  for (const char* line :
       {"", "x", "[]", "17", R"({"id":"x","fields":{}})", R"({"model":"tag","fields":{}})",
        R"({"model":"tag","id":7,"fields":{}})", R"({"model":"tag","id":"x"})",
        R"({"model":"tag","id":"x","fields":[]})", R"({"model":"tag","id":"x","delete":false})",
        R"({"model":"tag","id":"x","delete":true,"fields":{}})",
        R"({"model":"tag","id":"x","fields":{}} {})"})
    BOOST_TEST((op_of(line).err().code == ec::bad_request), line);
  BOOST_TEST((op_of(R"({"model":"gat","id":"x","fields":{}})").err().code == ec::unknown_model));
}

BOOST_AUTO_TEST_CASE(the_index_of_an_op_is_read_and_taken_out_of_the_problem) {
  std::string problem = "invalid_field: ops[17]: tag.x: no such field";
  BOOST_TEST(take_op_index(problem).value() == 17U);
  BOOST_TEST(problem == "invalid_field: tag.x: no such field");
  for (std::string other : {"not_found: x", "a: ops[]: x", "a: ops[1", "a: ops[-1]: x"}) {
    const auto before = other;
    BOOST_TEST(!take_op_index(other).has_value(), other);
    BOOST_TEST(other == before);
  }
}

BOOST_AUTO_TEST_CASE(an_op_that_the_node_names_costs_no_search) {
  std::vector<numbered_op> ops;
  for (size_t i = 0; i < 500; ++i)
    ops.push_back({i, std::to_string(i)});
  size_t requests = 0;
  size_t taken = 0;
  std::vector<uint64_t> refused;
  const auto result = send_around_bad_ones(
      ops,
      [&](const std::string& body, size_t size) {
        ++requests;
        const auto sent = json::parse(body)["ops"];
        for (size_t i = 0; i < sent.size(); ++i)
          if (const auto n = sent[i].get<size_t>(); n == 0 || n == 250 || n == 499)
            return batch_outcome{verdict::refused, "x: ops[" + std::to_string(i) + "]: bad"};
        taken += size;
        return batch_outcome{verdict::taken, {}};
      },
      [&](const numbered_op& op, const std::string& problem) {
        BOOST_TEST(problem == "x: bad");
        refused.push_back(op.line);
      });
  BOOST_TEST((result.how == verdict::taken));
  BOOST_TEST(taken == 497U);
  BOOST_TEST(refused == (std::vector<uint64_t>{0, 250, 499}), boost::test_tools::per_element());
  BOOST_TEST(requests <= 6U);
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
