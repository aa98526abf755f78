// Values that stay on one node.

#include "store/sync/records.hpp"
#include "tests/sim/replica_node.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::sim;

namespace {

edit tag(uint64_t n, const std::string& seen = {}) {
  edit e;
  e.model = "tag";
  e.id = tag_id(n);
  e.fields = {lww("name", encoded("x"))};
  if (!seen.empty())
    e.local.emplace_back("seen", encoded(seen));
  return e;
}
edit only_local(uint64_t n, std::string value) {
  edit e = tag(n);
  e.fields.clear();
  e.missing_required = {"name"};
  e.local.emplace_back("seen", std::move(value));
  return e;
}
edit removal(edit e) {
  e.fields.clear();
  e.local.clear();
  e.remove = true;
  return e;
}

/// What a client is shown of a record's local field; empty when there is none.
std::string seen(const replica_node& n, const edit& of) {
  auto r = get_record(n.disk, of.cls, of.model, of.id);
  BOOST_REQUIRE((r.ok() && *r));
  BOOST_TEST(!(*r)->fields.contains("seen")); // what an export and a peer get
  BOOST_REQUIRE(add_local(n.disk, **r).ok());
  const auto it = (*r)->fields.find("seen");
  if (it == (*r)->fields.end())
    return {};
  reader in(it->second);
  return std::string(in.str(1000, "seen"));
}

} // namespace

BOOST_AUTO_TEST_SUITE(local_fields)

BOOST_AUTO_TEST_CASE(they_are_shown_here_and_known_to_nobody_else) {
  replica_node a(0);
  replica_node b(1);
  BOOST_REQUIRE(b.apply({a.write(tag(1, "here"))}).ok());
  BOOST_REQUIRE(b.try_write({only_local(1, encoded("there"))}).ok());
  BOOST_TEST(seen(a, tag(1)) == "here");
  BOOST_TEST(seen(b, tag(1)) == "there");
  BOOST_TEST((a.now().digest == b.now().digest));
  BOOST_TEST((a.data->held() == b.data->held())); // not even that something was written
  a.reopen(8);
  BOOST_TEST(seen(a, tag(1)) == "here");
  const auto cleared = a.try_write({only_local(1, "\xc0")});
  BOOST_REQUIRE(cleared.ok());
  BOOST_TEST(cleared->results.front().seq == 1U); // of the record as it stands
  BOOST_TEST(cleared->covered.count == 0U);
  BOOST_TEST(seen(a, tag(1)).empty());
}

BOOST_AUTO_TEST_CASE(a_batch_with_edits_that_say_nothing_to_others_is_whole_for_them) {
  replica_node a(0);
  replica_node b(1);
  const auto made = a.try_write({tag(1), only_local(1, encoded("x")), tag(2, "y")});
  BOOST_REQUIRE(made.ok());
  BOOST_TEST(made->results.size() == 3U);
  BOOST_TEST(made->covered.count == 2U);
  const auto ops = decode_ops(made->covered);
  BOOST_REQUIRE((ops.ok() && ops->size() == 2U));
  BOOST_TEST(ops->front().decoded.batch_rest == 1U);
  BOOST_TEST(ops->back().decoded.batch_rest == 0U);
  BOOST_REQUIRE(b.apply({made->covered}).ok());
  BOOST_TEST((a.now().digest == b.now().digest));
  BOOST_TEST(seen(a, tag(1)) == "x");
}

BOOST_AUTO_TEST_CASE(they_need_a_record_and_a_batch_that_fails_leaves_none) {
  replica_node a(0);
  const auto refused = a.try_write({only_local(1, encoded("x"))});
  BOOST_TEST((refused.err().code == ec::missing_field));
  BOOST_TEST(a.data->held().empty());
  a.write(tag(1));
  BOOST_TEST(!a.try_write({only_local(1, encoded("x")), only_local(2, encoded("x"))}).ok());
  BOOST_TEST(seen(a, tag(1)).empty());
  const auto large = a.try_write({only_local(1, encoded(std::string(2 << 20, 'x')))});
  BOOST_TEST((large.err().code == ec::too_big));
}

BOOST_AUTO_TEST_CASE(they_go_with_their_record_whoever_deletes_it) {
  replica_node a(0);
  replica_node b(1);
  BOOST_REQUIRE(b.apply({a.write(tag(1, "x"))}).ok());
  BOOST_REQUIRE(b.try_write({only_local(1, encoded("y"))}).ok());
  a.fetch(b, b.stream);
  const auto gone = b.write(removal(tag(1)));
  const auto again = b.write(tag(1));
  BOOST_REQUIRE(a.apply({gone}).ok());
  BOOST_REQUIRE(a.apply({again}).ok());
  BOOST_TEST(seen(a, tag(1)).empty());
  BOOST_TEST(seen(b, tag(1)).empty());
}

BOOST_AUTO_TEST_CASE(they_go_with_a_record_that_a_cascade_takes) {
  replica_node a(0);
  edit folder;
  folder.cls = record_class::owned;
  folder.model = "location";
  folder.id = owned_id(0, 1);
  folder.fields = {lww("name", encoded("f"))};
  edit file = folder;
  file.model = "entry";
  file.id = owned_id(0, 2);
  auto& parent = file.fields.emplace_back(lww("parent", encoded(folder.id)));
  parent.kind = field_kind::parent;
  parent.parent_model = "location";
  file.local.emplace_back("seen", encoded("x"));
  a.write(folder);
  a.write(file);
  BOOST_TEST(seen(a, file) == "x");
  a.write(removal(folder));
  a.write(folder);
  file.local.clear();
  a.write(file);
  BOOST_TEST(seen(a, file).empty());
}

BOOST_AUTO_TEST_SUITE_END()
