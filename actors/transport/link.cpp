#include "actors/transport/link.hpp"

#include "actors/transport/frame_splitter.hpp"
#include "actors/transport/tls_session.hpp"

#include <caf/exit_reason.hpp>
#include <caf/io/broker.hpp>
#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/stateful_actor.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace shoal::transport {
namespace {

using time_point = caf::actor_clock::time_point;

constexpr size_t gathered_frame_bytes = 12 << 10; // larger frames fill a TLS record by themselves
constexpr size_t kept_output_bytes = 256
                                     << 10; // an emptied output buffer larger than this is freed

void free_large(std::vector<char>& emptied) {
  if (emptied.empty() && emptied.capacity() > kept_output_bytes)
    std::vector<char>{}.swap(emptied);
}

/// Counts against link_limits::inbox_bytes while it lives.
struct unread_share {
  std::shared_ptr<std::atomic<size_t>> total;
  size_t bytes;
  unread_share(std::shared_ptr<std::atomic<size_t>> of, size_t n) : total(std::move(of)), bytes(n) {
    *total += bytes;
  }
  unread_share(const unread_share&) = delete;
  unread_share& operator=(const unread_share&) = delete;
  ~unread_share() { *total -= bytes; }
};

class link_state {
public:
  const char* name = "link";

  explicit link_state(caf::io::broker* self) : self_(self) {}

  caf::behavior begin(caf::io::connection_handle connection, link_context context,
                      link_origin origin);

private:
  enum class phase : uint8_t { handshaking, up, draining, ended };

  void received(const std::vector<char>& bytes);
  void transferred(uint64_t written, uint64_t remaining);
  void attached(caf::actor receiver);
  void deliver(std::vector<std::string> payloads);
  void take_in(std::vector<std::string> payloads, const status& split);
  void queue(std::vector<frame_ptr> frames);
  void encrypt_queued();
  void check_deadlines();

  template <class Write>
  status write(Write into);
  void send_at_once(std::vector<char>& out);
  std::optional<time_point> deadline(std::string* reason = nullptr) const;
  void arm();
  void come_up();
  void drain(std::string reason);
  void cut(const std::string& reason);
  void end(const std::string& reason);
  void tell_end(const std::string& reason);
  void set_liveness();
  void ask_for(size_t bytes);
  void fit_reads(size_t got);

  caf::io::broker* self_;
  caf::io::connection_handle connection_;
  int socket_ = -1; // its descriptor; closed by CAF
  link_context context_;
  link_origin origin_;
  std::unique_ptr<tls_session> session_;
  frame_splitter splitter_;
  caf::actor receiver_;
  phase phase_ = phase::handshaking;
  bool announced_ = false; // link_up was sent
  bool breach_ = false;    // the peer broke a rule of frames
  std::string end_reason_; // while draining

  size_t read_bytes_ = 0; // asked for at a time
  unsigned few_in_a_row_ = 0;
  size_t handshake_bytes_ = 0;
  std::vector<std::string> early_; // came before a receiver did
  size_t early_bytes_ = 0;
  std::shared_ptr<std::atomic<size_t>> unread_ = std::make_shared<std::atomic<size_t>>(0);

  std::vector<frame_ptr> queued_; // not encrypted yet
  size_t queued_bytes_ = 0;
  size_t output_bytes_ = 0; // ciphertext that the kernel has not taken yet

