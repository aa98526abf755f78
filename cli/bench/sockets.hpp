#pragma once
// Blocking sockets on loopback for the driver and for the floor's programs.

#include "messages/error.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>

namespace shoal::cli::bench {

/// Listens on a free port of 127.0.0.1.
struct listening {
  int socket = -1;
  uint16_t port = 0;
};
result<listening> listen_here();
/// A connection to 127.0.0.1:PORT that sends at once.
result<int> connect_to(uint16_t port);
status send_all(int socket, std::string_view bytes);
/// Reads exactly so many bytes; an error also at the connection's end.
status receive_all(int socket, char* to, size_t bytes);
/// Waits until there is something to read; an error after the deadline, or when a signal came.
status await_readable(int socket, std::chrono::steady_clock::time_point deadline);

} // namespace shoal::cli::bench
