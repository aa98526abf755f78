#include "actors/api/connection.hpp"

#include "actors/api/gzip.hpp"

#include <boost/asio/write.hpp>
#include <spdlog/spdlog.h>

#include <array>
#include <charconv>
#include <limits>

namespace shoal::api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr size_t read_bytes = 16384;
constexpr size_t header_bytes = 16384;
constexpr size_t buffer_bytes = 65536; // a header, or a chunk's header, must fit
constexpr size_t logged_path = 200;    // of a path, where requests are logged
constexpr size_t small_body = 16384;   // goes out in one piece with the head
// What is read and thrown away after a refusal, so that the client reads the answer instead of a
// reset.
constexpr size_t drain_bytes = size_t{64} << 20;
constexpr std::chrono::milliseconds drain_time{2000};

/// The way back to a connection that may be gone.
class reply_slot final : public answer {
public:
  reply_slot(std::shared_ptr<loop> io, std::weak_ptr<connection> to, uint64_t exchange)
      : io_(std::move(io)), to_(std::move(to)), exchange_(exchange) {}
  ~reply_slot() override {
    if (!sent_)
      send(error_reply(503, "unavailable",
                       "the node gave up this request; if it was a write, its outcome is unknown"));
  }
  void send(reply r) override {
    sent_ = true;
    // The connection is touched, and let go, on its own thread only.
    if (!io_->on_thread()) {
      io_->post([to = std::move(to_), exchange = exchange_, r = std::move(r)]() mutable {
        if (auto c = to.lock())
          c->reply_to(exchange, std::move(r));
      });
      return;
    }
    if (auto c = to_.lock())
      c->reply_to(exchange_, std::move(r));
  }

private:
  std::shared_ptr<loop> io_;
  std::weak_ptr<connection> to_;
  uint64_t exchange_;
  bool sent_ = false;
};

void append_number(std::string& out, uint64_t n) {
  std::array<char, 24> digits;
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr;
  out.append(digits.data(), end);
}

} // namespace

connection::connection(hall& shared, tcp_socket socket, bool full)
    : hall_(shared), socket_(std::move(socket)), full_(full), buffer_(buffer_bytes) {}

void connection::start() {
  error_code bad;
  local_ = socket_.local_endpoint(bad).address();
  if (bad)
    return close();
  socket_.set_option(asio::ip::tcp::no_delay(true), bad);
  enter(phase::idle, hall_.limits.header);
  read();
}

void connection::enter(phase p, std::chrono::milliseconds allowed) {
  phase_ = p;
  deadline_ = hall::clock::now() + allowed;
}

void connection::check(hall::clock::time_point now) {
  if (phase_ == phase::working || phase_ == phase::closed || now < deadline_)
    return;
  if (phase_ == phase::head || phase_ == phase::body)
    return refuse(error_reply(408, "timed_out", "the request did not arrive in time"));
  close();
}

void connection::retire() {
  if (phase_ == phase::idle || phase_ == phase::head || phase_ == phase::draining)
    close();
  if (!stream_)
    return;
  stream_ends_soon_ = stream_->end_soon();
  if (std::exchange(resting_, false))
    pull();
}

void connection::close() {
  if (phase_ == phase::closed)
    return;
  phase_ = phase::closed;
  error_code ignored;
  socket_.close(ignored);
  release();
  stream_.reset();
  hall_.open.erase(shared_from_this());
  hall_.on_closed();
}

bool connection::charge(size_t bytes) {
  if (hall_.pending + bytes > hall_.limits.pending_bytes)
    return false;
  hall_.pending += bytes;
  charged_ += bytes;
  return true;
}

void connection::release() {
  hall_.pending -= charged_;
  charged_ = 0;
}

// ---- requests

void connection::read() {
  if (reading_) // a deadline answered while a read was under way
    return;
  reading_ = true;
  socket_.async_read_some(
      buffer_.prepare(std::min(read_bytes, buffer_.max_size() - buffer_.size())),
      [self = shared_from_this()](error_code bad, size_t n) {
        self->reading_ = false;
        if (self->phase_ == phase::closed)
          return;
        if (bad)
          return self->close();
        self->on_read(n);
      });
}

void connection::on_read(size_t n) {
  if (phase_ == phase::draining) {
    drained_ += n;
    if (drained_ > drain_bytes)
      return close();
    return read();
  }
  // A deadline has answered the request while this read was under way: its bytes mean nothing.
  if (phase_ == phase::writing)
    return;
  buffer_.commit(n);
  parse();
}

