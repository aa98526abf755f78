#pragma once
// What a route answers, and the one table from error codes to HTTP status codes.

#include "messages/error.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace shoal::api {

/// A body too large to be held: made piece by piece on the work thread, while the client takes it.
class body_source {
public:
  virtual ~body_source() = default;
  /// Appends the next piece (tens of KiB, or what some ms of work gave) and says whether more
  /// follows. An error cuts the connection, so that no client takes the part for the whole.
  virtual result<bool> produce(std::string& out) = 0;
  /// After `produce`: that was all there is for now, and what was made should reach the client.
  virtual bool at_rest() const { return false; }
  /// On the io thread, at rest: `ready` is to be called there once there may be more.
  virtual void wait(std::function<void()> ready) { ready(); }
  /// The server stops: true when the next piece, or the one being made, ends the body properly.
  virtual bool end_soon() { return false; }
};

struct reply {
  unsigned status = 200;
  std::string_view content_type = "application/json"; // static text
  std::string body;
  std::string headers;                 // further header lines, each ended by CRLF
  std::shared_ptr<body_source> stream; // instead of `body`
  bool must_go_out =
      false; // of a write that has happened: not to be replaced by a 503 for want of room
};

/// The status of an error's answer; 4xx and 5xx only.
unsigned http_status(ec code);
std::string_view reason_phrase(unsigned status);

/// `{"error":{"code":…,"message":…}}`.
reply error_reply(unsigned status, std::string_view code, std::string_view message);
reply error_reply(const error& e);

/// Text of a JSON value; bytes that are not UTF-8 become U+FFFD instead of a fault.
template <class Json>
std::string text_of(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}
template <class Json>
reply json_reply(const Json& value, unsigned status = 200) {
  reply r;
  r.status = status;
  r.body = text_of(value);
  return r;
}

/// One request's way back. Held by whoever owes the answer; dropped unanswered, it answers 503.
class answer {
public:
  virtual ~answer() = default;
  /// Once, from any thread. The client may have gone: nobody is told.
  virtual void send(reply r) = 0;
};
using responder = std::shared_ptr<answer>;

} // namespace shoal::api
