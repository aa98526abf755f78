// Following changes: whoever folds what scans tell, on whichever node, holds what that node's
// records are. Several replicas write, miss ops, forget logs and marks, hold ops of a fast clock
// back; consumers stop half way and go on elsewhere.

#include "store/sync/changes.hpp"
#include "sim/random.hpp"
#include "store/sync/records.hpp"
#include "tests/sim/replica_node.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

using namespace shoal;
using namespace shoal::sim;

namespace {

using fold_map = std::map<std::string, std::string>;

std::string name_of(const record_view& r) {
  return keys::row(r.cls, r.model, r.id, r.owner.value_or(device_id{}));
}
std::string text_of(const record_view& r) {
  std::string out = to_string(r.stamp) + " " + std::to_string(r.newest.seq);
  for (const auto& [name, value] : r.fields)
    out += " " + name + "=" + value;
  return out;
}
fold_map exported(const kv_view& view) {
  fold_map out;
  const auto present = *models_present(view);
  for (const auto& [cls, model] : present)
    BOOST_REQUIRE(list_records(view, cls, model, nullptr, false, [&](record_view&& r) {
      out[name_of(r)] = text_of(r);
      return true;
    }));
  return out;
}

const std::function<bool()> never = [] { return false; };

/// Someone who keeps a copy of all records, or of one model's, by changes alone.
struct consumer {
  std::string model;
  fold_map copy;
  std::optional<frontier> token;
  uint64_t begun_anew = 0;
  uint64_t stopped_half_way = 0;

  void take(const record_view& r) {
    if (r.deleted)
      copy.erase(name_of(r));
    else
      copy[name_of(r)] = text_of(r);
  }

  /// One visit: false when the node cannot serve it yet. `pause`: whether to leave half way;
  /// `meanwhile`: called when it does not leave, between two parts.
  template <class Pause, class Meanwhile>
  bool visit(const replica_node& at, Pause pause, Meanwhile meanwhile) {
    auto view = at.disk.snapshot();
    auto bounds = *read_change_bounds(*view);
    if (!bounds.settled)
      return false;
    if (token && !covers(*token, bounds.deletes_from)) {
      token.reset();
      copy.clear();
      ++begun_anew;
    }
    if (token && !covers(bounds.held, *token))
      return false;
    change_scan scan(view, token.value_or(frontier{}), bounds.held, model);
    for (;;) {
      auto all = scan.go_on([&](const record_view& r) { take(r); }, pause);
      BOOST_REQUIRE(all.ok());
      token = minimum(scan.reached(), bounds.merged);
      if (*all)
        return true;
      if (!meanwhile()) {
        ++stopped_half_way;
        return true;
      }
      auto later = at.disk.snapshot();
      auto fresh = *read_change_bounds(*later);
      if (!fresh.settled || fresh.deletes_from != bounds.deletes_from)
        continue;
      bounds.merged = minimum(bounds.merged, fresh.merged);
      scan.read_from(later, fresh.held);
    }
  }
};

fold_map of_model(fold_map all, const std::string& model) {
  if (!model.empty())
    std::erase_if(all, [&](const auto& r) {
      return r.first.substr(0, model.size() + 1) != keys::model_prefix(model);
    });
  return all;
}

struct many_nodes {
  random_source random;
  plan load;
  std::vector<replica_node> nodes;
  std::vector<workload> writers;
  uint64_t epoch = 7;

  explicit many_nodes(uint64_t seed) : random(seed) {
    for (size_t n = 0; n < 3; ++n) {
      nodes.emplace_back(n);
      writers.emplace_back(load, n);
    }
  }
  replica_node& any() { return nodes[random.below(nodes.size())]; }

