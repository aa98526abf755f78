// What the store writer tells its library of ranges while the disk has no room.

#include "actors/store_writer.hpp"
#include "config/limits.hpp"
#include "tests/actors/keys.hpp"
#include "tests/actors/lab.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/all.hpp>

namespace shoal::test {

namespace {

using heard = std::vector<protocol::apply_result>;

caf::behavior listening(caf::event_based_actor*, heard* told) {
  return {[=](const group_stored& g) {
    told->insert(told->end(), g.what->applied.begin(), g.what->applied.end());
  }};
}

store_job range_of_cost(uint64_t cost) {
  protocol::apply a;
  a.peer = fixed_key(1).device();
  a.parts.resize(1);
  a.parts[0].stream = {a.peer, 7};
  a.parts[0].to = 1;
  a.cost = cost;
  return {std::make_shared<job>(apply_job{std::move(a), 0})};
}

/// A store writer whose disk never has room.
struct writer_without_room {
  explicit writer_without_room(std::shared_ptr<disk> on, uint64_t wall_ms) {
    writer_setup setup{.store = on,
                       .data = std::move(*replica::open(*on, fixed_key(0).device(), {})),
                       .key = fixed_key(0),
                       .library = {},
                       .counted = counted.add_library("photos"),
                       .time = {},
                       .wall_ms = [wall_ms] { return wall_ms; },
                       .mark = high_water(folder.path() / "mark"),
                       .disk = std::make_shared<disk_space>(folder.path(), UINT64_MAX / 2),
                       .publish = [](const replica_summary&, uint64_t) {},
                       .on_failure = [](const error& e) { BOOST_ERROR(e.message); }};
    library = system.spawn(listening, &told);
    writer = system.spawn(store_writer, std::make_shared<writer_setup>(std::move(setup)), library);
  }
  ~writer_without_room() {
    for (const auto& actor : {writer, library})
      caf::anon_send_exit(actor, caf::exit_reason::kill);
    run();
  }
  writer_without_room(const writer_without_room&) = delete;
  writer_without_room& operator=(const writer_without_room&) = delete;

  void run() {
    while (dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler()).try_run_once()) {
    }
  }

  caf_config config;
  caf::actor_system system{config};
  scratch_folder folder;
  metrics counted;
  heard told;
  caf::actor library;
  caf::actor writer;
};

} // namespace

BOOST_AUTO_TEST_SUITE(full_disk)

BOOST_AUTO_TEST_CASE(ranges_for_which_there_is_no_room_are_told_with_their_bytes_and_no_blame) {
  writer_without_room w(std::make_shared<disk>(), 1);
  caf::anon_send(w.writer, range_of_cost(1)); // is kept until there is room
  caf::anon_send(w.writer, range_of_cost(limits::disk_held_bytes_max));
  w.run();
  BOOST_REQUIRE(w.told.size() == 1U);
  BOOST_TEST((w.told[0].what == protocol::outcome::dropped));
  BOOST_TEST(w.told[0].cost == limits::disk_held_bytes_max);
}

// Met in review: the group in which a range was refused merged what was due as well.
BOOST_AUTO_TEST_CASE(held_ops_whose_time_has_come_wait_for_room_also_when_a_range_is_refused) {
  constexpr uint64_t late = 1'700'000'000'000;
  const auto group = [](disk& on, replica& data, auto what) {
    kv_transaction txn(on);
    what(txn);
    data.seal(txn);
    BOOST_REQUIRE(on.commit(txn.take()).ok());
  };
  disk theirs;
  auto peer = std::move(*replica::open(theirs, fixed_key(1).device(), {.fresh_epoch = 7}));
  edit e;
  e.model = "tag";
  group(theirs, *peer,
        [&](auto& txn) { BOOST_REQUIRE(peer->commit(txn, std::span(&e, 1), late).ok()); });
  auto files = std::make_shared<disk>();
  {
    auto data = std::move(*replica::open(*files, fixed_key(0).device(), {}));
    auto parts = *read_range(theirs, {fixed_key(1).device(), 7}, 0, 1 << 20, 1000);
    group(*files, *data, [&](auto& txn) { BOOST_REQUIRE(data->apply(txn, parts, 1).ok()); });
    BOOST_REQUIRE(data->summary().held_back.quarantined == 1U);
  }
  writer_without_room w(files, late);
  caf::anon_send(w.writer, range_of_cost(limits::disk_held_bytes_max + 1));
  w.run();
  BOOST_TEST(w.told.size() == 1U);
  const auto after = std::move(*replica::open(*files, fixed_key(0).device(), {}));
  BOOST_TEST(after->summary().held_back.quarantined == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
