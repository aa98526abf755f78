#include "actors/departed_library.hpp"

#include "actors/clocks.hpp"

#include <caf/all.hpp>

namespace shoal {

namespace {

class farewell {
public:
  farewell(caf::event_based_actor* self, departed_setup setup)
      : self_(self), setup_(std::move(setup)) {}

  void on(const session_up& s) { greet(s.link); }

  void on(const inbound& in) {
    if (const auto* h = std::get_if<hello>(in.body.get())) {
      const auto there = h->members.find(setup_.self);
      if (there != h->members.end() && there->second.generation > setup_.generation
          && !there->second.removed) {
        say(in.link, goodbye{"taken back", {}}); // the library's own Hello follows
        return heard(in.peer, there->second.generation);
      }
      // It has answered the greeting, or a library of its own has just come to be.
      if (there != h->members.end() && !there->second.removed
          && !greeted_.contains(in.link.address()))
        greet(in.link);
      return;
    }
    // Both are said by a member that holds the removal durably, the second also by one that never
    // had the library: then there is nothing to be told.
    const auto* bye = std::get_if<goodbye>(in.body.get());
    const auto* e = std::get_if<error_message>(in.body.get());
    if ((bye != nullptr && bye->reason == protocol::no_longer_a_member)
        || (e != nullptr && e->code == "unknown_library"))
      heard(in.peer, 0);
    else if (bye != nullptr)
      greeted_.erase(in.link.address());
  }

private:
  /// Holds nothing and takes nothing: all that the Hello says is the removal.
  void greet(const caf::actor& link) {
    greeted_.insert(link.address());
    hello h;
    h.boot_nonce = setup_.boot_nonce;
    h.name = setup_.name;
    h.window = 0;
    auto& own = h.members[setup_.self];
    own.generation = setup_.generation;
    own.removed = true;
    say(link, std::move(h));
  }
  void say(const caf::actor& link, message body) {
    self_->send(link, transport::frames_out{{encode_frame(
                          {setup_.library, setup_.self, wall_ms(), std::move(body)})}});
  }
  void heard(const device_id& peer, uint64_t taken_back) {
    self_->send(setup_.node, departure_heard{setup_.library, peer, taken_back});
  }

  caf::event_based_actor* self_;
  departed_setup setup_;
  std::set<caf::actor_addr> greeted_; // links
};

} // namespace

caf::behavior departed_library(caf::event_based_actor* self, departed_setup setup) {
  auto state = std::make_shared<farewell>(self, std::move(setup));
  return {
      [=](const session_up& s) { state->on(s); },
      [=](const inbound& in) { state->on(in); },
      [](const session_down&) {},
  };
}

} // namespace shoal