void connection::parse() {
  if (phase_ == phase::idle) {
    if (buffer_.size() == 0)
      return read();
    enter(phase::head, hall_.limits.header);
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(header_bytes));
    parser_->body_limit(
        std::numeric_limits<uint64_t>::max()); // counted here, after the header was judged
    header_seen_ = false;
  }
  while (!parser_->is_done() && buffer_.size() > 0) {
    error_code bad;
    size_t used = parser_->put(buffer_.data(), bad);
    buffer_.consume(used);
    if (bad == http::error::need_more) {
      bad = {};
      if (used == 0 && buffer_.size() < buffer_.max_size())
        return read();
      if (used == 0)
        bad = http::error::header_limit;
    }
    if (bad == http::error::header_limit)
      return refuse(error_reply(
          431, "too_big", "the header is larger than " + std::to_string(header_bytes) + " bytes"));
    if (bad)
      return refuse(
          error_reply(400, "bad_request", "this is not an HTTP/1.1 request: " + bad.message()));
    if (!header_seen_ && parser_->is_header_done()) {
      header_seen_ = true;
      if (!on_header())
        return;
    }
    if (parser_->chunked() && header_seen_) {
      size_t have = parser_->get().body().size();
      if (have > hall_.limits.body_bytes)
        return refuse(error_reply(413, "too_big",
                                  "the body is larger than "
                                      + std::to_string(hall_.limits.body_bytes) + " bytes"));
      if (have > charged_ && !charge(have - charged_))
        return refuse(
            error_reply(503, "unavailable", "the API holds as many bytes as it may; try again"));
    }
  }
  if (parser_->is_done())
    return on_request();
  read();
}

/// Judges the request by its header; false when it was answered, or will go on later.
bool connection::on_header() {
  const auto& head = parser_->get();
  bool has_body = !parser_->is_done();
  if (full_) {
    refuse(error_reply(503, "unavailable", "the API has as many connections as it may; try again"));
    return false;
  }
  bool open = is_open_path({head.target().data(), head.target().size()});
  if (auto refused = refusal(hall_.access, head, local_, open, has_body)) {
    refuse(std::move(*refused));
    return false;
  }
  if (auto length = parser_->content_length()) {
    if (*length > hall_.limits.body_bytes) {
      refuse(error_reply(413, "too_big",
                         "the body is " + std::to_string(*length) + " bytes; at most "
                             + std::to_string(hall_.limits.body_bytes) + " are taken"));
      return false;
    }
    if (!charge(static_cast<size_t>(*length))) {
      refuse(error_reply(503, "unavailable", "the API holds as many bytes as it may; try again"));
      return false;
    }
  }
  if (!has_body)
    return true;
  enter(phase::body, hall_.limits.body);
  if (!boost::beast::iequals(head[http::field::expect], "100-continue"))
    return true;
  static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(socket_, asio::buffer(go_on.data(), go_on.size()),
                    [self = shared_from_this()](error_code bad, size_t) {
                      if (self->phase_ != phase::body)
                        return;
                      if (bad)
                        return self->close();
                      self->parse();
                    });
  return false;
}

void connection::on_request() {
  phase_ = phase::working;
  ++exchange_;
  auto message = parser_->release();
  parser_.reset();
  keep_alive_ = message.keep_alive() && !hall_.closing;
  chunked_ = message.version() >= 11;
  head_only_ = message.method() == http::verb::head;

  if (hall_.log->should_log(spdlog::level::debug)) {
    const auto method = message.method_string();
    const auto path = message.target().substr(0, message.target().find('?'));
    asked_.assign(method.data(), method.size());
    asked_.append(1, ' ').append(path.data(), std::min(path.size(), logged_path));
  }
  auto to = std::make_shared<reply_slot>(hall_.routes.io, weak_from_this(), exchange_);
  auto where = parse_target({message.target().data(), message.target().size()});
  if (!where)
    return to->send(error_reply(where.err()));
  request r;
  r.method = message.method();
  r.where = std::move(*where);
  auto key = message["Idempotency-Key"];
  r.idempotency_key.assign(key.data(), key.size());
  auto encodings = message[http::field::accept_encoding];
  r.gzip = accepts_gzip({encodings.data(), encodings.size()});
  auto types = message[http::field::accept];
  r.events = std::string_view(types.data(), types.size()).find("text/event-stream")
             != std::string_view::npos;
  auto last_event = message["Last-Event-ID"];
  r.last_event_id.assign(last_event.data(), last_event.size());
  r.body = std::move(message.body());
  serve(hall_.routes, std::move(r), std::move(to));
}

// ---- answers

/// Answers a request whose body was not read to its end: what follows on the connection means
/// nothing.
void connection::refuse(reply r) {
  bool whole = parser_ && parser_->is_done();
  keep_alive_ = whole && !full_ && !hall_.closing && parser_->get().keep_alive();
  head_only_ = header_seen_ && parser_ && parser_->get().method() == http::verb::head;
  parser_.reset();
  ++exchange_;
  hall_.log->debug("refused a request: {}", r.status);
  send(std::move(r));
}

void connection::reply_to(uint64_t exchange, reply r) {
  if (phase_ != phase::working || exchange != exchange_)
    return;
  // An answer to a read may be refused; a write has happened and its answer must go out.
  bool large = r.body.size() > small_body;
  if (large && !charge(r.body.size()) && r.status == 200 && !r.must_go_out)
    r = error_reply(503, "unavailable", "the API holds as many bytes as it may; try again");
  send(std::move(r));
}

