// What goes when repeated writes travel together, and what stays.

#include "actors/protocol/coalesce.hpp"

#include <boost/test/unit_test.hpp>

using namespace shoal;
using namespace shoal::protocol;

namespace {

device_id origin() {
  device_id d;
  d.bytes.fill(7);
  return d;
}

struct story {
  range r;
  std::vector<uint64_t> seqs;

  story() { r.stream = {origin(), 5}; }
  story& add(op_kind kind, uint8_t record, std::vector<std::string> fields,
             record_class cls = record_class::owned) {
    op o;
    o.seq = ++r.to;
    o.stamp = {o.seq, 0, origin()};
    o.cls = cls;
    o.kind = kind;
    o.model = "entry";
    o.id.bytes.fill(record);
    for (auto& name : fields) {
      field_op f;
      f.name = std::move(name);
      f.value = std::string(1, static_cast<char>(o.seq));
      o.fields.push_back(std::move(f));
    }
    r.ops += encode_op(o);
    ++r.count;
    return *this;
  }
  std::vector<uint64_t> left() {
    const auto outlined = coalesce(r);
    std::vector<uint64_t> out;
    const auto ops = decode_ops(r);
    BOOST_REQUIRE(outlined.size() == ops->size());
    for (size_t i = 0; i < ops->size(); ++i) {
      const auto& o = (*ops)[i];
      out.push_back(o.decoded.seq);
      BOOST_TEST(outlined[i].bytes == o.bytes.size());
      BOOST_TEST(outlined[i].owned == (o.decoded.cls == record_class::owned));
    }
    return out;
  }
};

constexpr auto insert = op_kind::insert;
constexpr auto update = op_kind::update;
constexpr auto remove_ = op_kind::remove;
using seqs = std::vector<uint64_t>;

} // namespace

BOOST_AUTO_TEST_SUITE(coalescing)

BOOST_AUTO_TEST_CASE(of_repeated_updates_the_last_stands_and_the_range_says_so) {
  story s;
  s.add(insert, 1, {"name", "size"}).add(update, 1, {"size"}).add(update, 2, {"size"});
  s.add(update, 1, {"size"});
  BOOST_TEST((s.left() == seqs{1, 3, 4}));
  BOOST_TEST((s.r.until == frontier{{s.r.stream, 4}}));
  BOOST_TEST(s.r.log_complete);
}

BOOST_AUTO_TEST_CASE(an_update_of_another_field_stays) {
  story s;
  s.add(update, 1, {"name", "size"}).add(update, 1, {"size"});
  BOOST_TEST((s.left() == seqs{1, 2}));
  BOOST_TEST(s.r.until.empty());
}

BOOST_AUTO_TEST_CASE(fields_written_by_several_later_updates_count_together) {
  story s;
  s.add(update, 1, {"name", "size"}).add(update, 1, {"size"}).add(update, 1, {"name"});
  BOOST_TEST((s.left() == seqs{2, 3}));
}

BOOST_AUTO_TEST_CASE(a_delete_takes_what_was_before_it_and_stays_itself) {
  story s;
  s.add(insert, 1, {"name"}).add(update, 1, {"size"}).add(remove_, 1, {});
  s.add(insert, 1, {"name"});
  BOOST_TEST((s.left() == seqs{3, 4}));
}

BOOST_AUTO_TEST_CASE(an_insert_stays_before_updates_that_name_all_its_fields) {
  story s;
  s.add(insert, 1, {"name"}).add(update, 1, {"name"});
  BOOST_TEST((s.left() == seqs{1, 2}));
}

BOOST_AUTO_TEST_CASE(shared_ops_all_stay) {
  story s;
  s.add(update, 1, {"name"}, record_class::shared).add(update, 1, {"name"}, record_class::shared);
  BOOST_TEST((s.left() == seqs{1, 2}));
}

BOOST_AUTO_TEST_CASE(a_range_with_an_op_that_cannot_be_read_stays_as_it_is_and_is_outlined_whole) {
  const auto bytes_of = [](const std::vector<op_outline>& ops) {
    size_t bytes = 0;
    for (const auto& o : ops)
      bytes += o.bytes;
    return bytes;
  };
  story s;
  s.add(update, 1, {"name"}).add(update, 1, {"name"});
  auto cut = s.r;
  cut.ops.pop_back();
  auto unknown = s.r;
  unknown.ops += "\x91\x03"; // an op of nothing but its seq
  unknown.to = ++unknown.count;
  for (auto& r : {cut, unknown}) {
    auto same = r;
    const auto ops = coalesce(same);
    BOOST_TEST((same == r));
    BOOST_TEST(ops.size() == r.count);
    BOOST_TEST(bytes_of(ops) == r.ops.size());
    BOOST_TEST(ops.front().owned);
    BOOST_TEST(!ops.back().owned);
  }
}

BOOST_AUTO_TEST_SUITE_END()
