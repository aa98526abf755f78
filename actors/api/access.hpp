#pragma once
// Who may ask. A loopback API is reachable by every web page in the user's browser and every
// process on the machine, so each request must name this listener, come from no foreign page, and
// carry the token.

#include "actors/api/reply.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::api {

struct access_rules {
  std::string token;
  /// Names and addresses, besides localhost and the one a client connected to, under which users
  /// reach the listener.
  std::vector<std::string> names;
};

/// What a `Host` header names: a host in lower case without brackets, and a port if given. Nothing
/// when it is not exactly `host`, `host:port` or `[v6]:port`.
struct host_and_port {
  std::string host;
  std::optional<uint16_t> port;
};
std::optional<host_and_port> parse_host(std::string_view text);

/// True for localhost, the address the connection came in on, and the rules' names. Compares whole
/// names and parsed addresses, never prefixes: a page at 127.evil.com can point its name at
/// 127.0.0.1.
bool host_allowed(const access_rules& rules, std::string_view host,
                  const boost::asio::ip::address& local);
/// True when the page was served by this listener.
bool origin_allowed(std::string_view origin, std::string_view host);
/// Takes the same time wherever two texts of one length differ.
bool same_secret(std::string_view a, std::string_view b);

/// The refusal of a request, judged by its header alone, so that no byte of a refused body is kept;
/// nothing when it may go on. `open`: the path needs no token.
std::optional<reply> refusal(const access_rules& rules,
                             const boost::beast::http::request_header<>& head,
                             const boost::asio::ip::address& local, bool open, bool has_body);

} // namespace shoal::api
