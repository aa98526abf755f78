// Getting a link, and being refused one.

#include "actors/transport/openssl.hpp"
#include "tests/transport/link_fixture.hpp"

#include <caf/io/middleman.hpp>

#include <atomic>
#include <sys/resource.h>
#include <thread>

using namespace shoal;
using namespace shoal::transport;
using namespace shoal::transport::test;

namespace {

/// A TLS client with settings of its own, on a blocking socket.
struct strange_tls {
  std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>> context{SSL_CTX_new(TLS_client_method())};
  key_ptr key;
  certificate_ptr certificate;

  strange_tls() {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const uint8_t*>("\7shoal/1"), 8);
  }
  void use(const identity& self) {
    BOOST_REQUIRE(SSL_CTX_use_certificate(context.get(), self.native_certificate()) == 1);
    BOOST_REQUIRE(SSL_CTX_use_PrivateKey(context.get(), self.native_key()) == 1);
  }
  /// A certificate that some authority might have issued, with a key of the kind.
  void use_new(const char* kind, const char* curve) {
    key.reset(curve ? EVP_PKEY_Q_keygen(nullptr, nullptr, kind, curve)
                    : EVP_PKEY_Q_keygen(nullptr, nullptr, kind, size_t{2048}));
    certificate.reset(X509_new());
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    BOOST_REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
    BOOST_REQUIRE(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1);
    BOOST_REQUIRE(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1);
  }

  /// True if the server cuts the session off, without a byte of application data.
  bool refused_by(uint16_t port) {
    raw_client client{port};
    timeval patient{20, 0};
    ::setsockopt(client.fd(), SOL_SOCKET, SO_RCVTIMEO, &patient, sizeof patient);
    std::unique_ptr<SSL, freed_by<SSL_free>> ssl{SSL_new(context.get())};
    SSL_set_fd(ssl.get(), client.fd());
    char byte = 0;
    // In TLS 1.3 a client may be up before the server has seen its certificate; the first read then
    // tells.
    bool refused = SSL_connect(ssl.get()) != 1 || SSL_read(ssl.get(), &byte, 1) <= 0;
    ERR_clear_error();
    return refused && client.closed_by(deadline_clock::now() + patience);
  }
};

} // namespace

BOOST_AUTO_TEST_SUITE(connecting)

BOOST_AUTO_TEST_CASE(a_port_in_use_is_an_error_that_names_the_address) {
  auto first = open_listener({"127.0.0.1", 0});
  BOOST_REQUIRE(first.ok());
  BOOST_TEST(first->bound.port != 0);
  auto second = open_listener(first->bound);
  BOOST_REQUIRE(!second.ok());
  BOOST_TEST((second.err().code == ec::config));
  BOOST_TEST(contains(second.err().message, config::to_string(first->bound)));
  auto nowhere = open_listener({"192.0.2.1", 7420});
  BOOST_REQUIRE(!nowhere.ok());
  BOOST_TEST(contains(nowhere.err().message, "192.0.2.1:7420"));
}

BOOST_AUTO_TEST_CASE(names_and_ipv6_literals_are_dialled) {
  for (const char* host : {"localhost", "::1"}) {
    device alice;
    key_holder nobody;
    auto socket = open_listener({host, 0});
    if (!socket.ok() && std::string{host} == "::1") {
      BOOST_TEST_MESSAGE("no IPv6 on this machine: " << socket.err().message);
      continue;
    }
    BOOST_REQUIRE(socket.ok());
    device bob;
    alice.knows(bob);
    bob.knows(alice);
    auto address = socket->bound;
    auto second =
        spawn_listener(bob.system, std::move(*socket), {bob.context, bob.owner, bob.counters, {}});
    alice.call(address, bob.id());
    auto up = alice.must<link_up>("link_up");
    BOOST_TEST((up.peer == bob.id()));
    bob.must<link_up>("link_up");
  }
}

BOOST_AUTO_TEST_CASE(a_dial_that_nobody_answers_fails_with_its_address_and_expectation) {
  device alice;
  key_holder bob;
  uint16_t closed_port = 0;
  {
    auto socket = open_listener({"127.0.0.1", 0});
    closed_port = socket->bound.port;
  }
  alice.call({"127.0.0.1", closed_port}, bob.id());
  auto failed = alice.must<dial_failed>("dial_failed");
  BOOST_TEST(failed.address.port == closed_port);
  BOOST_TEST((failed.expected == bob.id()));
  BOOST_TEST(contains(failed.reason, std::to_string(closed_port)));
  BOOST_TEST(contains(failed.reason, "refused"));
  alice.call({"no-such-host.invalid", 7420});
  failed = alice.must<dial_failed>("dial_failed");
  BOOST_TEST(contains(failed.reason, "no-such-host.invalid"));
}

