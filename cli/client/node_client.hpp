#pragma once
// One node's HTTP API over one kept-alive connection.

#include "cli/client/json.hpp"
#include "messages/error.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace shoal::cli {

/// What the node answered: any HTTP status is an answer, no answer is ec::unavailable.
struct answer {
  int status = 0;
  json body; // null when there was none, or it was not JSON

  bool ok() const { return status >= 200 && status < 300; }
  /// `CODE: message` of an error answer.
  std::string problem() const;
  /// The error's code, for example `not_owner`; empty when the answer has none.
  std::string code() const;
};

/// Not thread-safe: one request at a time.
class node_client {
public:
  /// `url` is `http://host:port` (ec::bad_request otherwise); nothing is dialled before the first
  /// request.
  static result<std::unique_ptr<node_client>> open(const std::string& url, std::string token);
  ~node_client();
  node_client(const node_client&) = delete;
  node_client& operator=(const node_client&) = delete;

  /// `body` is JSON text, empty for none. Waits for at most `patience` between two bytes of the
  /// answer.
  result<answer> send(const std::string& method, const std::string& path,
                      const std::string& body = {},
                      std::chrono::seconds patience = std::chrono::seconds(60));
  /// GET whose body may be of any size: `sink` gets a 2xx body piece by piece and stops the
  /// transfer by returning false. Any other status gives the answer as send() does, with nothing
  /// given to `sink`.
  result<answer> stream(const std::string& path, const std::function<bool(std::string_view)>& sink);

private:
  struct connection;
  explicit node_client(std::unique_ptr<connection> c);
  std::unique_ptr<connection> connection_;
};

/// Percent-encodes one segment of a path or one value of a query.
std::string encode_segment(std::string_view text);

} // namespace shoal::cli
