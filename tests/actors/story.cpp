#include "tests/actors/story.hpp"

#include "store/sync/records.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>

namespace shoal::test {
namespace {

constexpr uint64_t contested = 4; // records that everybody writes; their numbers come first
constexpr uint64_t own_from = 100;

void write_something(lab& l, size_t n, uint64_t number) {
  auto& random = l.random();
  const auto name = "name " + std::to_string(number);
  switch (random.below(4)) {
  case 0: return l.write(n, {tag_edit(random.below(contested), name, "by " + std::to_string(n))});
  case 1:
    return l.write(n, random.chance(300) ? std::vector{remove_edit(random.below(contested))}
                                         : std::vector{volume_edit(own_from + number, name)});
  case 2: // an atomic batch
    return l.write(n, {tag_edit(own_from + number, name, "one"),
                       tag_edit(own_from + 100'000 + number, name, "two")});
  default: return l.write(n, {tag_edit(own_from + number, name, "own")});
  }
}

bool is_own(const edit& e) { return number_of(e.id) >= own_from; }

} // namespace

void clients_write(lab& l, size_t writes, uint64_t us) {
  for (size_t i = 0; i < writes; ++i)
    l.at(l.random().below(us), [&l, i] { write_something(l, l.random().below(l.size()), i); });
}

void check_the_end(lab& l) {
  const bool level = l.run_until([&] { return l.level(); }, 300 * second);
  std::string why;
  for (size_t n = 0; n < l.size() && !level; ++n)
    if (l.up(n)) {
      const auto s = l.core(n)->status();
      why += "; node " + std::to_string(n) + ": " + s.state + ", " + s.why + ", " + s.digest;
    } else {
      why += "; node " + std::to_string(n) + " is down";
    }
  BOOST_REQUIRE_MESSAGE(level, "after 300 s of virtual time not all nodes are level" << why);
  const auto records = l.records(0);
  for (size_t n = 0; n < l.size(); ++n) {
    BOOST_TEST(l.diverged(n) == 0U, "node " << n << " saw other digests at equal frontiers");
    BOOST_TEST((l.records(n) == records), "node " << n << " holds other records than node 0");
  }
  size_t acknowledged = 0;
  for (const auto& answer : l.answers) {
    if (answer.failed)
      continue;
    ++acknowledged;
    for (const auto& e : answer.edits)
      for (size_t n = 0; n < l.size() && !e.remove && is_own(e); ++n) {
        const auto found = get_record(l.disk_of(n), e.cls, e.model, e.id);
        BOOST_REQUIRE_MESSAGE(found.ok() && *found && !(*found)->deleted,
                              "node " << n << " lacks " << to_string(e.id)
                                      << ", which was acknowledged by node " << answer.node);
        for (const auto& f : e.fields)
          BOOST_TEST((*found)->fields.at(f.name) == f.value);
      }
  }
  BOOST_TEST(acknowledged > 0U);
}

std::pair<uint64_t, uint64_t> seeds(uint64_t count) {
  const char* given = std::getenv("SHOAL_SEED");
  const char* many = std::getenv("SHOAL_SEEDS");
  return {given ? std::stoull(given) : 1, many ? std::stoull(many) : given ? 1 : count};
}

} // namespace shoal::test
