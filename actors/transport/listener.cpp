#include "actors/transport/listener.hpp"

#include <caf/io/broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/stateful_actor.hpp>

#include <cerrno>
#include <fcntl.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <system_error>

namespace shoal::transport {
namespace {

using time_point = caf::actor_clock::time_point;
using resolved = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

std::string errno_text(int code) { return std::generic_category().message(code); }

uint16_t port_of(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    return 0;
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

remote_address remote_of(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  // Fails for a connection that was reset while it waited; it then has no family.
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0)
    peer.ss_family = AF_UNSPEC;
  return describe(reinterpret_cast<sockaddr&>(peer));
}

/// Descriptors from here on stay free for files.
int descriptor_ceiling() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1 << 20)
    return 1 << 20;
  int all = static_cast<int>(limit.rlim_cur);
  return std::max(all - reserved_descriptors, all / 2);
}

class listener_state {
public:
  const char* name = "listener";

  explicit listener_state(caf::io::broker* self) : self_(self) {}

  caf::behavior begin(int fd, link_context context, accept_limits limits);

private:
  void accepted(caf::io::connection_handle connection);
  void refuse(caf::io::connection_handle connection, const remote_address& remote,
              const std::string& reason);
  bool descriptors_left() const;
  void pause();
  void resume();
  void count_in_turn(bool loopback);
  void next_turn();

  caf::io::broker* self_;
  caf::io::accept_handle door_;
  link_context context_;
  std::shared_ptr<admission> gate_;
  accept_limits limits_;
  size_t in_turn_ = 0; // accepted in this turn of the loop
  int ceiling_ = 0;
  bool paused_ = false;
  size_t refusals_ = 0; // since window_
  time_point window_;
};

caf::behavior listener_state::begin(int fd, link_context context, accept_limits limits) {
  context_ = std::move(context);
  limits_ = limits;
  gate_ = std::make_shared<admission>(limits);
  ceiling_ = descriptor_ceiling();
  self_->set_default_handler(caf::drop);
  self_->set_exit_handler([this](caf::exit_msg& m) { self_->quit(m.reason); });
  self_->set_down_handler([this](caf::down_msg&) { self_->quit(); });
  self_->monitor(context_.owner);
  door_ = self_->add_doorman(fd);
  self_->delayed_send(self_, descriptor_check, caf::tick_atom::value);
  return {
      [this](const caf::io::new_connection_msg& m) { accepted(m.handle); },
      [this](const caf::io::acceptor_closed_msg&) { self_->quit(caf::exit_reason::unknown); },
      [this](caf::tick_atom) {
        // accept() with no descriptor left fails without CAF telling anyone, and is tried again at
        // once.
        if (!paused_ && !descriptors_left())
          pause();
        self_->delayed_send(self_, descriptor_check, caf::tick_atom::value);
      },
      [this](caf::open_atom) { resume(); },
      [this](caf::flush_atom) { next_turn(); },
  };
}

bool listener_state::descriptors_left() const {
  socket_fd lowest_free{::fcntl(static_cast<int>(door_.id()), F_DUPFD_CLOEXEC, 0)};
  return lowest_free.valid() && lowest_free.get() < ceiling_;
}

void listener_state::pause() {
  if (std::exchange(paused_, true))
    return;
  self_->halt(door_);
  self_->delayed_send(self_, accept_pause, caf::open_atom::value);
}

void listener_state::resume() {
  if (!descriptors_left()) {
    self_->delayed_send(self_, accept_pause, caf::open_atom::value);
    return;
  }
  paused_ = false;
  refusals_ = 0;
  self_->trigger(door_);
}

/// Own messages run behind all that this turn accepts.
void listener_state::count_in_turn(bool loopback) {
  if (in_turn_++ == 0)
    self_->send(self_, caf::flush_atom::value);
  if (in_turn_ >= (loopback ? limits_.per_turn_loopback : limits_.per_turn))
    self_->halt(door_);
}

void listener_state::next_turn() {
  in_turn_ = 0;
  if (!paused_)
    self_->trigger(door_);
}

void listener_state::accepted(caf::io::connection_handle connection) {
  int fd = static_cast<int>(connection.id());
  auto remote = remote_of(fd);
  count_in_turn(remote.loopback);
  if (fd >= ceiling_) {
    refuse(connection, remote, "the process is short of file descriptors; raise LimitNOFILE");
    pause();
    return;
  }
  std::string reason;
  auto slot = gate_->admit(remote, reason);
  if (!slot)
    return refuse(connection, remote, reason);
  fork_link(self_, connection, context_, {remote.text, inbound{gate_, std::move(slot)}});
}

void listener_state::refuse(caf::io::connection_handle connection, const remote_address& remote,
                            const std::string& reason) {
  self_->close(connection);
  ++context_.counters->refused;
  auto now = self_->clock().now();
  if (auto others = gate_->refused(now))
    self_->send(context_.owner, link_refused{remote.text, reason, *others});
  if (now - window_ > accept_pause) {
    window_ = now;
    refusals_ = 0;
  }
  if (++refusals_ >= refusals_per_pause)
    pause();
}

} // namespace

result<listening_socket> open_listener(const config::address& address) {
  auto failed = [&](const std::string& why) {
    return error{ec::config, "cannot listen on " + config::to_string(address) + ": " + why};
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (int code =
          ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
      code != 0)
    return failed(::gai_strerror(code));
  resolved addresses{list, ::freeaddrinfo};
  int why = EADDRNOTAVAIL;
  for (auto* at = addresses.get(); at != nullptr; at = at->ai_next) {
    socket_fd fd{::socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    int on = 1;
    if (fd.valid() && ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0
        && ::bind(fd.get(), at->ai_addr, at->ai_addrlen) == 0
        && ::listen(fd.get(), SOMAXCONN) == 0) {
      config::address bound{address.host, port_of(fd.get())};
      return listening_socket{std::move(fd), std::move(bound)};
    }
    why = errno;
  }
  return failed(errno_text(why));
}

caf::actor spawn_listener(caf::actor_system& system, listening_socket socket, link_context context,
                          accept_limits limits) {
  auto fd = std::make_shared<socket_fd>(std::move(socket.fd));
  using listener_broker = caf::stateful_actor<listener_state, caf::io::broker>;
  auto body = [](listener_broker* self, const std::shared_ptr<socket_fd>& listening,
                 link_context with, accept_limits within) {
    return self->state.begin(listening->release(), std::move(with), within);
  };
  return system.middleman().spawn_broker(body, std::move(fd), std::move(context), limits);
}

} // namespace shoal::transport
