#include "actors/api/access.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <charconv>

namespace shoal::api {
namespace {

namespace http = boost::beast::http;

std::string_view as_view(boost::beast::string_view text) { return {text.data(), text.size()}; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
}

/// `application/json`, whatever its parameters.
bool is_json_type(std::string_view type) {
  auto kind = type.substr(0, type.find(';'));
  while (!kind.empty() && (kind.back() == ' ' || kind.back() == '\t'))
    kind.remove_suffix(1);
  return lower(kind) == "application/json";
}

} // namespace

std::optional<host_and_port> parse_host(std::string_view text) {
  host_and_port out;
  std::string_view port;
  bool has_port = false;
  if (!text.empty() && text.front() == '[') {
    auto close = text.find(']');
    if (close == std::string_view::npos)
      return std::nullopt;
    boost::system::error_code bad;
    auto v6 = boost::asio::ip::make_address_v6(std::string(text.substr(1, close - 1)), bad);
    if (bad)
      return std::nullopt;
    out.host = v6.to_string();
    auto rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':')
      return std::nullopt;
    has_port = !rest.empty();
    port = has_port ? rest.substr(1) : rest;
  } else {
    auto colon = text.find(':');
    out.host = lower(text.substr(0, colon));
    if (!is_name(out.host))
      return std::nullopt;
    has_port = colon != std::string_view::npos;
    port = has_port ? text.substr(colon + 1) : std::string_view{};
  }
  if (has_port) {
    uint16_t number = 0;
    auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (fault != std::errc{} || end != port.data() + port.size() || number == 0)
      return std::nullopt;
    out.port = number;
  }
  return out;
}

bool host_allowed(const access_rules& rules, std::string_view host,
                  const boost::asio::ip::address& local) {
  auto parsed = parse_host(host);
  if (!parsed)
    return false;
  if (parsed->host == "localhost")
    return true;
  for (const auto& name : rules.names)
    if (lower(name) == parsed->host)
      return true;
  boost::system::error_code bad;
  auto address = boost::asio::ip::make_address(parsed->host, bad);
  if (bad)
    return false;
  if (address == local)
    return true;
  // A v6 socket sees v4 clients under mapped addresses.
  return local.is_v6() && local.to_v6().is_v4_mapped() && address.is_v4()
         && boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, local.to_v6())
                == address.to_v4();
}

bool origin_allowed(std::string_view origin, std::string_view host) {
  constexpr std::string_view scheme = "http://";
  if (lower(origin.substr(0, scheme.size())) != scheme)
    return false;
  return lower(origin.substr(scheme.size())) == lower(host);
}

bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size())
    return false;
  volatile unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i)
    difference = static_cast<unsigned char>(
        difference | (static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i])));
  return difference == 0;
}

std::optional<reply> refusal(const access_rules& rules, const http::request_header<>& head,
                             const boost::asio::ip::address& local, bool open, bool has_body) {
  if (head.count(http::field::host) != 1)
    return error_reply(400, "bad_request", "a request carries exactly one Host header");
  auto host = as_view(head[http::field::host]);
  if (!host_allowed(rules, host, local))
    return error_reply(
        403, "forbidden",
        "Host is \"" + std::string(host.substr(0, 128))
            + "\"; this listener answers to its address, localhost, and its advertised name");
  if (auto origin = head.find(http::field::origin);
      origin != head.end() && !origin_allowed(as_view(origin->value()), host))
    return error_reply(403, "forbidden", "pages of another origin may not use this API");
  if (!open) {
    constexpr std::string_view scheme = "bearer ";
    auto given = as_view(head[http::field::authorization]);
    bool bearer = given.size() > scheme.size() && lower(given.substr(0, scheme.size())) == scheme;
    if (rules.token.empty() || head.count(http::field::authorization) != 1 || !bearer
        || !same_secret(given.substr(scheme.size()), rules.token)) {
      auto r = error_reply(
          401, "unauthorized",
          given.empty() ? "send the header Authorization: Bearer TOKEN, with the node's api.token"
                        : "the bearer token is not this node's api.token");
      r.headers = "WWW-Authenticate: Bearer realm=\"shoal\"\r\n";
      return r;
    }
  }
  bool mutates = head.method() != http::verb::get && head.method() != http::verb::head;
  if (mutates && has_body && !is_json_type(as_view(head[http::field::content_type])))
    return error_reply(415, "bad_request", "a body must come with Content-Type: application/json");
  return std::nullopt;
}

} // namespace shoal::api
