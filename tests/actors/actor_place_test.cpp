// An actor that moves between the thread of the sockets and one of its own, and the store writer,
// which does.

#include "actors/actor_place.hpp"
#include "actors/store_writer.hpp"
#include "actors/transport/multiplexer.hpp"
#include "tests/actors/disk.hpp"
#include "tests/actors/keys.hpp"
#include "tests/actors/lab.hpp"
#include "tests/actors/story.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/multiplexer.hpp>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <thread>

namespace shoal::test {

namespace {

using namespace std::chrono_literals;

constexpr uint64_t story_wall_ms = 1'700'000'000'000;
constexpr auto patience = 20s; // of every wait; a sanitizer build on a busy machine is slow

struct socket_config : caf::actor_system_config {
  socket_config() {
    add_message_types<caf::id_block::shoal_transport>();
    add_message_types<caf::id_block::shoal_node>();
    transport::load_middleman(*this);
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", 2);
  }
};

struct sockets {
  socket_config config;
  caf::actor_system system{config};

  std::thread::id thread() {
    std::promise<std::thread::id> id;
    system.middleman().backend().post([&] { id.set_value(std::this_thread::get_id()); });
    return id.get_future().get();
  }
};

struct mover {
  std::shared_ptr<actor_place> place;
  caf::actor actor;

  explicit mover(caf::actor_system& system)
      : place(std::make_shared<actor_place>(system, "mover")),
        actor(
            spawn_with_place(system, place, [p = place](caf::event_based_actor*) -> caf::behavior {
              return {[p](const node_step& s) { (*s.run)(); }};
            })) {}
  ~mover() { caf::anon_send_exit(actor, caf::exit_reason::user_shutdown); }
  mover(const mover&) = delete;
  mover& operator=(const mover&) = delete;

