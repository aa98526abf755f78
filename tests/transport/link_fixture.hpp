#pragma once
// Devices with real sockets, several in one process. Every wait ends with its condition or fails at
// a deadline.

#include "actors/transport/dialer.hpp"
#include "actors/transport/listener.hpp"
#include "actors/transport/multiplexer.hpp"
#include "tests/transport/raw_client.hpp"
#include "tests/transport/temp_dir.hpp"

#include <boost/test/unit_test.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/network/multiplexer.hpp>
#include <caf/scoped_actor.hpp>

#include <future>
#include <mutex>
#include <set>

namespace shoal::transport::test {

constexpr auto patience = 20s; // of every wait; a sanitizer build on a busy machine is slow

struct caf_config : caf::actor_system_config {
  caf_config() {
    add_message_types<caf::id_block::shoal_transport>();
    load_middleman(*this);
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", 2);
  }
};

/// The devices that someone takes; changed and asked on different threads.
class member_list {
public:
  void add(const device_id& device) {
    std::lock_guard lock{mutex_};
    members_.insert(device);
  }
  bool has(const device_id& device) const {
    std::lock_guard lock{mutex_};
    return members_.contains(device);
  }

private:
  mutable std::mutex mutex_;
  std::set<device_id> members_;
};

/// A key and whom it takes, without anything running.
struct key_holder {
  temp_dir dir;
  identity self = *make_identity(dir.path(), "a device");
  std::shared_ptr<member_list> members = std::make_shared<member_list>();
  std::shared_ptr<const tls_context> context = *tls_context::make(
      self, [known = members](const device_id& peer) { return known->has(peer); });

  device_id id() const { return self.device(); }
};

/// Keeps the sockets' thread from work until it is released, so that something waits for it.
class held_loop {
public:
  explicit held_loop(caf::io::network::multiplexer& loop) {
    loop.post([this] {
      here_.set_value();
      go_.get_future().wait();
    });
    here_.get_future().wait();
  }
  void release() { go_.set_value(); }

private:
  std::promise<void> here_;
  std::promise<void> go_;
};

/// A device with listener and dialer. The test is its owner, and the receiver of its links.
struct device : key_holder {
  caf_config config;
  caf::actor_system system{config};
  caf::scoped_actor owner{system};
  std::shared_ptr<traffic> counters = std::make_shared<traffic>();
  config::address address;
  caf::actor listener;
  caf::actor dialer;

  explicit device(link_limits limits = {}, accept_limits accept = {}) {
    link_context common{context, owner, counters, limits};
    auto socket = open_listener({"127.0.0.1", 0});
    BOOST_REQUIRE(socket.ok());
    address = socket->bound;
    listener = spawn_listener(system, std::move(*socket), common, accept);
    dialer = spawn_dialer(system, common);
  }

  /// What was not read holds links, and links hold their owner: dropped, so that all of them go.
  ~device() {
    owner->send_exit(listener, caf::exit_reason::user_shutdown);
    owner->send_exit(dialer, caf::exit_reason::user_shutdown);
    const auto drop = [](auto&&) {};
    for (bool more = true; more;)
      owner->receive([=](const link_up& x) { drop(x); }, [=](const link_down& x) { drop(x); },
                     [=](const link_refused& x) { drop(x); },
                     [=](const dial_failed& x) { drop(x); }, [=](const frames_in& x) { drop(x); },
                     caf::after(std::chrono::milliseconds(0)) >> [&] { more = false; });
  }

  void knows(const key_holder& other) { members->add(other.id()); }

  /// The next message of the type; others stay where they are.
  template <class T>
  std::optional<T> next(std::chrono::milliseconds wait = patience) {
    std::optional<T> got;
    owner->receive([&](T& message) { got = std::move(message); }, caf::after(wait) >> [] {});
    return got;
  }
  template <class T>
  T must(const char* what) {
    auto got = next<T>();
    BOOST_REQUIRE_MESSAGE(got, "no " << what);
    return std::move(*got);
  }

  void call(const config::address& at, std::optional<device_id> expected = {}) {
    owner->send(dialer, dial{at, expected});
  }
  void attach_to(const caf::actor& link) { owner->send(link, attach{owner}); }
  void send(const caf::actor& link, std::vector<std::string> payloads) {
    frames_out out;
    for (const auto& payload : payloads) {
      std::string frame;
      for (int shift = 24; shift >= 0; shift -= 8)
        frame += static_cast<char>(payload.size() >> shift & 0xff);
      out.frames.push_back(std::make_shared<const std::string>(frame + payload));
    }
    owner->send(link, std::move(out));
  }
  /// Gathers frames until there are `count`.
  std::vector<std::string> frames(size_t count) {
    std::vector<std::string> all;
    while (all.size() < count) {
      auto in = next<frames_in>();
      BOOST_REQUIRE_MESSAGE(in, "only " << all.size() << " of " << count << " frames came");
      for (auto& payload : in->payloads)
        all.push_back(std::move(payload));
    }
    return all;
  }
};

/// Two devices that know each other.
struct two_devices {
  device alice;
  device bob;
  caf::actor to_bob;   // alice's end
  caf::actor to_alice; // bob's end

  explicit two_devices(link_limits limits = {}) : alice(limits), bob(limits) {
    alice.knows(bob);
    bob.knows(alice);
  }
  void connect() {
    alice.call(bob.address, bob.id());
    auto up = alice.must<link_up>("link_up at the dialling end");
    BOOST_TEST((up.peer == bob.id()));
    BOOST_TEST(up.outbound);
    BOOST_TEST(up.remote == config::to_string(bob.address));
    to_bob = up.link;
    up = bob.must<link_up>("link_up at the listening end");
    BOOST_TEST((up.peer == alice.id()));
    BOOST_TEST(!up.outbound);
    to_alice = up.link;
    alice.attach_to(to_bob);
    bob.attach_to(to_alice);
  }
  /// Bob's end gives its frames to `receiver` when this returns: an attach and a frame come to a
  /// link by different ways, so bob's answer, which the link sends after it took the attach, is
  /// waited for.
  void attach_at_bob(const caf::actor& receiver) {
    bob.owner->send(to_alice, attach{receiver});
    bob.send(to_alice, {"attached"});
    BOOST_REQUIRE((alice.frames(1) == std::vector<std::string>{"attached"}));
  }
};

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace shoal::transport::test