BOOST_AUTO_TEST_CASE(a_dial_that_another_device_answers_fails_naming_both) {
  two_devices d;
  key_holder carol;
  d.alice.knows(carol);
  d.alice.call(d.bob.address, carol.id());
  auto failed = d.alice.must<dial_failed>("dial_failed");
  BOOST_TEST(contains(failed.reason, to_string(carol.id())));
  BOOST_TEST(contains(failed.reason, to_string(d.bob.id())));
  BOOST_TEST(!d.alice.next<link_up>(0ms).has_value());
}

BOOST_AUTO_TEST_CASE(a_dial_to_oneself_fails_and_says_so) {
  device alice;
  alice.knows(alice);
  alice.call(alice.address);
  BOOST_TEST(contains(alice.must<dial_failed>("dial_failed").reason, "this device itself"));
}

BOOST_AUTO_TEST_CASE(a_dial_to_a_mute_server_fails_at_the_handshake_deadline) {
  link_limits limits;
  limits.handshake = 200ms;
  device alice{limits};
  auto mute = open_listener({"127.0.0.1", 0}); // the kernel accepts, nobody answers
  alice.call(mute->bound);
  BOOST_TEST(contains(alice.must<dial_failed>("dial_failed").reason, "handshake took too long"));
}

BOOST_AUTO_TEST_CASE(more_dials_than_run_at_once_are_all_answered) {
  link_limits limits;
  limits.handshake = 100ms;
  device alice{limits};
  auto mute = open_listener({"127.0.0.1", 0});
  for (int i = 0; i < 30; ++i)
    alice.call(mute->bound);
  for (int i = 0; i < 30; ++i)
    alice.must<dial_failed>("dial_failed");
  BOOST_TEST(!alice.next<dial_failed>(0ms).has_value());
}

BOOST_AUTO_TEST_CASE(a_stranger_is_told_of_and_a_member_it_is_not) {
  device alice;
  device eve;
  eve.knows(alice);
  eve.call(alice.address, alice.id());
  auto refused = alice.must<link_refused>("link_refused");
  BOOST_TEST(contains(refused.reason, to_string(eve.id())));
  BOOST_TEST(contains(refused.remote, "127.0.0.1:"));
  BOOST_TEST(!alice.next<link_up>(0ms).has_value());
  BOOST_TEST(!alice.next<link_down>(0ms).has_value());
  // TLS 1.3: the stranger's end was up before it was refused.
  eve.must<link_up>("link_up");
  eve.must<link_down>("link_down");
}