  void tell(std::function<void()> what) const {
    caf::anon_send(actor, node_step{std::make_shared<std::function<void()>>(std::move(what))});
  }
  /// After all it was told before.
  std::thread::id where() const {
    auto id = std::make_shared<std::promise<std::thread::id>>();
    auto got = id->get_future();
    tell([id] { id->set_value(std::this_thread::get_id()); });
    BOOST_REQUIRE(got.wait_for(patience) == std::future_status::ready);
    return got.get();
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(actor_places)

BOOST_FIXTURE_TEST_CASE(an_actor_moves_by_its_own_word, sockets) {
  const mover m(system);
  BOOST_TEST((m.where() == thread()));
  bool left = false;
  m.tell([&] { left = m.place->leave_sockets(); });
  const auto own = m.where();
  BOOST_TEST(left);
  BOOST_TEST((own != thread()));
  m.tell([&] { m.place->join_sockets(); });
  BOOST_TEST((m.where() == thread()));
  m.tell([&] { left = m.place->leave_sockets(); });
  BOOST_TEST((m.where() == own)); // one thread for all its times
}

// Two threads in the actor at once, a message that is lost or overtaken: each would show.
BOOST_FIXTURE_TEST_CASE(what_many_threads_send_is_handled_once_and_in_turn, sockets) {
  const auto [first, count] = seeds(4);
  for (uint64_t seed = first; seed < first + count; ++seed)
    BOOST_TEST_CONTEXT("SHOAL_SEED=" << seed) {
      constexpr int threads = 3;
      constexpr int messages = 5'000;
      const mover m(system);
      std::atomic<int> inside{0};
      std::atomic<int> at_once{0};
      std::array<int, threads> next{}; // of each sender; the actor's
      int out_of_turn = 0;
      std::array<std::thread, threads> senders;
      for (size_t t = 0; t < threads; ++t)
        senders[t] = std::thread([&, t] {
          std::mt19937_64 random(seed * threads + t);
          for (int i = 0; i < messages; ++i) {
            m.tell([&, t, i, dice = random() % 8] {
              at_once += inside.fetch_add(1) != 0;
              out_of_turn += next[t]++ != i;
              if (dice == 0)
                static_cast<void>(m.place->leave_sockets());
              else if (dice == 1)
                m.place->join_sockets();
              --inside;
            });
            if (random() % 64 == 0)
              std::this_thread::yield(); // so that it also runs out of messages
          }
        });
      for (auto& s : senders)
        s.join();
      static_cast<void>(m.where());
      BOOST_TEST(at_once == 0);
      BOOST_TEST(out_of_turn == 0);
      BOOST_TEST(next == (std::array<int, threads>{messages, messages, messages}),
                 boost::test_tools::per_element());
    }
}

BOOST_FIXTURE_TEST_CASE(what_it_sends_is_handled_before_its_next_message, sockets) {
  const mover first(system);
  const mover second(system);
  std::vector<int> order;
  std::promise<void> go;
  auto may_go = go.get_future();
  first.tell([&] { may_go.wait(); }); // so that the next two wait together
  first.tell([&] { second.tell([&] { order.push_back(1); }); });
  first.tell([&] { order.push_back(2); });
  go.set_value();
  static_cast<void>(first.where());
  static_cast<void>(second.where());
  BOOST_TEST(order == (std::vector<int>{1, 2}), boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(its_thread_ends_with_it, sockets) {
  const auto ended = std::make_shared<int>(); // held by the actor's last message, on its thread
  const mover m(system);
  m.tell([&] { static_cast<void>(m.place->leave_sockets()); });
  m.tell([ended] {
    thread_local std::shared_ptr<int> until_the_thread_ends;
    until_the_thread_ends = ended;
  });
  BOOST_TEST((m.where() != thread()));
  BOOST_TEST(ended.use_count() == 2);
  caf::anon_send_exit(m.actor, caf::exit_reason::user_shutdown); // handles may outlive it
  for (int tries = 0; tries < 2000 && ended.use_count() > 1; ++tries)
    std::this_thread::sleep_for(10ms);
  BOOST_TEST(ended.use_count() == 1);
}

namespace {

/// Whose commits take as long as is said, by the writer's clock.
class slow_disk final : public kv_store {
public:
  result<std::optional<std::string>> get(family f, std::string_view key) const override {
    return files.get(f, key);
  }
  std::unique_ptr<kv_cursor> cursor(family f) const override { return files.cursor(f); }
  std::shared_ptr<const kv_view> snapshot() const override { return files.snapshot(); }
  status commit(const kv_batch& batch) override {
    where = std::this_thread::get_id();
    now_us += takes_us;
    run_delay_us += unready_us;
    return files.commit(batch);
  }

  sim::sim_store files;
  std::atomic<uint64_t> takes_us{100};
  std::atomic<uint64_t> unready_us{0}; // of that, for a processor
  std::atomic<uint64_t> run_delay_us{0};
  std::atomic<uint64_t> now_us{1};
  std::atomic<std::thread::id> where; // of the last commit
};

bool has_thread(const std::string& name) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream in(task.path() / "comm");
    if (std::string comm; std::getline(in, comm) && comm == name)
      return true;
  }
  return false;
}

/// A library's writer, with the time of its disk.
struct library_writer {
  scratch_folder folder;
  metrics counted;
  sockets& in;
  std::shared_ptr<slow_disk> files = std::make_shared<slow_disk>();
  std::shared_ptr<actor_place> place;
  std::mutex mutex; // guards what follows
  std::map<std::string, int64_t> records;
  std::vector<protocol::outcome> outcomes; // of ranges
  caf::actor library;
  caf::actor writer;
  uint8_t made = 0;

  library_writer(sockets& s, std::shared_ptr<disk_space> disk)
      : in(s), place(std::make_shared<actor_place>(s.system, "test.writer")) {
    auto setup = std::make_shared<writer_setup>(
        writer_setup{.store = files,
                     .data = std::move(*replica::open(*files, fixed_key(0).device(), {})),
                     .key = fixed_key(0),
                     .library = {},
                     .counted = counted.add_library("photos"),
                     .time = {.mono_us = [f = files] { return f->now_us.load(); },
                              .run_delay_us = [f = files] { return f->run_delay_us.load(); }},
                     .wall_ms = [] { return story_wall_ms; },
                     .mark = mark(),
                     .disk = std::move(disk),
                     .place = place,
                     .publish =
                         [this](const replica_summary& now, uint64_t) {
                           const std::lock_guard guard(mutex);
                           records = now.records;
                         },
                     .on_failure = [](const error&) {}});
    library = in.system.spawn([this](caf::event_based_actor*) -> caf::behavior {
      return {[this](const group_stored& g) {
        const std::lock_guard guard(mutex);
        for (const auto& a : g.what->applied)
          outcomes.push_back(a.what);
      }};
    });
    writer = spawn_with_place(in.system, place, [setup, to = library](auto* self) {
      return store_writer(self, setup, to);
    });
  }
  ~library_writer() { end(); }
  library_writer(const library_writer&) = delete;
  library_writer& operator=(const library_writer&) = delete;

  void end() {
    caf::scoped_actor waits(in.system);
    for (const auto& actor : {writer, library}) {
      waits->send_exit(actor, caf::exit_reason::user_shutdown);
      waits->wait_for(actor);
    }
  }
  high_water mark() const { return high_water(folder.path() / "mark"); }

  edit tag(size_t bytes) {
    edit e;
    e.model = "tag";
    e.id.bytes[0] = ++made;
    field_edit f;
    f.name = "name";
    shoal::writer(f.value).str(std::string(bytes, 'x'));
    e.fields.push_back(std::move(f));
    return e;
  }
  void tell(job what) const {
    caf::anon_send(writer, store_job{std::make_shared<job>(std::move(what))});
  }
  /// The last of them; whether it was committed in the thread of the sockets.
  bool among_sockets(std::vector<edit> edits) {
    auto told = std::make_shared<std::promise<bool>>();
    auto done = told->get_future();
    write_job w;
    w.edits = std::move(edits);
    w.done = [told](const result<api::write_answer>& answer) { told->set_value(answer.ok()); };
    tell(std::move(w));
    BOOST_REQUIRE(done.wait_for(patience) == std::future_status::ready);
    BOOST_TEST(done.get());
    const bool was = files->where.load() == in.thread();
    static_cast<void>(in.thread()); // what it told itself then it has heard
    return was;
  }
  bool among_sockets(edit e) { return among_sockets(std::vector{std::move(e)}); }
  /// Done with small things for a while.
  void come_back() {
    for (unsigned n = 0; n < limits::small_groups_before_return; ++n)
      BOOST_TEST(!among_sockets(tag(100)));
    for (int tries = 0; tries < 2000 && place->aside(); ++tries) // it answers, then it moves
      std::this_thread::sleep_for(10ms);
    BOOST_REQUIRE(!place->aside());
  }
  void wait_for_mark(const std::optional<hlc>& before) const {
    for (int tries = 0; tries < 2000 && (mark().read() == before || place->aside()); ++tries)
      std::this_thread::sleep_for(10ms);
    BOOST_REQUIRE((mark().read() > before));
    BOOST_REQUIRE(!place->aside());
  }
  int64_t count(const std::string& model) {
    const std::lock_guard guard(mutex);
    return records[model];
  }
};

struct writing : sockets, library_writer {
  std::shared_ptr<disk_space> disk;
  writing() : writing(std::make_shared<disk_space>(std::filesystem::temp_directory_path(), 0)) {}
  explicit writing(std::shared_ptr<disk_space> d)
      : library_writer(static_cast<sockets&>(*this), d), disk(std::move(d)) {
    static_cast<void>(among_sockets(tag(1))); // whose mark is kept aside
    wait_for_mark({});
  }
};

edit of_location(std::string model, uint16_t n) {
  edit e;
  e.cls = record_class::owned;
  e.model = std::move(model);
  e.id.bytes[0] = 77;
  e.id.bytes[14] = static_cast<uint8_t>(n >> 8);
  e.id.bytes[15] = static_cast<uint8_t>(n);
  return e;
}

/// A location with so many entries, in writes of a hundred.
std::vector<std::vector<edit>> full_location(uint16_t entries) {
  std::vector<std::vector<edit>> out{{of_location("location", 0)}};
  for (uint16_t n = 1; n <= entries; ++n) {
    if (n % 100 == 1)
      out.emplace_back();
    auto e = of_location("entry", n);
    field_edit in;
    in.name = "location_id";
    in.kind = field_kind::parent;
    in.parent_model = "location";
    shoal::writer(in.value).bin(of_location("location", 0).id.view());
    e.fields.push_back(std::move(in));
    out.back().push_back(std::move(e));
  }
  return out;
}

edit without_location() {
  auto e = of_location("location", 0);
  e.remove = true;
  return e;
}

} // namespace

BOOST_FIXTURE_TEST_CASE(small_writes_are_committed_among_the_sockets_and_others_aside, writing) {
  BOOST_TEST(among_sockets(tag(100)));
  BOOST_TEST(among_sockets(tag(100)));
  BOOST_TEST(!among_sockets(tag(limits::small_group_bytes_max + 1)));
  BOOST_TEST(!among_sockets(tag(100))); // not back at once
}

BOOST_FIXTURE_TEST_CASE(many_ops_are_much_also_where_they_carry_little, writing) {
  std::vector<edit> empty;
  for (uint16_t n = 1; n <= limits::small_group_bytes_max / limits::small_group_op_bytes; ++n)
    empty.push_back(of_location("location", n));
  BOOST_TEST(among_sockets(empty));
  empty.push_back(of_location("location", 1000));
  BOOST_TEST(!among_sockets(empty));
}

BOOST_FIXTURE_TEST_CASE(what_a_delete_takes_along_is_looked_at_aside, writing) {
  auto gone = tag(1);
  BOOST_TEST(among_sockets(gone));
  gone.remove = true;
  gone.fields.clear();
  BOOST_TEST(among_sockets(gone)); // nothing
  for (auto& edits : full_location(1'000))
    static_cast<void>(among_sockets(std::move(edits)));
  come_back();
  BOOST_TEST(!among_sockets(without_location()));
  BOOST_TEST(count("entry") == 0);
  come_back();
  BOOST_TEST(among_sockets(tag(100)));
}

BOOST_FIXTURE_TEST_CASE(what_a_peers_delete_takes_along_is_looked_at_aside, writing) {
  sim::sim_store there;
  const auto peer = std::move(*replica::open(there, fixed_key(1).device(), {.fresh_epoch = 5}));
  const auto apply = [&](const std::vector<edit>& edits) {
    kv_transaction txn(there);
    auto done = peer->commit(txn, edits, story_wall_ms);
    BOOST_REQUIRE(done.ok());
    peer->seal(txn);
    static_cast<void>(there.commit(txn.take()));
    apply_job a;
    a.what.peer = fixed_key(1).device();
    a.what.parts = {std::move(done->covered)};
    a.what.parts.front().log_complete = true;
    tell(std::move(a));
  };
  for (const auto& edits : full_location(1'000))
    apply(edits);
  BOOST_TEST(!among_sockets(tag(limits::small_group_bytes_max + 1)));
  BOOST_TEST(count("entry") == 1'000);
  come_back();
  apply({without_location()});
  BOOST_TEST(!among_sockets(tag(100)));
  BOOST_TEST(count("entry") == 0);
  end(); // whatever it told the library
  BOOST_TEST(outcomes.size() == 12U);
  for (const auto o : outcomes)
    BOOST_TEST((o == protocol::outcome::applied));
}

BOOST_FIXTURE_TEST_CASE(statements_of_many_members_do_not_send_a_writer_away, writing) {
  for (size_t n = 1; n <= 100; ++n) {
    statement s;
    s.member.bytes[0] = static_cast<uint8_t>(n);
    s.number = 1;
    tell(keep_statement_job{s});
  }
  BOOST_TEST(among_sockets(tag(100)));
}

BOOST_FIXTURE_TEST_CASE(a_slow_disk_is_waited_for_aside_until_it_is_quick_again, writing) {
  constexpr uint64_t a_while_us = limits::slow_disk_ms * 1000;
  files->takes_us = limits::small_group_us_max + 1;
  BOOST_TEST(among_sockets(tag(100))); // nobody knew
  for (unsigned n = 0; n < 2 * limits::small_groups_before_return; ++n)
    BOOST_TEST(!among_sockets(tag(100)));
  files->takes_us = 100;
  for (unsigned n = 0; n < 2 * limits::small_groups_before_return; ++n)
    BOOST_TEST(!among_sockets(tag(100))); // quick, but not for long enough
  files->takes_us = a_while_us;           // of a group from which nothing is to be learnt
  BOOST_TEST(!among_sockets(tag(limits::small_group_bytes_max + 1)));
  files->takes_us = 100;
  come_back();
  BOOST_TEST(among_sockets(tag(100)));
}

BOOST_FIXTURE_TEST_CASE(a_wait_for_a_processor_is_none_for_the_disk, writing) {
  files->takes_us = limits::small_group_us_max + 1;
  files->unready_us = limits::small_group_us_max / 2;
  BOOST_TEST(among_sockets(tag(100))); // from here on it is watched
  for (unsigned n = 0; n < 100 && place->aside(); ++n)
    static_cast<void>(among_sockets(tag(100)));
  for (unsigned n = 0; n < 20; ++n)
    BOOST_TEST(among_sockets(tag(100)));
  files->unready_us = 0; // now it is the disk
  BOOST_TEST(among_sockets(tag(100)));
  BOOST_TEST(!among_sockets(tag(100)));
}

BOOST_FIXTURE_TEST_CASE(what_one_library_learns_of_the_disk_all_know, writing) {
  library_writer other(*this, disk);
  files->takes_us = limits::small_group_us_max + 1;
  BOOST_TEST(among_sockets(tag(100)));
  BOOST_TEST(!other.among_sockets(other.tag(100)));
}

// Its file takes two syncs and a rename, and nobody waits for it.
BOOST_FIXTURE_TEST_CASE(the_high_water_mark_is_kept_aside_and_the_writer_is_back_at_once, writing) {
  for (int n = 0; n < 5; ++n) {
    const auto before = mark().read();
    files->now_us += limits::high_water_ms * 1000;
    BOOST_TEST(among_sockets(tag(100)));
    wait_for_mark(before);
    BOOST_TEST(has_thread("test.writer"));
  }
}

BOOST_FIXTURE_TEST_CASE(a_writer_that_ends_leaves_its_mark, writing) {
  const auto before = mark().read();
  BOOST_TEST(among_sockets(tag(100)));
  BOOST_TEST((mark().read() == before));
  end();
  BOOST_TEST((mark().read() > before));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::test
