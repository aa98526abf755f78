// Status codes and metrics of a real node.

#include "tests/nodes/cluster.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>

namespace shoal::nodes {

namespace {

struct two_running : cluster {
  two_running() : cluster(2) {
    start();
    BOOST_REQUIRE(converge());
  }
  node& a() { return (*this)[0]; }
  node& b() { return (*this)[1]; }
};

struct two_nodes : two_running {
  api at_a = a().client();
  api at_b = b().client();
};

const std::string some_id = "11111111-2222-4333-8444-555555555555";

void refused(const answer& got, int status, const std::string& code) {
  BOOST_TEST(got.status == status, got.text);
  BOOST_TEST(got.error() == code, got.text);
}

} // namespace

BOOST_AUTO_TEST_SUITE(http)

BOOST_FIXTURE_TEST_CASE(everything_but_health_wants_the_token, two_nodes) {
  api nobody(a().url(), "");
  api impostor(a().url(), b().token());
  BOOST_TEST(nobody.get("/healthz").status == 200);
  for (const auto& path :
       {std::string("/metrics"), std::string("/readyz"), std::string("/v1/status"), lab_path(),
        lab_path("/export"), record("tag", some_id)}) {
    BOOST_TEST(nobody.get(path).status == 401, path);
    BOOST_TEST(impostor.get(path).status == 401, path);
  }
  refused(nobody.put(record("tag", "new"), {{"canonical_name", "x"}}), 401, "unauthorized");
  BOOST_TEST(at_a.get(lab_path("/records/tag")).body["items"].empty());
}

BOOST_FIXTURE_TEST_CASE(a_record_of_another_device_is_not_to_be_written, two_nodes) {
  const auto made = at_a.put(record("entry", "new"), {{"name", "x"}, {"kind", "file"}});
  BOOST_REQUIRE(made.ok());
  const auto path = record("entry", made.body["id"]);
  BOOST_REQUIRE(converge());
  refused(at_b.put(path, {{"size", 1}}), 403, "not_owner");
  refused(at_b.remove(path), 403, "not_owner");
  BOOST_TEST(at_b.get(path).body["owner"] == a().device());
  const auto own = record("device", a().device());
  refused(at_a.put(own, {{"os", "Plan 9"}}), 403, "managed");
  BOOST_TEST(at_a.put(own, {{"name", "a new name"}}).ok());
  refused(at_b.put(own, {{"name", "theirs"}}), 403, "not_owner");
  BOOST_REQUIRE(converge());
  BOOST_TEST(at_b.get(own).body["fields"]["name"] == "a new name");
}

BOOST_FIXTURE_TEST_CASE(wrong_writes_are_refused_by_name_and_change_nothing, two_nodes) {
  const auto before = exported(0);
  refused(at_a.put(record("nonsense", "new"), {{"x", 1}}), 404, "unknown_model");
  refused(at_a.get("/v1/libraries/none/records/tag"), 404, "unknown_library");
  refused(at_a.get(record("tag", some_id)), 404, "not_found");
  refused(at_a.remove(record("tag", some_id)), 404, "not_found");
  const std::vector<std::pair<json, std::string>> wrong = {
      {{{"canonical_name", 5}}, "canonical_name"},
      {{{"canonical_name", "x"}, {"colour", "red"}}, "colour"},
      {{{"color", "red"}}, "canonical_name"}, // an insert without what is required
      {{{"canonical_name", nullptr}}, "canonical_name"},
      {{{"canonical_name", "x"}, {"created_by", "not a uuid"}}, "created_by"},
  };
  for (const auto& [body, field] : wrong) {
    const auto got = at_a.put(record("tag", "new"), body);
    BOOST_TEST(got.status == 422, body.dump() << " gave " << got.text);
    BOOST_TEST(got.text.find(field) != std::string::npos, got.text);
  }
  refused(
      at_a.put(record("entry", "new"), {{"name", "x"}, {"kind", "file"}, {"parent_id", some_id}}),
      422, "missing_parent");
  BOOST_TEST(at_a.send("PUT", record("tag", "new"), "{nonsense").status == 400);
  BOOST_TEST(
      at_a.put(record("tag", "new"), {{"canonical_name", std::string(1'100'000, 'x')}}).status
      == 413);
  BOOST_TEST(exported(0) == before);
}

BOOST_FIXTURE_TEST_CASE(a_batch_is_written_whole_or_not_at_all, two_nodes) {
  json ops = json::array();
  for (int n = 0; n < 100; ++n)
    ops.push_back({{"model", "tag"}, {"id", "new"}, {"fields", {{"canonical_name", "t"}}}});
  auto broken = ops;
  broken.push_back({{"model", "tag"}, {"id", "new"}, {"fields", {{"canonical_name", 1}}}});
  const auto got = at_a.post(lab_path("/batch"), {{"ops", broken}});
  BOOST_TEST(got.status == 422);
  BOOST_TEST(got.text.find("100") != std::string::npos, got.text); // names the op
  BOOST_TEST(at_a.get(lab_path("/records/tag")).body["items"].empty());
  const auto whole = at_a.post(lab_path("/batch"), {{"ops", ops}});
  BOOST_REQUIRE(whole.ok());
  BOOST_TEST(whole.body["results"].size() == 100U);
  BOOST_TEST(!whole.body["token"].get<std::string>().empty());
  json many = json::array();
  for (int n = 0; n < 10'001; ++n)
    many.push_back({{"model", "tag"}, {"id", "new"}, {"fields", {{"canonical_name", "t"}}}});
  BOOST_TEST(at_a.post(lab_path("/batch"), {{"ops", many}}).status == 413);
  BOOST_REQUIRE(converge());
  BOOST_TEST(at_b.get(lab_path("/records/tag?limit=1000")).body["items"].size() == 100U);
}

BOOST_FIXTURE_TEST_CASE(a_repeated_idempotency_key_is_one_write_also_after_kill_nine, two_nodes) {
  const std::map<std::string, std::string> key{{"Idempotency-Key", "once-1"}};
  const auto first = at_a.put(record("tag", "new"), {{"canonical_name", "x"}}, key);
  BOOST_REQUIRE(first.ok());
  const auto again = at_a.put(record("tag", "new"), {{"canonical_name", "x"}}, key);
  BOOST_REQUIRE(again.ok());
  BOOST_TEST(again.body["id"] == first.body["id"]);
  BOOST_TEST(again.body["seq"] == first.body["seq"]);
  refused(at_a.put(record("tag", "new"), {{"canonical_name", "y"}}, key), 409, "conflict");
  a().kill9();
  a().start();
  at_a = a().client();
  const auto later = at_a.put(record("tag", "new"), {{"canonical_name", "x"}}, key);
  BOOST_TEST(later.ok(), later.text);
  BOOST_TEST(later.body.value("id", "") == first.body["id"]);
  BOOST_TEST(at_a.get(lab_path("/records/tag")).body["items"].size() == 1U);
}

BOOST_AUTO_TEST_CASE(readiness_comes_when_the_node_has_caught_up) {
  cluster lab(2);
  lab[1].start(); // alone: nobody answers for one dial round
  auto alone = lab[1].client();
  const auto early = alone.get("/readyz?library=lab");
  BOOST_TEST(early.status == 503);
  BOOST_TEST(early.text.find("lab") != std::string::npos, early.text);
  BOOST_TEST(alone.get("/healthz").status == 200);
  BOOST_TEST(alone.put(record("tag", "new"), {{"canonical_name", "served in every state"}}).ok());
  BOOST_TEST(eventually([&] { return alone.get("/readyz?library=lab").status == 200; }, 8s));
  BOOST_TEST(alone.get("/readyz").status == 200);
  BOOST_TEST(alone.get("/readyz?library=none").status == 404);
}

BOOST_FIXTURE_TEST_CASE(metrics_are_prometheus_text_and_count_exactly, two_nodes) {
  const auto writes = [&](api& at) {
    return metric(at.get("/metrics").text, "shoal_writes_total", {"library=\"lab\""}).value_or(-1);
  };
  const auto before = writes(at_a);
  for (int n = 0; n < 7; ++n)
    BOOST_TEST(at_a.put(record("tag", "new"), {{"canonical_name", "x"}}).ok());
  json ops = json::array();
  for (int n = 0; n < 5; ++n)
    ops.push_back({{"model", "tag"}, {"id", "new"}, {"fields", {{"canonical_name", "y"}}}});
  BOOST_TEST(at_a.post(lab_path("/batch"), {{"ops", ops}}).ok());
  BOOST_TEST(at_a.put(record("tag", "new"), {{"nothing", 1}}).status == 422); // counts nothing
  BOOST_TEST(writes(at_a) - before == 12);
  BOOST_REQUIRE(converge());
  const auto text = at_b.get("/metrics").text;
  for (const char* name :
       {"shoal_writes_total", "shoal_ops_sent_total", "shoal_ops_received_total",
        "shoal_ops_applied_total", "shoal_ops_rejected_total", "shoal_bytes_sent_total",
        "shoal_bytes_received_total", "shoal_peer_connected", "shoal_log_entries", "shoal_state",
        "shoal_tombstones", "shoal_deadletter_ops", "shoal_hlc_drift_seconds",
        "shoal_digest_mismatch_total", "shoal_conflicts_total", "shoal_peer_behind_ops",
        "shoal_backfill_progress_ratio"})
    BOOST_TEST(metric(text, name).has_value(), name << " is missing");
  for (const char* name :
       {"shoal_commit_seconds", "shoal_apply_seconds", "shoal_broadcast_seconds"})
    BOOST_TEST(metric(text, std::string(name) + "_count").has_value(), name << " is missing");
  BOOST_TEST(metric(text, "shoal_ops_applied_total", {"library=\"lab\""}).value_or(0) >= 12);
  BOOST_TEST(metric(text, "shoal_peer_connected", {a().device()}).value_or(0) == 1);
  BOOST_TEST(metric(text, "shoal_digest_mismatch_total").value_or(1) == 0);
  // Every line is a comment or `name{labels} number`.
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#')
      continue;
    const auto space = line.rfind(' ');
    BOOST_REQUIRE(space != std::string::npos);
    char* end = nullptr;
    std::strtod(line.c_str() + space, &end);
    BOOST_TEST(*end == '\0', line);
    BOOST_TEST(line.starts_with("shoal_"), line);
  }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::nodes