BOOST_AUTO_TEST_CASE(strange_clients_are_cut_off_and_a_good_link_is_not_disturbed) {
  two_devices d;
  d.connect();
  auto port = d.bob.address.port;
  key_holder stranger;
  for (const std::string& rubbish :
       {std::string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n"}, std::string(3000, '\xff'),
        std::string(3000, '\0'), std::string("\0\0\0\5hello", 9)}) {
    raw_client client{port};
    client.send(rubbish);
    std::string got;
    ::shutdown(client.fd(), SHUT_WR);
    BOOST_TEST(client.closed_by(deadline_clock::now() + patience, &got));
    BOOST_TEST(got.size() < 10); // a TLS alert at most
  }
  strange_tls old;
  old.use(d.alice.self);
  SSL_CTX_set_max_proto_version(old.context.get(), TLS1_2_VERSION);
  BOOST_TEST(old.refused_by(port));
  strange_tls anonymous;
  BOOST_TEST(anonymous.refused_by(port));
  strange_tls unknown;
  unknown.use(stranger.self);
  BOOST_TEST(unknown.refused_by(port));
  strange_tls elliptic;
  elliptic.use_new("EC", "P-256");
  BOOST_TEST(elliptic.refused_by(port));
  strange_tls rsa;
  rsa.use_new("RSA", nullptr);
  BOOST_TEST(rsa.refused_by(port));
  strange_tls other_protocol;
  other_protocol.use(d.alice.self);
  SSL_CTX_set_alpn_protos(other_protocol.context.get(),
                          reinterpret_cast<const uint8_t*>("\7shoal/2"), 8);
  BOOST_TEST(other_protocol.refused_by(port));
  strange_tls no_protocol;
  no_protocol.use(d.alice.self);
  SSL_CTX_set_alpn_protos(no_protocol.context.get(), nullptr, 0);
  BOOST_TEST(no_protocol.refused_by(port));

  d.alice.send(d.to_bob, {"still here"});
  BOOST_TEST((d.bob.frames(1) == std::vector<std::string>{"still here"}));
  BOOST_TEST(!d.bob.next<link_up>(0ms).has_value());
  BOOST_TEST(!d.bob.next<link_down>(0ms).has_value());
  BOOST_TEST(!d.alice.next<link_down>(0ms).has_value());
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_certificate_without_its_key_is_worth_nothing) {
  // The certificate of a member, signed for with another key: OpenSSL refuses such a pair, so the
  // key is swapped in under a certificate that claims the member's name.
  two_devices d;
  strange_tls forger;
  forger.key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  forger.certificate.reset(X509_dup(d.alice.self.native_certificate()));
  BOOST_REQUIRE(X509_set_pubkey(forger.certificate.get(), forger.key.get()) == 1);
  BOOST_REQUIRE(SSL_CTX_use_certificate(forger.context.get(), forger.certificate.get()) == 1);
  BOOST_REQUIRE(SSL_CTX_use_PrivateKey(forger.context.get(), forger.key.get()) == 1);
  BOOST_TEST(forger.refused_by(d.bob.address.port));
  BOOST_TEST(!d.bob.next<link_up>(0ms).has_value());
}

BOOST_AUTO_TEST_CASE(two_hundred_half_open_connections_are_reaped_and_disturb_nobody) {
  accept_limits open_wide{.unauthenticated = 500, .unauthenticated_loopback = 500};
  device bob{{}, open_wide};
  device alice;
  device carol;
  for (auto* other : {&alice, &carol}) {
    bob.knows(*other);
    other->knows(bob);
  }
  alice.call(bob.address, bob.id());
  auto link = alice.must<link_up>("link_up").link;
  auto link_at_bob = bob.must<link_up>("link_up").link;
  alice.attach_to(link);
  bob.attach_to(link_at_bob);

  auto begun = deadline_clock::now();
  std::vector<std::unique_ptr<raw_client>> idle;
  for (int i = 0; i < 200; ++i) {
    idle.push_back(std::make_unique<raw_client>(bob.address.port));
    BOOST_REQUIRE(idle.back()->connected());
  }
  // In their midst a good link goes on, and another one comes up.
  for (int i = 0; i < 100; ++i) {
    alice.send(link, {"ping"});
    bob.frames(1);
    bob.send(link_at_bob, {"pong"});
    alice.frames(1);
  }
  carol.call(bob.address, bob.id());
  carol.must<link_up>("link_up");
  bob.must<link_up>("link_up");
  BOOST_TEST((deadline_clock::now() - begun < link_limits{}.handshake)); // none was reaped yet

  for (auto& client : idle)
    BOOST_REQUIRE(client->closed_by(begun + patience));
  auto took = deadline_clock::now() - begun;
  BOOST_TEST_MESSAGE("reaped after " << std::chrono::duration<double>(took).count() << " s");
  BOOST_TEST((took >= link_limits{}.handshake));
  BOOST_TEST((took < link_limits{}.handshake + 2s));
  alice.send(link, {"ping"});
  BOOST_TEST(bob.frames(1).size() == 1u);
}

BOOST_AUTO_TEST_CASE(strangers_beyond_the_bound_are_closed_at_once) {
  accept_limits tight{.unauthenticated_loopback = 5};
  device bob{{}, tight};
  std::vector<std::unique_ptr<raw_client>> idle;
  for (int i = 0; i < 5; ++i)
    idle.push_back(std::make_unique<raw_client>(bob.address.port));
  auto begun = deadline_clock::now();
  raw_client one_more{bob.address.port};
  BOOST_TEST(one_more.closed_by(begun + link_limits{}.handshake / 2));
  BOOST_TEST(contains(bob.must<link_refused>("link_refused").reason, "5 unauthenticated"));
  // One leaves, and there is room again.
  key_holder alice;
  alice.members->add(bob.id());
  bob.knows(alice);
  idle.clear();
  raw_peer peer{bob.address.port, alice.context};
  bool in = peer.shake_hands();
  for (auto until = deadline_clock::now() + patience; !in && deadline_clock::now() < until;) {
    raw_peer again{bob.address.port, alice.context};
    in = again.shake_hands();
  }
  BOOST_TEST(in);
}