  time_point begun_;
  time_point progress_;    // output was last empty, or last drained
  time_point drain_until_; // while draining
  std::optional<time_point> frame_since_;
  std::optional<time_point> armed_for_; // the earliest check that is under way
};

using link_broker = caf::stateful_actor<link_state, caf::io::broker>;

caf::behavior link_state::begin(caf::io::connection_handle connection, link_context context,
                                link_origin origin) {
  connection_ = connection;
  context_ = std::move(context);
  origin_ = std::move(origin);
  begun_ = progress_ = self_->clock().now();
  self_->set_default_handler(caf::drop);
  self_->set_exit_handler([this](caf::exit_msg&) { cut("this node is stopping"); });
  self_->set_down_handler([this](caf::down_msg& down) {
    if (down.source == receiver_)
      receiver_ = nullptr; // passes nothing on any more
    // Without its owner nobody could end this link, and the process could not stop.
    cut(down.source == context_.owner ? "this node is stopping" : "this node's session has ended");
  });
  self_->set_exception_handler([this](std::exception_ptr& thrown) -> caf::error {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& e) {
      tell_end(std::string{"internal error: "} + e.what());
    } catch (...) {
      tell_end("internal error");
    }
    return caf::exit_reason::unhandled_exception;
  });
  self_->monitor(context_.owner);
  set_liveness();
  self_->ack_writes(connection_, true);
  ask_for(short_read_bytes);
  const auto* asked = std::get_if<dial>(&origin_.how);
  session_ = std::make_unique<tls_session>(
      context_.tls, asked ? tls_session::side::client : tls_session::side::server,
      asked ? asked->expected : std::nullopt);
  if (asked) {
    if (auto begun = write([&](auto& out) { return session_->start(out); }); !begun)
      drain(begun.err().message);
  }
  arm();
  return {
      [this](const caf::io::new_data_msg& m) { received(m.buf); },
      [this](const caf::io::data_transferred_msg& m) { transferred(m.written, m.remaining); },
      [this](const caf::io::connection_closed_msg&) {
        end(phase_ == phase::draining ? end_reason_ : "the connection was closed or lost");
      },
      [this](attach& m) { attached(std::move(m.receiver)); },
      [this](frames_out& m) { queue(std::move(m.frames)); },
      [this](hello_accepted) {
        std::vector<std::string> payloads;
        auto split = splitter_.raise_limit(payloads);
        take_in(std::move(payloads), split);
        arm();
      },
      [this](close_link& m) {
        if (phase_ == phase::up)
          encrypt_queued();
        drain(std::move(m.reason));
      },
      [this](caf::flush_atom) { encrypt_queued(); },
      [this](caf::tick_atom) { check_deadlines(); },
  };
}

void link_state::set_liveness() {
  // Only under CAF's real multiplexer a handle is a descriptor.
  if (dynamic_cast<caf::io::network::default_multiplexer*>(&self_->backend()) == nullptr)
    return;
  socket_ = static_cast<int>(connection_.id());
  auto set = [this](int level, int option, auto value) {
    ::setsockopt(socket_, level, option, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, keepalive_idle_seconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, keepalive_interval_seconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, keepalive_probes);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout_ms);
}

/// Lets the session append to the connection's output, and sends that.
template <class Write>
status link_state::write(Write into) {
  auto& out = self_->wr_buf(connection_);
  size_t before = out.size();
  auto written = into(out);
  if (out.size() > before) {
    if (output_bytes_ == 0) {
      progress_ = self_->clock().now();
      if (before == 0)
        send_at_once(out);
    }
    output_bytes_ += out.size() - before;
    if (!out.empty())
      self_->flush(connection_);
  }
  return written;
}

/// What the kernel takes now, it takes without the multiplexer waiting for a socket that can be
/// written to. Only when nothing waits for that already. An error is the multiplexer's to find.
void link_state::send_at_once(std::vector<char>& out) {
  if (socket_ < 0 || !self_->valid(connection_)) // once closed, its number may be another's
    return;
  const auto sent = ::send(socket_, out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent <= 0)
    return;
  context_.counters->bytes_out += static_cast<uint64_t>(sent);
  out.erase(out.begin(), out.begin() + sent);
  free_large(out);
}

void link_state::ask_for(size_t bytes) {
  read_bytes_ = bytes;
  self_->configure_read(connection_, caf::io::receive_policy::at_most(bytes));
}

/// Makes the buffer as large as what comes.
void link_state::fit_reads(size_t got) {
  few_in_a_row_ = got <= short_read_bytes / 2 ? few_in_a_row_ + 1 : 0;
  if (got == read_bytes_ && read_bytes_ < read_bytes)
    ask_for(read_bytes);
  else if (few_in_a_row_ >= short_reads && read_bytes_ > short_read_bytes)
    ask_for(short_read_bytes);
}

void link_state::received(const std::vector<char>& bytes) {
  context_.counters->bytes_in += bytes.size();
  fit_reads(bytes.size());
  if (phase_ >= phase::draining)
    return;
  if (phase_ == phase::handshaking
      && (handshake_bytes_ += bytes.size()) > context_.limits.handshake_bytes)
    return cut("more than " + std::to_string(context_.limits.handshake_bytes)
               + " bytes of TLS handshake");
  std::string plain;
  auto read = write([&](auto& out) {
    return session_->receive({bytes.data(), bytes.size()}, plain, out);
  });
  if (!read)
    return drain(read.err().message);
  if (phase_ == phase::handshaking && session_->current() == tls_session::state::up)
    come_up();
  if (phase_ == phase::up && !plain.empty()) {
    std::vector<std::string> payloads;
    auto split = splitter_.push(plain, payloads);
    take_in(std::move(payloads), split);
  }
  if (session_->current() == tls_session::state::closed)
    drain("the peer closed the link");
  else
    arm();
}