void connection::send(reply r) {
  if (!asked_.empty())
    hall_.log->debug("{}: {}", std::exchange(asked_, {}), r.status);
  if (hall_.closing)
    keep_alive_ = false;
  stream_ = std::move(r.stream);
  if (stream_ && !chunked_)
    keep_alive_ = false; // HTTP/1.0: the end of the connection ends the body
  head_.clear();
  head_ += "HTTP/1.1 ";
  append_number(head_, r.status);
  head_ += ' ';
  head_ += reason_phrase(r.status);
  head_ += "\r\nDate: ";
  head_ += hall_.date;
  head_ += "\r\nContent-Type: ";
  head_ += r.content_type;
  head_ += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  head_ += r.headers;
  if (!stream_) {
    head_ += "Content-Length: ";
    append_number(head_, r.body.size());
    head_ += "\r\n";
  } else if (chunked_) {
    head_ += "Transfer-Encoding: chunked\r\n";
  }
  head_ += keep_alive_ ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  body_ = std::move(r.body);
  if (head_only_) {
    body_.clear();
    stream_.reset();
  }
  if (body_.size() <= small_body) {
    head_ += body_;
    body_.clear();
  }
  stream_ended_ = !stream_;
  stream_rests_ = stream_ends_soon_ = resting_ = false;
  written_ = 0;
  enter(phase::writing, hall_.limits.stalled_write);
  write();
}

void connection::write() {
  std::array<asio::const_buffer, 2> rest;
  size_t from_head = std::min(written_, head_.size());
  rest[0] = asio::buffer(head_) + from_head;
  rest[1] = asio::buffer(body_) + (written_ - from_head);
  socket_.async_write_some(rest, [self = shared_from_this()](error_code bad, size_t n) {
    if (self->phase_ == phase::closed)
      return;
    if (bad)
      return self->close();
    self->deadline_ = hall::clock::now() + self->hall_.limits.stalled_write;
    self->written_ += n;
    if (self->written_ < self->head_.size() + self->body_.size())
      return self->write();
    self->on_sent();
  });
}

void connection::on_sent() {
  if (!stream_ended_)
    return stream_rests_ ? rest() : pull();
  stream_.reset();
  body_ = {};
  release();
  if (keep_alive_ && !hall_.closing)
    return next_request();
  error_code bad;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, bad);
  if (bad)
    return close();
  buffer_.clear();
  drained_ = 0;
  enter(phase::draining, drain_time);
  read();
}

/// Has the next piece of a stream made; what the client has not taken bounds what is made.
void connection::pull() {
  phase_ = phase::streaming;
  deadline_ = hall::clock::time_point::max();
  auto io = hall_.routes.io;
  bool posted = hall_.routes.work->post([source = stream_, weak = weak_from_this(), io] {
    auto piece = std::make_shared<std::string>();
    auto more = source->produce(*piece);
    io->post([weak, piece, more] {
      if (auto self = weak.lock())
        self->on_piece(more, std::move(*piece));
    });
  });
  if (!posted)
    close();
}

void connection::on_piece(result<bool> more, std::string piece) {
  if (phase_ != phase::streaming)
    return;
  if (!more || (hall_.closing && !stream_ends_soon_))
    return close(); // without the last chunk: the client sees that the answer is cut
  stream_ended_ = !*more;
  stream_rests_ = stream_->at_rest() && !stream_ends_soon_;
  if (piece.empty() && !stream_ended_)
    return stream_rests_ ? rest() : pull();
  head_.clear();
  if (chunked_ && !piece.empty()) {
    std::array<char, 24> digits;
    auto end = std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16).ptr;
    head_.append(digits.data(), end);
    head_ += "\r\n";
    piece += "\r\n";
  }
  if (chunked_ && stream_ended_)
    piece += "0\r\n\r\n";
  body_ = std::move(piece);
  written_ = 0;
  enter(phase::writing, hall_.limits.stalled_write);
  write();
}

/// Until the stream has more; a client that ends its side meanwhile is gone.
void connection::rest() {
  if (stream_ends_soon_)
    return pull(); // said while the piece was on its way
  phase_ = phase::streaming;
  deadline_ = hall::clock::time_point::max();
  resting_ = true;
  watch_client();
  stream_->wait([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self && self->phase_ == phase::streaming && std::exchange(self->resting_, false))
      self->pull();
  });
}

void connection::watch_client() {
  if (std::exchange(watching_, true))
    return;
  socket_.async_wait(tcp_socket::wait_read, [self = shared_from_this()](error_code bad) {
    if (self->phase_ == phase::closed)
      return;
    error_code unknown;
    const auto waiting = self->socket_.available(unknown);
    if (bad || unknown || (waiting == 0 && self->stream_))
      return self->close();
    self->watching_ = waiting > 0; // its next request: not looked at before this one is answered
  });
}

void connection::next_request() {
  watching_ = false;
  enter(phase::idle, hall_.limits.idle);
  parse();
}

} // namespace shoal::api