namespace {

/// How many were refused in each round of a loop that is never idle.
struct refused_in_rounds {
  caf::io::network::multiplexer& loop;
  const traffic& counters;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> seen{0};
  uint64_t most = 0;

  void look() {
    const uint64_t now = counters.refused;
    most = std::max(most, now - seen);
    seen = now;
    if (!stop)
      loop.post([this] { look(); });
  }
};

} // namespace

// Else members of one address that waited while the node was busy would go beyond the bound.
BOOST_AUTO_TEST_CASE(a_few_of_a_burst_are_accepted_before_actors_run) {
  constexpr size_t burst = 12;
  device bob{{}, accept_limits{.per_turn_loopback = 2}};
  auto& loop = bob.system.middleman().backend();
  refused_in_rounds rounds{loop, *bob.counters};
  held_loop held(loop);
  loop.post([&] { rounds.look(); });
  std::vector<std::unique_ptr<raw_client>> waiting;
  for (size_t i = 0; i < burst; ++i) {
    waiting.push_back(std::make_unique<raw_client>(bob.address.port));
    waiting.back()->send("no TLS"); // refused as soon as it is read
  }
  held.release();
  const auto until = deadline_clock::now() + patience;
  while (rounds.seen < burst && deadline_clock::now() < until)
    std::this_thread::sleep_for(1ms);
  rounds.stop = true;
  std::promise<void> over;
  loop.post([&] { over.set_value(); }); // behind the last look
  over.get_future().wait();
  BOOST_TEST(rounds.seen == burst);
  BOOST_TEST(rounds.most <= 2U);
}

BOOST_AUTO_TEST_CASE(a_storm_of_connections_is_slowed_down_but_not_for_ever) {
  accept_limits tight{.unauthenticated_loopback = 1};
  device bob{{}, tight};
  key_holder alice;
  alice.members->add(bob.id());
  bob.knows(alice);
  {
    std::vector<std::unique_ptr<raw_client>> storm;
    for (size_t i = 0; i < 4 * refusals_per_pause; ++i)
      storm.push_back(std::make_unique<raw_client>(bob.address.port));
    for (size_t i = 1; i < storm.size(); ++i)
      BOOST_REQUIRE(storm[i]->closed_by(deadline_clock::now() + patience));
  }
  bool in = false;
  for (auto until = deadline_clock::now() + patience; !in && deadline_clock::now() < until;) {
    raw_peer peer{bob.address.port, alice.context};
    in = peer.shake_hands();
  }
  BOOST_TEST(in);
}

BOOST_AUTO_TEST_CASE(a_process_short_of_descriptors_refuses_and_recovers_without_spinning) {
  key_holder alice;
  device bob;
  alice.members->add(bob.id());
  bob.knows(alice);
  rlimit before{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  raw_peer first{bob.address.port, alice.context};
  BOOST_REQUIRE(first.shake_hands());
  raw_client waiting{
      bob.address.port}; // has its descriptor before they are gone; needs one at bob's end
  // Takes every descriptor there is; new ones fail as they would with the kernel's limit reached.
  std::vector<socket_fd> taken;
  rlimit low = before;
  low.rlim_cur = 256;
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  for (;;) {
    socket_fd fd{::dup(0)};
    if (!fd.valid())
      break;
    taken.push_back(std::move(fd));
  }
  // The good link lives on.
  BOOST_TEST(first.send(std::string("\0\0\0\1x", 5)));
  bob.attach_to(bob.must<link_up>("link_up").link);
  BOOST_TEST(bob.frames(1).size() == 1u);
  auto cpu = [] {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return std::chrono::seconds{used.ru_utime.tv_sec + used.ru_stime.tv_sec}
           + std::chrono::microseconds{used.ru_utime.tv_usec + used.ru_stime.tv_usec};
  };
  taken.clear();
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  bool in = false;
  auto cpu_before = cpu();
  for (auto until = deadline_clock::now() + patience; !in && deadline_clock::now() < until;) {
    raw_peer peer{bob.address.port, alice.context};
    in = peer.shake_hands();
  }
  BOOST_TEST(in);
  BOOST_TEST((cpu() - cpu_before < 5s));
}

BOOST_AUTO_TEST_SUITE_END()
