// Links between real actor systems over loopback.

#include "actors/transport/frame_splitter.hpp"
#include "tests/transport/link_fixture.hpp"

#include <chrono>
#include <thread>

using namespace shoal;
using namespace shoal::transport;
using namespace shoal::transport::test;

namespace {

link_limits with_frame_time(std::chrono::milliseconds time) {
  link_limits limits;
  limits.frame = time;
  return limits;
}

} // namespace

BOOST_AUTO_TEST_SUITE(links)

BOOST_AUTO_TEST_CASE(frames_go_both_ways_in_order) {
  two_devices d;
  d.connect();
  std::vector<std::string> sent;
  for (int i = 0; i < 1000; ++i)
    sent.push_back("frame " + std::to_string(i));
  for (const auto& payload : sent)
    d.alice.send(d.to_bob, {payload});
  d.bob.send(d.to_alice, sent);
  BOOST_TEST((d.bob.frames(sent.size()) == sent));
  BOOST_TEST((d.alice.frames(sent.size()) == sent));
  // Counted when the kernel says that it took them, which the sender may hear later than the
  // receiver.
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (d.alice.counters->bytes_out <= 1000 * 9u && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  BOOST_TEST(d.alice.counters->bytes_out > 1000 * 9u);
  BOOST_TEST(d.bob.counters->bytes_in > 1000 * 9u);
}

BOOST_AUTO_TEST_CASE(a_frame_of_the_full_size_passes_once_a_hello_was_accepted) {
  two_devices d;
  d.connect();
  d.alice.send(d.to_bob, {"hello"});
  BOOST_TEST((d.bob.frames(1) == std::vector<std::string>{"hello"}));
  d.bob.owner->send(d.to_alice, hello_accepted{});
  std::vector<std::string> sent;
  for (int i = 0; i < 5; ++i)
    sent.push_back(std::string(wire_limits::frame_bytes, static_cast<char>('a' + i)));
  d.alice.send(d.to_bob, sent);
  BOOST_TEST((d.bob.frames(sent.size()) == sent));
}

BOOST_AUTO_TEST_CASE(what_the_kernel_does_not_take_at_once_goes_before_what_comes_later) {
  two_devices d;
  d.connect();
  d.bob.owner->send(d.to_alice, hello_accepted{});
  for (int round = 0; round < 4; ++round) {
    std::vector<std::string> sent;
    for (size_t i = 0; i < 12; ++i) {
      sent.push_back("frame " + std::to_string(i));
      sent.emplace_back(wire_limits::frame_bytes - i * 7919, static_cast<char>('a' + i));
    }
    for (const auto& payload : sent)
      d.alice.send(d.to_bob, {payload});
    BOOST_TEST((d.bob.frames(sent.size()) == sent));
  }
}

BOOST_AUTO_TEST_CASE(reads_become_small_while_little_comes_and_large_again) {
  two_devices d;
  d.connect();
  d.bob.owner->send(d.to_alice, hello_accepted{});
  for (int round = 0; round < 2; ++round) {
    for (unsigned i = 0; i < 2 * short_reads; ++i) { // one read each
      const std::vector<std::string> little{"frame " + std::to_string(i)};
      d.alice.send(d.to_bob, little);
      BOOST_TEST((d.bob.frames(1) == little));
    }
    for (const size_t bytes : {short_read_bytes, 3 * short_read_bytes, wire_limits::frame_bytes}) {
      const std::vector<std::string> much{std::string(bytes, 'x')};
      d.alice.send(d.to_bob, much);
      BOOST_TEST((d.bob.frames(1) == much));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_large_frame_that_overtakes_the_acceptance_of_hello_is_delivered_after_it) {
  two_devices d;
  d.connect();
  std::string large(wire_limits::frame_bytes, 'x');
  d.alice.send(d.to_bob, {"hello", large});
  BOOST_TEST((d.bob.frames(1) == std::vector<std::string>{"hello"}));
  d.bob.owner->send(d.to_alice, hello_accepted{});
  BOOST_TEST((d.bob.frames(1) == std::vector<std::string>{large}));
}

BOOST_AUTO_TEST_CASE(a_frame_larger_than_a_hello_may_be_closes_a_link_that_had_none) {
  two_devices d;
  d.connect();
  d.alice.send(d.to_bob, {std::string(wire_limits::frame_bytes_before_hello + 1, 'x')});
  auto down = d.bob.must<link_down>("link_down");
  BOOST_TEST((down.peer == d.alice.id()));
  BOOST_TEST(contains(down.reason, std::to_string(wire_limits::frame_bytes_before_hello)));
  d.alice.must<link_down>("link_down at the other end");
}

BOOST_AUTO_TEST_CASE(frames_that_come_before_a_receiver_are_kept_for_it) {
  two_devices d;
  d.alice.call(d.bob.address, d.bob.id());
  auto up = d.alice.must<link_up>("link_up");
  d.alice.send(up.link, {"one", "two"});
  up = d.bob.must<link_up>("link_up");
  BOOST_TEST(!d.bob.next<frames_in>(50ms).has_value()); // nobody was told to get them
  d.bob.attach_to(up.link);
  BOOST_TEST((d.bob.frames(2) == std::vector<std::string>{"one", "two"}));
}

// Hellos of several libraries: while this node was busy all of them came.
BOOST_AUTO_TEST_CASE(large_hellos_may_come_before_a_receiver) {
  two_devices d;
  d.alice.call(d.bob.address, d.bob.id());
  auto up = d.alice.must<link_up>("link_up");
  const std::vector<std::string> hellos(8, std::string(wire_limits::frame_bytes_before_hello, 'x'));
  d.alice.send(up.link, hellos);
  up = d.bob.must<link_up>("link_up");
  const auto until = deadline_clock::now() + patience;
  while (d.bob.counters->bytes_in < hellos.size() * hellos[0].size()
         && deadline_clock::now() < until)
    BOOST_REQUIRE(!d.bob.next<link_down>(1ms).has_value());
  d.bob.attach_to(up.link);
  BOOST_TEST((d.bob.frames(hellos.size()) == hellos));
}

BOOST_AUTO_TEST_CASE(more_than_a_window_before_a_receiver_closes_the_link) {
  two_devices d;
  d.alice.call(d.bob.address, d.bob.id());
  auto up = d.alice.must<link_up>("link_up");
  const std::string hello(wire_limits::frame_bytes_before_hello, 'x');
  d.alice.send(up.link, std::vector(frame_splitter::held_bytes / hello.size() + 1, hello));
  auto down = d.bob.must<link_down>("link_down");
  BOOST_TEST(contains(down.reason, "before there was a session"));
}

BOOST_AUTO_TEST_CASE(a_closed_link_sends_what_it_was_given_first) {
  two_devices d;
  d.connect();
  std::vector<std::string> sent;
  for (int i = 0; i < 20; ++i)
    sent.push_back(std::string(100'000, static_cast<char>('a' + i)));
  d.alice.send(d.to_bob, {"first"});
  d.bob.frames(1); // bob's end has its receiver: before, it takes a Hello's bytes at most
  d.alice.send(d.to_bob, sent);
  d.alice.owner->send(d.to_bob, close_link{"enough"});
  BOOST_TEST((d.bob.frames(sent.size()) == sent));
  auto here = d.alice.must<link_down>("link_down");
  BOOST_TEST(here.reason == "enough");
  BOOST_TEST((here.peer == d.bob.id()));
  BOOST_TEST((here.link == d.to_bob.address()));
  auto there = d.bob.must<link_down>("link_down at the other end");
  BOOST_TEST(there.reason == "the peer closed the link");
  BOOST_TEST((there.link == d.to_alice.address()));
  // Owner and receiver are one here: it hears of it once.
  BOOST_TEST(!d.alice.next<link_down>(50ms).has_value());
  BOOST_TEST(!d.bob.next<link_down>(0ms).has_value());
}

// It passes that on behind what came before: seen, the owner told others first.
BOOST_AUTO_TEST_CASE(a_receiver_apart_from_the_owner_hears_of_the_end_in_its_place) {
  two_devices d;
  d.connect();
  caf::scoped_actor receiver{d.bob.system};
  d.attach_at_bob(receiver);
  d.alice.send(d.to_bob, {"to the new receiver"});
  std::string got;
  receiver->receive([&](frames_in& in) { got = in.payloads.at(0); }, caf::after(patience) >> [] {});
  BOOST_TEST(got == "to the new receiver");
  caf::anon_send_exit(d.to_bob, caf::exit_reason::kill);
  int downs = 0;
  receiver->receive([&](link_down&) { ++downs; }, caf::after(patience) >> [] {});
  BOOST_TEST(downs == 1);
  BOOST_TEST(!d.bob.next<link_down>(300ms).has_value());
}

BOOST_AUTO_TEST_CASE(a_link_ends_with_its_receiver) {
  two_devices d;
  d.connect();
  {
    caf::scoped_actor receiver{d.bob.system};
    d.attach_at_bob(receiver);
    d.alice.send(d.to_bob, {"x"});
    receiver->receive([&](frames_in&) {}, caf::after(patience) >> [] {});
  }
  BOOST_TEST(contains(d.bob.must<link_down>("link_down").reason, "session has ended"));
  d.alice.must<link_down>("link_down at the other end");
}

BOOST_AUTO_TEST_CASE(an_exit_message_ends_a_link_and_both_ends_are_told) {
  two_devices d;
  d.connect();
  d.alice.owner->send_exit(d.to_bob, caf::exit_reason::user_shutdown);
  BOOST_TEST(contains(d.alice.must<link_down>("link_down").reason, "stopping"));
  d.bob.must<link_down>("link_down at the other end");
}

BOOST_AUTO_TEST_CASE(a_peer_whose_process_ends_takes_the_link_down) {
  key_holder dead;
  device alice;
  alice.knows(dead);
  caf::actor link;
  {
    dead.members->add(alice.id());
    raw_peer peer{alice.address.port, dead.context};
    BOOST_REQUIRE(peer.shake_hands());
    link = alice.must<link_up>("link_up").link;
  } // the kernel closes its sockets, without a goodbye
  auto down = alice.must<link_down>("link_down");
  BOOST_TEST((down.peer == dead.id()));
  BOOST_TEST((down.link == link.address()));
}

BOOST_AUTO_TEST_CASE(a_length_of_4_gib_closes_the_link) {
  key_holder eve;
  device alice;
  alice.knows(eve);
  eve.members->add(alice.id());
  raw_peer peer{alice.address.port, eve.context};
  BOOST_REQUIRE(peer.shake_hands());
  BOOST_REQUIRE(peer.send("\xff\xff\xff\xff"));
  auto down = alice.must<link_down>("link_down");
  BOOST_TEST(contains(down.reason, "4294967295"));
  BOOST_TEST(peer.client.closed_by(deadline_clock::now() + patience));
}

BOOST_AUTO_TEST_CASE(a_frame_that_stops_in_the_middle_closes_the_link) {
  key_holder eve;
  device alice{with_frame_time(200ms)};
  alice.knows(eve);
  eve.members->add(alice.id());
  raw_peer peer{alice.address.port, eve.context};
  BOOST_REQUIRE(peer.shake_hands());
  BOOST_REQUIRE(peer.send(std::string("\0\0\0\5abcde\0\0\0\5ab", 15)));
  auto down = alice.must<link_down>("link_down");
  BOOST_TEST(contains(down.reason, "a frame took too long"));
}

BOOST_AUTO_TEST_CASE(time_between_frames_is_nobodys_concern) {
  two_devices d{with_frame_time(100ms)};
  d.connect();
  d.alice.send(d.to_bob, {"one"});
  d.bob.frames(1);
  BOOST_TEST(!d.bob.next<link_down>(300ms).has_value());
  d.alice.send(d.to_bob, {"two"});
  BOOST_TEST((d.bob.frames(1) == std::vector<std::string>{"two"}));
}

BOOST_AUTO_TEST_CASE(a_peer_that_never_reads_is_cut_off_at_the_cap) {
  key_holder eve;
  device alice;
  alice.knows(eve);
  eve.members->add(alice.id());
  raw_peer peer{alice.address.port, eve.context};
  BOOST_REQUIRE(peer.shake_hands());
  auto link = alice.must<link_up>("link_up").link;
  std::string megabyte(1 << 20, 'x');
  std::optional<link_down> down;
  size_t sent = 0;
  for (; !down && sent < 200; ++sent) {
    alice.send(link, {megabyte});
    down = alice.next<link_down>(1ms);
  }
  BOOST_REQUIRE(down);
  BOOST_TEST(contains(down->reason, "does not read"));
  BOOST_TEST(sent > (link_limits{}.output_bytes >> 20));
  BOOST_TEST(peer.client.closed_by(deadline_clock::now() + patience));
}

BOOST_AUTO_TEST_CASE(a_peer_that_stops_reading_is_cut_off_when_nothing_drains) {
  key_holder eve;
  link_limits limits;
  limits.write_stall = 300ms;
  device alice{limits};
  alice.knows(eve);
  eve.members->add(alice.id());
  raw_peer peer{alice.address.port, eve.context};
  BOOST_REQUIRE(peer.shake_hands());
  auto link = alice.must<link_up>("link_up").link;
  for (int i = 0; i < 20; ++i) // more than the kernel takes
    alice.send(link, {std::string(1 << 20, 'x')});
  BOOST_TEST(contains(alice.must<link_down>("link_down").reason, "stopped reading"));
}

BOOST_AUTO_TEST_CASE(a_stalled_peer_cannot_put_off_a_close) {
  key_holder eve;
  link_limits limits;
  limits.drain = 200ms;
  device alice{limits};
  alice.knows(eve);
  eve.members->add(alice.id());
  raw_peer peer{alice.address.port, eve.context};
  BOOST_REQUIRE(peer.shake_hands());
  auto link = alice.must<link_up>("link_up").link;
  for (int i = 0; i < 20; ++i)
    alice.send(link, {std::string(1 << 20, 'x')});
  alice.owner->send(link, close_link{"enough"});
  BOOST_TEST(alice.must<link_down>("link_down").reason == "enough");
  BOOST_TEST(peer.client.closed_by(deadline_clock::now() + patience));
}

BOOST_AUTO_TEST_CASE(a_peer_that_sends_more_than_is_read_is_cut_off) {
  key_holder eve;
  link_limits limits;
  limits.inbox_bytes = 1 << 20;
  device alice{limits};
  alice.knows(eve);
  eve.members->add(alice.id());
  raw_peer peer{alice.address.port, eve.context};
  BOOST_REQUIRE(peer.shake_hands());
  auto link = alice.must<link_up>("link_up").link;
  alice.attach_to(link);
  std::string frame = std::string("\0\1\0\0", 4) + std::string(65536, 'x');
  BOOST_REQUIRE(peer.send(frame));
  alice.must<frames_in>("frames_in"); // attached: before that another bound holds
  for (int i = 0; i < 100 && peer.send(frame); ++i) {
  }
  auto down = alice.must<link_down>("link_down");
  BOOST_TEST(contains(down.reason, "credit"));
  // What was let in is bounded, and dropping it gives the room back.
  size_t bytes = 0;
  while (auto in = alice.next<frames_in>(0ms))
    bytes += in->wire_bytes;
  BOOST_TEST(bytes > 0u);
  BOOST_TEST(bytes <= limits.inbox_bytes);
}

BOOST_AUTO_TEST_CASE(what_is_read_makes_room_for_more) {
  link_limits limits;
  limits.inbox_bytes = 1 << 20;
  two_devices d{limits};
  d.connect();
  std::string payload(100'000, 'x');
  for (int i = 0; i < 100; ++i) {
    d.alice.send(d.to_bob, {payload});
    BOOST_REQUIRE(d.bob.frames(1).size() == 1);
  }
}

BOOST_AUTO_TEST_CASE(devices_stop_with_links_half_open_and_stalled) {
  key_holder eve;
  std::vector<std::unique_ptr<raw_peer>> peers;
  for (int round = 0; round < 5; ++round) {
    two_devices d;
    d.connect();
    d.alice.knows(eve);
    eve.members->add(d.alice.id());
    peers.push_back(std::make_unique<raw_peer>(d.alice.address.port, eve.context));
    BOOST_REQUIRE(peers.back()->shake_hands());
    raw_client half_open{d.alice.address.port};
    BOOST_REQUIRE(half_open.connected());
    auto stalled = d.alice.must<link_up>("link_up").link;
    for (int i = 0; i < 20; ++i)
      d.alice.send(stalled, {std::string(1 << 20, 'x')});
    // Nobody is told to stop: listener, dialer and links end with their owner, or ~actor_system
    // would hang here.
  }
}

BOOST_AUTO_TEST_SUITE_END()
