#pragma once
// The HTTP API of a node: INTERFACE.md, "HTTP API". One thread for all sockets, one for scans and
// large bodies.

#include "actors/api/backend.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace shoal::api {

/// What one API may use, whatever its clients do.
struct bounds {
  size_t connections = 1024;                   // open at once; further ones get 503
  size_t followers = 256;                      // change feeds that stay open; further ones get 429
  std::chrono::milliseconds feed_view{30'000}; // age of a feed's view at which it takes a newer one
  size_t pending_bytes =
      size_t{256} << 20; // bodies being read and answers not yet taken, together; beyond: 503
  size_t body_bytes = size_t{16} << 20;     // one request body; beyond: 413
  std::chrono::milliseconds header{30'000}; // from a request's first byte to the end of its header
  std::chrono::milliseconds body{30'000};   // from there to the end of its body
  std::chrono::milliseconds idle{120'000};  // between two requests of a connection
  std::chrono::milliseconds stalled_write{30'000}; // while a client takes nothing of its answer
  std::chrono::milliseconds last_answers{500};     // how long `stop` lets requests in progress end
};

struct options {
  std::string host = "127.0.0.1"; // address to bind
  uint16_t port = 0;              // 0: any free one
  std::string token;              // bearer token; an empty one admits nobody
  std::vector<std::string> names; // further Host names users reach this listener by
  bounds limits;
};

class server {
public:
  /// Binds, and serves `n` until `stop`; `n` outlives the server. ec::config names the address that
  /// cannot be bound, and why.
  static result<std::unique_ptr<server>> start(options o, node& n);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// The port in use, also when `options::port` was 0.
  uint16_t port() const;
  /// Takes no more requests, lets those in progress end for `bounds::last_answers`, and returns
  /// when no thread of the server runs. Callbacks that come later are ignored. Not from a callback.
  /// Idempotent.
  void stop();

private:
  class state;
  explicit server(std::shared_ptr<state> s);
  std::shared_ptr<state> state_;
};

} // namespace shoal::api
