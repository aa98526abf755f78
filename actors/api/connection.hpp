#pragma once
// One client's connection: reads requests one after the other, has each answered, writes the
// answers in order.
//
//   idle → head → body → working → writing (or streaming) → idle …
//                                       ↳ draining → closed          when the connection ends with
//                                       this answer
//
// A request that is refused by its header is answered without its body being read. All calls on the
// io thread.

#include "actors/api/access.hpp"
#include "actors/api/routes.hpp"
#include "actors/api/server.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <optional>
#include <unordered_set>

namespace spdlog {
class logger;
}

namespace shoal::api {

class connection;

/// What the connections of one server share.
struct hall {
  using clock = std::chrono::steady_clock;
  bounds limits;
  access_rules access;
  context routes;
  std::unordered_set<std::shared_ptr<connection>> open;
  std::function<void()> on_closed; // after a connection left `open`
  size_t pending = 0; // bytes of bodies and answers in memory, at most limits.pending_bytes
  std::string date;   // value of the Date header, at most a second old
  std::shared_ptr<spdlog::logger> log;
  bool closing = false; // the server is stopping: no request after those in progress
};

/// The io_context's own executor: no type erasure on the path of every byte.
using tcp_socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

class connection final : public std::enable_shared_from_this<connection> {
public:
  /// `full`: the server has no room; the first request is answered 503 and the connection ends.
  connection(hall& shared, tcp_socket socket, bool full);
  void start();
  /// Cuts the connection if a deadline has passed.
  void check(hall::clock::time_point now);
  /// Ends it now if no request is in progress, else after its answer.
  void retire();
  void close();
  /// The answer to request number `exchange`; ignored if that is not the one in progress.
  void reply_to(uint64_t exchange, reply r);

private:
  enum class phase : uint8_t { idle, head, body, working, writing, streaming, draining, closed };
  using parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void read();
  void on_read(size_t n);
  void parse();
  bool on_header();
  void on_request();
  void refuse(reply r);
  void send(reply r);
  void write();
  void on_sent();
  void pull();
  void rest();
  void watch_client();
  void on_piece(result<bool> more, std::string piece);
  void next_request();
  void enter(phase p, std::chrono::milliseconds allowed);
  bool charge(size_t bytes);
  void release();

  hall& hall_;
  tcp_socket socket_;
  boost::asio::ip::address local_;
  bool full_;
  phase phase_ = phase::idle;
  hall::clock::time_point deadline_;
  boost::beast::flat_buffer buffer_;
  std::optional<parser> parser_;
  bool header_seen_ = false;
  bool reading_ = false;
  uint64_t exchange_ = 0;
  size_t charged_ = 0;

  // The answer being written.
  bool head_only_ = false; // HEAD: the body is counted, not sent
  bool keep_alive_ = false;
  bool chunked_ = false;
  std::string asked_; // method and path, while requests are logged
  std::string head_;
  std::string body_;
  size_t written_ = 0; // of head_ and body_ together
  std::shared_ptr<body_source> stream_;
  bool stream_ended_ = false;
  bool stream_rests_ = false; // its last piece was all there is for now
  bool stream_ends_soon_ = false;
  bool resting_ = false;  // nothing is made, until the stream says that there is more
  bool watching_ = false; // for the client's end, while nothing is read
  size_t drained_ = 0;
};

} // namespace shoal::api