void link_state::come_up() {
  phase_ = phase::up;
  announced_ = true;
  if (auto* from = std::get_if<inbound>(&origin_.how))
    from->slot->authenticated();
  self_->send(context_.owner,
              link_up{*session_->peer(), origin_.remote, std::holds_alternative<dial>(origin_.how),
                      caf::actor_cast<caf::actor>(self_)});
}

void link_state::take_in(std::vector<std::string> payloads, const status& split) {
  if (phase_ != phase::up)
    return;
  if (!splitter_.mid_frame())
    frame_since_.reset();
  else if (!frame_since_ || !payloads.empty())
    frame_since_ = self_->clock().now();
  deliver(std::move(payloads)); // also before a fault: the frames before it were good
  if (!split) {
    breach_ = true;
    drain(split.err().message);
  }
}

void link_state::deliver(std::vector<std::string> payloads) {
  if (payloads.empty())
    return;
  size_t bytes = 0;
  for (const auto& payload : payloads)
    bytes += payload.size() + 4;
  if (!receiver_) {
    early_bytes_ += bytes;
    std::move(payloads.begin(), payloads.end(), std::back_inserter(early_));
    if (early_bytes_ > frame_splitter::held_bytes)
      drain("more than " + std::to_string(frame_splitter::held_bytes)
            + " bytes came before there was a session for them");
    return;
  }
  if (*unread_ + bytes > context_.limits.inbox_bytes) {
    breach_ = true;
    return drain("the peer does not heed its credit: more than "
                 + std::to_string(context_.limits.inbox_bytes) + " bytes are unread");
  }
  self_->send(receiver_, frames_in{std::move(payloads), bytes,
                                   std::make_shared<unread_share>(unread_, bytes)});
}

void link_state::attached(caf::actor receiver) {
  if (phase_ != phase::up || !receiver)
    return;
  if (receiver_)
    self_->demonitor(receiver_);
  receiver_ = std::move(receiver);
  self_->monitor(receiver_);
  early_bytes_ = 0;
  deliver(std::exchange(early_, {}));
}

void link_state::queue(std::vector<frame_ptr> frames) {
  if (phase_ != phase::up)
    return;
  const bool first = queued_.empty() && !frames.empty();
  for (auto& frame : frames) {
    queued_bytes_ += frame->size();
    queued_.push_back(std::move(frame));
  }
  if (output_bytes_ + queued_bytes_ > context_.limits.output_bytes)
    cut("the peer does not read: more than " + std::to_string(context_.limits.output_bytes)
        + " bytes wait for it");
  else if (first && self_->mailbox().empty())
    encrypt_queued();
  else if (first) // what else is in the mailbox goes with these: fewer and fuller TLS records
    self_->send(self_, caf::flush_atom::value);
}

void link_state::encrypt_queued() {
  auto frames = std::exchange(queued_, {});
  queued_bytes_ = 0;
  if (phase_ != phase::up || frames.empty())
    return;
  auto sent = write([&](auto& out) {
    std::string gathered;
    auto outcome = success();
    auto send = [&](std::string_view bytes) {
      if (outcome)
        outcome = session_->send(bytes, out);
    };
    for (const auto& frame : frames) {
      bool large = frame->size() > gathered_frame_bytes || frames.size() == 1;
      if (large || gathered.size() + frame->size() > record_bytes) {
        send(gathered);
        gathered.clear();
      }
      if (large)
        send(*frame);
      else
        gathered += *frame;
    }
    send(gathered);
    return outcome;
  });
  if (!sent)
    drain(sent.err().message);
  arm();
}

void link_state::transferred(uint64_t written, uint64_t remaining) {
  context_.counters->bytes_out += written;
  output_bytes_ = remaining;
  progress_ = self_->clock().now();
  if (remaining > 0)
    return;
  free_large(self_->wr_buf(connection_));
  if (phase_ == phase::draining)
    end(end_reason_);
}

