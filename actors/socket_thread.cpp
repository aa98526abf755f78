#include "actors/socket_thread.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/multiplexer.hpp>

namespace shoal {

namespace {

/// As a broker without connections: caf/io/abstract_broker.hpp has the same three.
class socket_thread_actor : public caf::event_based_actor {
public:
  socket_thread_actor(caf::actor_config& config, actor_body body)
      : caf::event_based_actor(config), body_(std::move(body)) {}

  using caf::event_based_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    caf::event_based_actor::enqueue(std::move(what), &sockets());
  }
  void launch(caf::execution_unit*, bool lazy, bool hide) override {
    caf::event_based_actor::launch(&sockets(), lazy, hide);
  }
  subtype_t subtype() const override { return io_actor; } // else the multiplexer hands it on

protected:
  caf::behavior make_behavior() override { return std::exchange(body_, {})(this); }

private:
  caf::execution_unit& sockets() { return home_system().middleman().backend(); }

  actor_body body_;
};

} // namespace

caf::actor spawn_in_socket_thread(caf::actor_system& system, actor_body body) {
  return system.spawn<socket_thread_actor>(std::move(body));
}

} // namespace shoal
