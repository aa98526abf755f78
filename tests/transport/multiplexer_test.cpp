// The loop of the thread of the sockets.

#include "tests/transport/link_fixture.hpp"

#include <caf/io/middleman.hpp>
#include <caf/io/network/multiplexer.hpp>

#include <array>
#include <atomic>
#include <future>
#include <thread>

namespace shoal::transport::test {

namespace {

/// Posts itself again each time it is run, until it is told to stop.
void go_round(caf::io::network::multiplexer& loop, std::shared_ptr<std::atomic<bool>> stop,
              std::shared_ptr<std::atomic<uint64_t>> rounds) {
  loop.post([&loop, stop, rounds] {
    ++*rounds;
    if (!*stop)
      go_round(loop, stop, rounds);
  });
}

} // namespace

BOOST_AUTO_TEST_SUITE(multiplexer)

// A word that came as the loop went to sleep would be found only with the next event.
BOOST_AUTO_TEST_CASE(what_other_threads_post_is_run_also_when_the_loop_was_about_to_sleep) {
  caf_config config;
  caf::actor_system system{config};
  auto& loop = system.middleman().backend();
  constexpr int threads = 3;
  constexpr int posts = 20'000;
  std::array<std::thread, threads> posting;
  std::atomic<int> in_time{0};
  for (auto& t : posting)
    t = std::thread([&] {
      for (int i = 0; i < posts; ++i) {
        auto run = std::make_shared<std::promise<void>>();
        auto done = run->get_future();
        loop.post([run] { run->set_value(); });
        if (done.wait_for(patience) != std::future_status::ready)
          return;
        ++in_time;
      }
    });
  for (auto& t : posting)
    t.join();
  BOOST_TEST(in_time == threads * posts);
}

BOOST_AUTO_TEST_CASE(many_posts_of_one_thread_are_run_in_their_order) {
  caf_config config;
  caf::actor_system system{config};
  auto& loop = system.middleman().backend();
  constexpr int posts = 100'000; // more than a pipe holds
  auto seen = std::make_shared<std::vector<int>>();
  std::promise<void> last;
  for (int i = 0; i < posts; ++i)
    loop.post([seen, i] { seen->push_back(i); });
  loop.post([&] { last.set_value(); });
  BOOST_REQUIRE(last.get_future().wait_for(patience) == std::future_status::ready);
  BOOST_TEST(seen->size() == static_cast<size_t>(posts));
  BOOST_TEST(std::is_sorted(seen->begin(), seen->end()));
}

// The loop is awake, for a socket, but has not looked at posts since it slept.
BOOST_AUTO_TEST_CASE(posts_keep_their_order_also_while_a_socket_is_looked_at) {
  caf_config config;
  caf::actor_system system{config};
  auto& loop = system.middleman().backend();
  std::promise<uint16_t> port;
  std::promise<void> here;
  std::promise<void> go;
  const auto busy = system.middleman().spawn_broker(
      [&](caf::io::broker* self, std::promise<uint16_t>* bound) -> caf::behavior {
        bound->set_value(self->add_tcp_doorman(0, "127.0.0.1")->second);
        return {[&](const caf::io::new_connection_msg&) {
                  here.set_value();
                  go.get_future().wait();
                },
                [](const caf::io::connection_closed_msg&) {},
                [](const caf::io::acceptor_closed_msg&) {}};
      },
      &port); // a body without arguments is undefined behaviour in CAF 0.17
  const auto at = port.get_future().get();
  std::this_thread::sleep_for(20ms); // it sleeps, probably
  const raw_client peer(at);
  here.get_future().wait();
  std::vector<int> order;
  std::promise<void> last;
  loop.post([&] { order.push_back(1); });
  loop.post([&] { order.push_back(2); });
  go.set_value();
  loop.post([&] { last.set_value(); });
  BOOST_REQUIRE(last.get_future().wait_for(patience) == std::future_status::ready);
  BOOST_TEST(order == (std::vector<int>{1, 2}), boost::test_tools::per_element());
  caf::anon_send_exit(busy, caf::exit_reason::user_shutdown);
}

BOOST_FIXTURE_TEST_CASE(who_never_stops_posting_does_not_keep_sockets_waiting, two_devices) {
  auto stop = std::make_shared<std::atomic<bool>>(false);
  auto rounds = std::make_shared<std::atomic<uint64_t>>(0);
  for (auto* d : {&alice, &bob})
    go_round(d->system.middleman().backend(), stop, rounds);
  connect();
  alice.send(to_bob, {"while others talk"});
  BOOST_TEST(bob.frames(1) == (std::vector<std::string>{"while others talk"}),
             boost::test_tools::per_element());
  const uint64_t so_far = *rounds;
  for (int tries = 0; tries < 2000 && *rounds == so_far; ++tries)
    std::this_thread::sleep_for(1ms);
  BOOST_TEST(*rounds > so_far); // they still did
  *stop = true;
}

// Each is for one look at sockets: a connection, and the bytes that a broker asked for.
BOOST_AUTO_TEST_CASE(all_that_waits_at_sockets_is_taken_before_actors_run_again) {
  caf_config config;
  caf::actor_system system{config};
  auto& loop = system.middleman().backend();
  struct seen {
    std::promise<uint16_t> port;
    std::vector<uint64_t> accepted; // in which round
    std::vector<uint64_t> read;
    std::promise<void> all_read;
  } seen;
  auto stop = std::make_shared<std::atomic<bool>>(false);
  auto rounds = std::make_shared<std::atomic<uint64_t>>(0);
  constexpr size_t connections = 10;
  constexpr size_t pieces = 10;
  const auto door = system.middleman().spawn_broker(
      [rounds](caf::io::broker* self, struct seen* what) -> caf::behavior {
        what->port.set_value(self->add_tcp_doorman(0, "127.0.0.1")->second);
        return {[self, rounds, what](const caf::io::new_connection_msg& m) {
                  what->accepted.push_back(*rounds);
                  self->configure_read(m.handle, caf::io::receive_policy::exactly(4));
                },
                [rounds, what](const caf::io::new_data_msg&) {
                  what->read.push_back(*rounds);
                  if (what->read.size() == pieces)
                    what->all_read.set_value();
                },
                [](const caf::io::connection_closed_msg&) {},
                [](const caf::io::acceptor_closed_msg&) {}};
      },
      &seen);
  const auto at = seen.port.get_future().get();
  held_loop held(loop);
  go_round(loop, stop, rounds);
  std::vector<std::unique_ptr<raw_client>> waiting;
  for (size_t i = 0; i < connections; ++i)
    waiting.push_back(std::make_unique<raw_client>(at));
  waiting[0]->send(std::string(4 * pieces, 'x'));
  held.release();
  BOOST_REQUIRE(seen.all_read.get_future().wait_for(patience) == std::future_status::ready);
  *stop = true;
  caf::anon_send_exit(door, caf::exit_reason::user_shutdown);
  system.await_all_actors_done();
  BOOST_TEST(seen.accepted.size() == connections);
  BOOST_TEST(seen.accepted.back() - seen.accepted.front() <= 1U);
  BOOST_TEST(seen.read.back() - seen.accepted.front() <= 1U);
}

BOOST_AUTO_TEST_CASE(a_system_ends_while_somebody_posts_without_end) {
  auto stop = std::make_shared<std::atomic<bool>>(false);
  auto rounds = std::make_shared<std::atomic<uint64_t>>(0);
  {
    caf_config config;
    caf::actor_system system{config};
    go_round(system.middleman().backend(), stop, rounds);
    while (*rounds < 1000)
      std::this_thread::sleep_for(1ms);
  }
  const uint64_t at_the_end = *rounds;
  std::this_thread::sleep_for(20ms);
  BOOST_TEST(*rounds == at_the_end);
  BOOST_TEST(stop.use_count() == 1); // what was not run any more is gone
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace shoal::transport::test
