#include "tests/nodes/tag_writer.hpp"

#include "tests/nodes/batches.hpp"

#include <boost/test/unit_test.hpp>

namespace shoal::nodes {

bool tag_writer::put(api& to) {
  const auto id = numbered_id(kind_, ++next_);
  last_ =
      to.put(record("tag", id), {{"canonical_name", "t"}, {"description", noise(random_, bytes_)}});
  if (!last_.ok())
    return false;
  acknowledged_.push_back(id);
  BOOST_TEST(stamps_.insert(last_.body["hlc"]).second, "a stamp came twice: " << last_.text);
  return true;
}

void tag_writer::put_until_refused(api& to, size_t most) {
  for (size_t n = 0; n < most && put(to); ++n) {
  }
}

void tag_writer::check(const std::string& exported) const {
  const auto records = by_id(exported);
  size_t missing = 0;
  for (const auto& id : acknowledged_)
    missing += records.contains(id) ? 0 : 1;
  BOOST_TEST(missing == 0U, missing << " of " << count() << " acknowledged writes are missing");
}

bool writes_again(node& n, tag_writer& tags, std::chrono::milliseconds limit) {
  return eventually(
      [&] {
        const auto said =
            json::parse(read_file(n.dir() / "run" / "endpoints.json"), nullptr, false);
        if (!n.running() || !said.is_object())
          return false;
        api at(said["api"], n.token());
        return tags.put(at);
      },
      limit);
}

} // namespace shoal::nodes
