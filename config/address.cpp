#include "config/address.hpp"

#include <arpa/inet.h>
#include <charconv>

namespace shoal::config {

namespace {

constexpr size_t host_bytes_max = 253; // RFC 1035: a name in text form
constexpr size_t label_bytes_max = 63;

bool is_v6(const std::string& host) {
  in6_addr parsed{};
  return inet_pton(AF_INET6, host.c_str(), &parsed) == 1;
}

bool is_v4(const std::string& host) {
  in_addr parsed{};
  return inet_pton(AF_INET, host.c_str(), &parsed) == 1;
}

bool is_name(std::string_view host) {
  if (host.empty() || host.size() > host_bytes_max)
    return false;
  size_t label = 0;
  for (const char c : host) {
    if (c == '.') {
      if (label == 0)
        return false;
      label = 0;
      continue;
    }
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                      || c == '-' || c == '_';
    if (!fine || ++label > label_bytes_max)
      return false;
  }
  return true;
}

/// Digits and dots only is an IPv4 literal; resolvers read 10.1 or 300.1.1.1 as something else.
bool looks_like_v4(std::string_view host) {
  return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

} // namespace

std::string to_string(const address& a) {
  const bool v6 = a.host.find(':') != std::string::npos;
  return (v6 ? "[" + a.host + "]" : a.host) + ":" + std::to_string(a.port);
}

result<address> parse_address(std::string_view text, port_zero zero) {
  address out;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || text.substr(close + 1, 1) != ":")
      return {ec::bad_value, "has an opening bracket but no ]:PORT"};
    out.host = text.substr(1, close - 1);
    port = text.substr(close + 2);
    if (!is_v6(out.host))
      return {ec::bad_value, "has no IPv6 address between the brackets"};
  } else {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos)
      return {ec::bad_value, "has no port"};
    if (text.find(':', colon + 1) != std::string_view::npos)
      return {ec::bad_value, "has more than one colon and no brackets"};
    out.host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (out.host.empty())
      return {ec::bad_value, "has no host"};
    if (looks_like_v4(out.host) ? !is_v4(out.host) : !is_name(out.host))
      return {ec::bad_value, "has a host that is neither a name nor an address"};
  }
  unsigned number = 0;
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (failed != std::errc{} || end != port.data() + port.size() || number > 65535)
    return {ec::bad_value, "has a port that is not a number up to 65535"};
  if (number == 0 && zero == port_zero::refused)
    return {ec::bad_value, "has port 0, which nobody can dial"};
  out.port = static_cast<uint16_t>(number);
  return out;
}

bool is_loopback(const address& a) {
  return a.host == "localhost" || a.host == "::1" || (is_v4(a.host) && a.host.starts_with("127."));
}

} // namespace shoal::config
