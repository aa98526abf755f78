#include "actors/transport/dialer.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <cerrno>
#include <deque>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>

namespace shoal::transport {
namespace {

using clock = std::chrono::steady_clock;
using resolved = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// Wakes all threads that wait for a connect, for good.
class stop_signal {
public:
  stop_signal() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  void raise() const { ::eventfd_write(event_.get(), 1); }
  int fd() const { return event_.get(); }

private:
  socket_fd event_;
};

enum class outcome : uint8_t { connected, failed, stopped };

/// Waits for a connect that is under way; `why` is an errno when it failed.
outcome await_connect(int fd, const stop_signal& stop, clock::time_point until, int& why) {
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now());
    pollfd waiting[] = {{fd, POLLOUT, 0}, {stop.fd(), POLLIN, 0}};
    int ready = ::poll(waiting, 2, static_cast<int>(std::max(left, 0ms).count()));
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready > 0 && waiting[1].revents != 0)
      return outcome::stopped;
    if (ready <= 0) {
      why = ready == 0 ? ETIMEDOUT : errno;
      return outcome::failed;
    }
    socklen_t size = sizeof why;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) != 0)
      why = errno;
    return why == 0 ? outcome::connected : outcome::failed;
  }
}

outcome connect_to(const addrinfo& at, const stop_signal& stop, clock::time_point until,
                   socket_fd& connected, int& why) {
  socket_fd fd{::socket(at.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  why = 0;
  auto done = outcome::connected;
  if (!fd.valid()
      || (::connect(fd.get(), at.ai_addr, at.ai_addrlen) != 0 && errno != EINPROGRESS)) {
    why = errno;
    done = outcome::failed;
  } else {
    done = await_connect(fd.get(), stop, until, why);
  }
  if (done == outcome::connected)
    connected = std::move(fd);
  return done;
}

/// The whole of one dial, on its own thread.
void run_dial(caf::event_based_actor* self, const dial& asked, const link_context& context,
              const std::shared_ptr<const stop_signal>& stop) {
  auto failed = [&](const std::string& why) {
    self->send(context.owner, dial_failed{asked.address, asked.expected, why});
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  auto port = std::to_string(asked.address.port);
  if (int code = ::getaddrinfo(asked.address.host.c_str(), port.c_str(), &hints, &list); code != 0)
    return failed("cannot resolve " + asked.address.host + ": " + ::gai_strerror(code));
  resolved addresses{list, ::freeaddrinfo};
  std::vector<const addrinfo*> tries;
  for (const auto* at = addresses.get(); at != nullptr && tries.size() < addresses_per_dial;
       at = at->ai_next)
    tries.push_back(at);
  auto until = clock::now() + connect_time;
  int why = EADDRNOTAVAIL;
  for (size_t i = 0; i < tries.size(); ++i) {
    // An address that does not answer leaves their share of the time to the ones after it.
    auto now = clock::now();
    auto share = (until - now) / static_cast<long>(tries.size() - i);
    socket_fd connected;
    switch (connect_to(*tries[i], *stop, now + share, connected, why)) {
    case outcome::connected:
      spawn_link(self->system(), std::move(connected), context,
                 {describe(*tries[i]->ai_addr).text, asked});
      return;
    case outcome::stopped: return;
    case outcome::failed: break;
    }
  }
  failed("cannot connect to " + config::to_string(asked.address) + ": "
         + std::generic_category().message(why));
}

class dialer_state {
public:
  const char* name = "dialer";

  explicit dialer_state(caf::event_based_actor* self) : self_(self) {}

  caf::behavior begin(link_context context) {
    context_ = std::move(context);
    self_->set_default_handler(caf::drop);
    self_->set_exit_handler([this](caf::exit_msg& m) { stop(m.reason); });
    self_->set_down_handler([this](caf::down_msg& down) {
      if (down.source == context_.owner)
        return stop(caf::exit_reason::normal);
      --running_;
      start_waiting();
    });
    self_->monitor(context_.owner);
    return {[this](dial& asked) {
      if (waiting_.size() >= dials_waiting) {
        self_->send(context_.owner, dial_failed{asked.address, asked.expected,
                                                "there are " + std::to_string(dials_waiting)
                                                    + " dials waiting already"});
        return;
      }
      waiting_.push_back(std::move(asked));
      start_waiting();
    }};
  }

private:
  void start_waiting() {
    for (; running_ < dials_at_once && !waiting_.empty(); ++running_) {
      self_->spawn<caf::detached + caf::monitored>(run_dial, std::move(waiting_.front()), context_,
                                                   stop_);
      waiting_.pop_front();
    }
  }

  void stop(caf::error reason) {
    stop_->raise();
    waiting_.clear();
    self_->quit(std::move(reason));
  }

  caf::event_based_actor* self_;
  link_context context_;
  std::deque<dial> waiting_;
  size_t running_ = 0;
  std::shared_ptr<const stop_signal> stop_ = std::make_shared<stop_signal>();
};

} // namespace

caf::actor spawn_dialer(caf::actor_system& system, link_context context) {
  auto body = [](caf::stateful_actor<dialer_state>* self, link_context with) {
    return self->state.begin(std::move(with));
  };
  return system.spawn(body, std::move(context));
}

} // namespace shoal::transport