  void write() {
    const auto n = random.below(nodes.size());
    auto edits = writers[n].draw(random);
    // A clock that is ahead: the others hold these ops back.
    const auto right = nodes[n].wall;
    if (n == 0 && random.chance(150))
      nodes[n].wall += story_drift_ms + 60'000;
    (void)nodes[n].try_write(std::move(edits)); // refused: part of the load
    nodes[n].wall = right;
  }
  void pass_on() {
    auto& from = any();
    auto& to = any();
    for (const auto& [s, seq] : from.data->held())
      if (random.chance(600))
        if (auto parts = *read_range(from.disk, s, seq_of(to.data->held(), s),
                                     100 + random.below(2000), 1 + random.below(20));
            !parts.empty())
          (void)to.apply(parts);
  }
  frontier stable() const {
    auto all = *read_change_bounds(nodes[0].disk);
    frontier out = all.merged;
    for (const auto& n : nodes)
      out = minimum(out, read_change_bounds(n.disk)->merged);
    return out;
  }
  /// A mark may go when nothing older is on its way: here, when all is level.
  void forget() {
    any().prune(stable());
    if (!random.chance(200))
      return;
    level();
    for (auto& n : nodes)
      if (random.chance(500))
        (void)n.in_group([&](kv_transaction& txn) {
          return n.data->prune_marks(txn, n.data->held(), n.wall - 1000, 100);
        });
  }
  void time_passes() {
    for (auto& n : nodes)
      n.wall += 1000 + random.below(5000);
    any().release();
    if (random.chance(100))
      any().reopen(++epoch);
  }
  void level() {
    for (auto& n : nodes)
      n.wall += 600'000;
    for (int round = 0; round < 3; ++round) {
      for (auto& to : nodes)
        for (const auto& from : nodes)
          for (const auto& [s, seq] : frontier(from.data->held()))
            to.fetch(from, s);
      for (auto& n : nodes)
        n.release();
    }
  }
};

uint64_t first_seed() {
  const char* given = std::getenv("SHOAL_SEED");
  return given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

} // namespace

BOOST_AUTO_TEST_SUITE(changes)

BOOST_AUTO_TEST_CASE(what_is_told_adds_up_to_the_records_wherever_it_is_read) {
  const auto base = first_seed();
  std::printf("changes: seeds from %llu\n", static_cast<unsigned long long>(base));
  uint64_t half = 0;
  uint64_t anew = 0;
  uint64_t visits = 0;
  for (uint64_t seed = base; seed < base + 60; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      many_nodes lab(seed);
      std::vector<consumer> consumers(4);
      consumers[2].model = "tag";
      consumers[3].model = "entry";
      for (int step = 0; step < 400; ++step) {
        switch (lab.random.below(8)) {
        case 0:
        case 1:
        case 2: lab.write(); break;
        case 3:
        case 4: lab.pass_on(); break;
        case 5: lab.time_passes(); break;
        case 6: lab.random.chance(300) ? lab.forget() : lab.pass_on(); break;
        default: {
          auto& c = consumers[lab.random.below(consumers.size())];
          visits += c.visit(
              lab.any(), [&] { return lab.random.chance(100); },
              [&] {
                const bool stays = lab.random.chance(600);
                if (stays)
                  lab.write(), lab.pass_on();
                return stays;
              });
        }
        }
      }
      lab.level();
      for (auto& c : consumers) {
        auto& last = lab.any();
        BOOST_REQUIRE(c.visit(last, never, [] { return false; }));
        const auto here = of_model(exported(last.disk), c.model);
        BOOST_REQUIRE_EQUAL(c.copy.size(), here.size());
        BOOST_REQUIRE((c.copy == here));
        half += c.stopped_half_way;
        anew += c.begun_anew;
      }
    }
  // The runs did what they are for.
  BOOST_TEST(visits > 500);
  BOOST_TEST(half > 50);
  BOOST_TEST(anew > 0);
}

BOOST_AUTO_TEST_CASE(a_record_that_changed_often_is_told_once_as_it_stands) {
  replica_node a(0);
  for (uint64_t n = 0; n < 5; ++n)
    a.write(named_tag(1, "name " + std::to_string(n)));
  edit colour;
  colour.model = "tag";
  colour.id = tag_id(1);
  colour.missing_required = {"name"};
  colour.fields = {lww("color", encoded("red"))};
  a.write(colour);
  std::vector<record_view> told;
  change_scan scan(a.disk.snapshot(), {}, a.data->held(), "");
  BOOST_TEST(*scan.go_on([&](const record_view& r) { told.push_back(r); }, never));
  BOOST_REQUIRE(told.size() == 1);
  BOOST_TEST(told[0].fields["name"] == encoded("name 4"));
  BOOST_TEST(told[0].fields["color"] == encoded("red"));
}

BOOST_AUTO_TEST_CASE(a_location_that_goes_takes_its_tree_along_in_what_is_told) {
  replica_node a(0);
  edit location;
  location.cls = record_class::owned;
  location.model = "location";
  location.id = owned_id(0, 0);
  location.fields = {lww("name", encoded("x"))};
  a.write(location);
  for (uint64_t n = 2; n < 52; ++n) {
    edit e;
    e.cls = record_class::owned;
    e.model = "entry";
    e.id = owned_id(0, n);
    e.fields = {lww("name", encoded(n)), n == 2 ? parent("location_id", "location", owned_id(0, 0))
                                                : parent("parent_id", "entry", owned_id(0, n - 1))};
    std::sort(e.fields.begin(), e.fields.end(),
              [](const auto& x, const auto& y) { return x.name < y.name; });
    a.write(e);
  }
  const auto before = a.data->held();
  edit gone;
  gone.cls = record_class::owned;
  gone.model = "location";
  gone.id = owned_id(0, 0);
  gone.remove = true;
  a.write(gone);
  size_t told = 0;
  bool all_deleted = true;
  change_scan scan(a.disk.snapshot(), before, a.data->held(), "entry");
  // A pause after each step: it goes on within the tree.
  while (!*scan.go_on(
      [&](const record_view& r) {
        ++told;
        all_deleted &= r.deleted && r.model == "entry";
      },
      [] { return true; })) {
  }
  BOOST_TEST(told == 50);
  BOOST_TEST(all_deleted);
}

BOOST_AUTO_TEST_CASE(an_op_that_waits_for_its_time_is_told_when_it_merges_to_who_came_before) {
  replica_node a(0);
  replica_node b(1);
  a.wall += story_drift_ms + 60'000;
  const auto early = a.write(named_tag(1, "early"));
  a.wall -= story_drift_ms + 60'000;
  BOOST_REQUIRE((*b.apply({early}) == applied_as::applied));
  const auto waiting = *read_change_bounds(b.disk);
  BOOST_TEST(seq_of(waiting.held, a.stream) == 1);
  BOOST_TEST(seq_of(waiting.merged, a.stream) == 0);
  b.wall += 120'000;
  BOOST_TEST(b.release() == 1);
  const auto merged = *read_change_bounds(b.disk);
  BOOST_TEST(merged.held_back != waiting.held_back);
  size_t told = 0;
  change_scan scan(b.disk.snapshot(), waiting.merged, merged.held, "");
  BOOST_TEST(*scan.go_on([&](const record_view&) { ++told; }, never));
  BOOST_TEST(told == 1);
}

BOOST_AUTO_TEST_CASE(a_purge_and_a_repair_are_named_so_that_followers_begin_anew) {
  replica_node a(0);
  replica_node b(1);
  edit volume;
  volume.cls = record_class::owned;
  volume.model = "volume";
  volume.id = owned_id(0, 0);
  volume.fields = {lww("name", encoded("x"))};
  BOOST_REQUIRE((*b.apply({a.write(volume)}) == applied_as::applied));
  BOOST_TEST(read_change_bounds(b.disk)->rewrites == 0);
  member_set removed;
  removed[device_of(0)].generation = 2;
  removed[device_of(0)].removed = removed[device_of(0)].purge = true;
  BOOST_TEST(*b.in_group([&](kv_transaction& txn) { return b.data->merge_members(txn, removed); }));
  const auto after = *read_change_bounds(b.disk);
  BOOST_TEST(after.rewrites == 1);
  BOOST_TEST((after.rewritten == b.data->held()));
}

BOOST_AUTO_TEST_CASE(epochs_fold_in_a_token_only_when_all_of_them_are_told) {
  change_bounds bounds;
  const auto d = device_of(0);
  bounds.held = {{{d, 1}, 10}, {{d, 2}, 20}, {{d, 3}, 30}};
  bounds.ended = {{d, 3}};
  BOOST_TEST(unfold(token_frontier(bounds.held, bounds), bounds.held).whole);
  BOOST_TEST(token_frontier(bounds.held, bounds).ended.size() == 1);
  const frontier half = {{{d, 1}, 10}, {{d, 2}, 19}};
  const auto token = token_frontier(half, bounds);
  BOOST_TEST(token.ended.empty());
  BOOST_TEST((unfold(token, bounds.held).held == half));
}

BOOST_AUTO_TEST_SUITE_END()
