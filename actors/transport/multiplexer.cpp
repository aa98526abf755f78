#include "actors/transport/multiplexer.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/defaults.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/make_counted.hpp>
#include <caf/ref_counted.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>

#include <iterator>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace shoal::transport {
namespace {

/// At sockets, between actors' turns; so that much traffic does not keep actors from work.
constexpr int looks_max = 16;

/// Does nothing: it comes through the pipe of a loop that sleeps.
class alarm final : public caf::ref_counted, public caf::resumable {
public:
  subtype_t subtype() const override { return function_object; }
  resume_result resume(caf::execution_unit*, size_t) override { return done; }
  void intrusive_ptr_add_ref_impl() override { ref(); }
  void intrusive_ptr_release_impl() override { deref(); }
};

class multiplexer : public caf::io::network::default_multiplexer {
public:
  explicit multiplexer(caf::actor_system* system)
      : default_multiplexer(system),
        messages_max_(caf::get_or(system->config(), "scheduler.max-throughput",
                                  caf::defaults::scheduler::max_throughput)) {}

  ~multiplexer() override {
    for (auto* left : {&own_, &others_})
      while (!left->empty()) { // an actor that ends may post
        const auto last = left->back().release();
        left->pop_back();
        caf::scheduler::abstract_coordinator::cleanup_and_release(last);
      }
  }

  /// Any thread. Takes the reference over.
  void exec_later(caf::resumable* what) override {
    const auto kind = what->subtype();
    if (kind != caf::resumable::io_actor && kind != caf::resumable::function_object)
      return default_multiplexer::exec_later(what); // the scheduler's
    if (std::this_thread::get_id() == thread_id())
      return void(own_.emplace_back(what, false));
    {
      const std::lock_guard guard(mutex_);
      others_.emplace_back(what, false);
      if (!std::exchange(asleep_, false))
        return;
    }
    default_multiplexer::exec_later(caf::make_counted<alarm>().release());
  }

  void run() override {
    while (num_socket_handlers() > 0) {
      run_generation();
      if (num_socket_handlers() == 0)
        return; // or it would sleep for ever
      look_at_sockets(may_sleep());
    }
  }

private:
  /// Until none has anything: what has come is there together when actors run, and makes one
  /// commit, or one exchange. CAF takes one connection per look.
  void look_at_sockets(bool sleep) {
    bool some = poll_once(sleep);
    for (int looks = 1; some && looks < looks_max; ++looks)
      some = poll_once(false);
  }

  void run_generation() {
    {
      const std::lock_guard guard(mutex_);
      asleep_ = false;
      if (own_.empty())
        own_.swap(others_);
      else
        std::move(others_.begin(), others_.end(), std::back_inserter(own_));
      others_.clear();
    }
    if (own_.empty())
      return;
    running_.swap(own_);
    for (auto& r : running_)
      resume_once(std::move(r));
    running_.clear();
    handle_internal_events();
  }

  /// As default_multiplexer::resume, but who has not finished goes to the end of our queue.
  void resume_once(caf::intrusive_ptr<caf::resumable> what) {
    switch (what->resume(this, messages_max_)) {
    case caf::resumable::resume_later: own_.push_back(std::move(what)); break;
    case caf::resumable::shutdown_execution_unit:
      what.release(); // whoever sent it keeps it
      break;
    default: break;
    }
  }

  bool may_sleep() {
    const std::lock_guard guard(mutex_);
    asleep_ = own_.empty() && others_.empty();
    return asleep_;
  }

  using queue = std::vector<caf::intrusive_ptr<caf::resumable>>;

  const size_t messages_max_; // of one actor in a row
  queue own_;                 // posted by the loop's thread
  queue running_;
  std::mutex mutex_; // guards what follows
  queue others_;     // posted by other threads
  bool asleep_ = false;
};

} // namespace

void load_middleman(caf::actor_system_config& config) {
  config.load<caf::io::middleman, multiplexer>();
  // The second would find nothing, mostly.
  config.set("middleman.max-consecutive-reads", uint64_t{1});
}

} // namespace shoal::transport
