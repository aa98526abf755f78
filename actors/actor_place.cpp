#include "actors/actor_place.hpp"

#include <caf/actor_system.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/multiplexer.hpp>
#include <caf/scoped_execution_unit.hpp>

#include <pthread.h>

#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

namespace shoal {

/// Runs one actor, whenever that is put into it.
struct actor_place::own_thread {
  std::mutex mutex; // guards what follows
  std::condition_variable changed;
  caf::intrusive_ptr<caf::resumable> next;
  bool ended = false;

  void put(caf::resumable* actor) {
    {
      const std::lock_guard guard(mutex);
      next.reset(actor, false);
    }
    changed.notify_one(); // not before: it would wake only to wait for the lock
  }
  void end() {
    {
      const std::lock_guard guard(mutex);
      ended = true;
    }
    changed.notify_one();
  }
  void loop(caf::actor_system& system) {
    caf::scoped_execution_unit here(&system);
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return next || ended; });
      if (!next)
        return;
      auto actor = std::move(next);
      lock.unlock();
      if (actor->resume(&here, SIZE_MAX) == caf::resumable::resume_later)
        put(actor.release());
      actor.reset(); // maybe the last reference
      lock.lock();
    }
  }
};

actor_place::actor_place(caf::actor_system& system, std::string name)
    : system_(system), name_(std::move(name)) {}

actor_place::~actor_place() { end(); }

bool actor_place::leave_sockets() {
  if (!own_) {
    auto own = std::make_shared<own_thread>();
    system_.inc_detached_threads(); // the system ends after them
    try {
      std::thread([own, &system = system_, name = name_]() mutable {
        pthread_setname_np(pthread_self(), name.c_str());
        own->loop(system);
        own = nullptr;
        system.dec_detached_threads();
      }).detach();
    } catch (const std::system_error&) {
      system_.dec_detached_threads();
      return false;
    }
    own_ = std::move(own);
  }
  aside_ = true;
  return true;
}

void actor_place::run(caf::resumable* actor) {
  if (aside_)
    own_->put(actor);
  else
    system_.middleman().backend().exec_later(actor);
}

void actor_place::end() {
  if (own_)
    own_->end();
}

/// As socket_thread_actor, but it is the place that says who runs it.
class moving_actor : public caf::event_based_actor {
public:
  moving_actor(caf::actor_config& config, std::shared_ptr<actor_place> place, actor_body body)
      : caf::event_based_actor(config), place_(std::move(place)), body_(std::move(body)),
        router_(&home_system(), *place_) {}

  using caf::event_based_actor::enqueue;
  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    caf::event_based_actor::enqueue(std::move(what), &router_);
  }
  void launch(caf::execution_unit*, bool lazy, bool hide) override {
    caf::event_based_actor::launch(&router_, lazy, hide);
  }
  subtype_t subtype() const override { return io_actor; } // else the multiplexer hands it on

  /// One message: what it sent to others is handled before its next one. Once there is no message
  /// left, another thread may run the actor at any moment.
  resume_result resume(caf::execution_unit* where, size_t) override {
    const bool aside = place_->aside();
    if (const auto r = caf::event_based_actor::resume(where, 1); r != resume_later)
      return r;
    if (place_->aside() == aside)
      return resume_later;
    caf::intrusive_ptr_add_ref(static_cast<caf::resumable*>(this));
    place_->run(this);
    return awaiting_message; // as for whoever ran it until now
  }

protected:
  caf::behavior make_behavior() override {
    attach_functor([place = place_] { place->end(); });
    return std::exchange(body_, {})(this);
  }

private:
  struct router : caf::execution_unit {
    router(caf::actor_system* system, actor_place& to) : caf::execution_unit(system), place(to) {}
    void exec_later(caf::resumable* actor) override { place.run(actor); }
    actor_place& place;
  };

  const std::shared_ptr<actor_place> place_;
  actor_body body_;
  router router_;
};

caf::actor spawn_with_place(caf::actor_system& system, std::shared_ptr<actor_place> place,
                            actor_body body) {
  return system.spawn<moving_actor>(std::move(place), std::move(body));
}

} // namespace shoal
