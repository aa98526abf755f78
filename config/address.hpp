#pragma once
// host:port as users write it: in shoal.toml, after --listen, in DEVICE@HOST:PORT.

#include "messages/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace shoal::config {

struct address {
  std::string host; // a name, an IPv4 or an IPv6 literal; without brackets
  uint16_t port = 0;
  bool operator==(const address&) const = default;
};

/// `host:port`, or `[v6]:port` for an IPv6 literal; what parse_address() reads back.
std::string to_string(const address& a);

/// Port 0 means "any free one", which only a listener can use.
enum class port_zero { refused, allowed };

/// Checks form only: nothing is resolved. The message says what is wrong, without the text itself.
result<address> parse_address(std::string_view text, port_zero zero);

/// True for 127.0.0.0/8, ::1 and the name localhost: reachable from this machine only.
bool is_loopback(const address& a);

} // namespace shoal::config