/// The earliest deadline that stands, and what it means to miss it.
std::optional<time_point> link_state::deadline(std::string* reason) const {
  std::optional<time_point> earliest;
  auto consider = [&](time_point at, std::string_view missed) {
    if (earliest && *earliest <= at)
      return;
    earliest = at;
    if (reason)
      *reason = missed;
  };
  const auto& limits = context_.limits;
  if (phase_ == phase::handshaking)
    consider(begun_ + limits.handshake, "the TLS handshake took too long");
  if (phase_ == phase::up && frame_since_)
    consider(*frame_since_ + limits.frame, "a frame took too long to arrive");
  if (phase_ == phase::up && output_bytes_ > 0)
    consider(progress_ + limits.write_stall, "the peer stopped reading");
  if (phase_ == phase::draining)
    consider(drain_until_, end_reason_);
  return earliest;
}

/// A delayed message cannot be taken back, so at most one is under way, and it finds out when it
/// comes what is due.
void link_state::arm() {
  auto next = deadline();
  if (!next || (armed_for_ && *armed_for_ <= *next))
    return;
  armed_for_ = next;
  auto wait = std::chrono::ceil<std::chrono::milliseconds>(*next - self_->clock().now());
  self_->delayed_send(self_, std::max(wait, 0ms), caf::tick_atom::value);
}

void link_state::check_deadlines() {
  if (phase_ == phase::ended)
    return;
  armed_for_.reset();
  std::string reason;
  auto next = deadline(&reason);
  if (next && *next <= self_->clock().now())
    cut(reason);
  else
    arm();
}

/// Ends the link once the peer has taken what it is still to get, such as a TLS alert; not later
/// than limits.drain.
void link_state::drain(std::string reason) {
  if (phase_ >= phase::draining)
    return;
  phase_ = phase::draining;
  end_reason_ = std::move(reason);
  (void)write([&](auto& out) {
    session_->close(out);
    return success();
  });
  if (output_bytes_ == 0)
    return end(end_reason_);
  drain_until_ = self_->clock().now() + context_.limits.drain;
  arm();
}

/// Ends the link now. CAF would keep a closed socket until its output is gone, which a stalled peer
/// could put off for ever; shut down, it has none.
void link_state::cut(const std::string& reason) {
  if (phase_ == phase::ended)
    return;
  if (socket_ >= 0 && self_->valid(connection_))
    ::shutdown(socket_, SHUT_RDWR);
  end(reason);
}

void link_state::end(const std::string& reason) {
  if (phase_ == phase::ended)
    return;
  tell_end(reason);
  self_->close(connection_);
  self_->quit();
}

void link_state::tell_end(const std::string& reason) {
  phase_ = phase::ended;
  const auto* asked = std::get_if<dial>(&origin_.how);
  auto* from = std::get_if<inbound>(&origin_.how);
  if (announced_ || (from && session_ && session_->peer())) {
    link_down down{*session_->peer(), reason, self_->address(), breach_};
    self_->send(receiver_ ? receiver_ : context_.owner, std::move(down));
  } else if (asked) {
    self_->send(context_.owner, dial_failed{asked->address, asked->expected, reason});
  } else {
    ++context_.counters->refused;
    if (auto others = from->gate->refused(self_->clock().now()))
      self_->send(context_.owner, link_refused{origin_.remote, reason, *others});
  }
}

caf::behavior link_body(link_broker* self, caf::io::connection_handle connection,
                        link_context context, link_origin origin) {
  return self->state.begin(connection, std::move(context), std::move(origin));
}

} // namespace

caf::actor fork_link(caf::io::broker* listener, caf::io::connection_handle connection,
                     link_context context, link_origin origin) {
  return listener->fork(link_body, connection, std::move(context), std::move(origin));
}

caf::actor spawn_link(caf::actor_system& system, socket_fd connected, link_context context,
                      link_origin origin) {
  // A functor's state must be copyable; whoever does not get to release the socket closes it.
  auto socket = std::make_shared<socket_fd>(std::move(connected));
  auto body = [](link_broker* self, const std::shared_ptr<socket_fd>& fd, link_context with,
                 link_origin from) {
    return link_body(self, self->add_scribe(fd->release()), std::move(with), std::move(from));
  };
  return system.middleman().spawn_broker(body, std::move(socket), std::move(context),
                                         std::move(origin));
}

} // namespace shoal::transport
