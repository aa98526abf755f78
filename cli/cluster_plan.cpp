#include "cli/cluster_plan.hpp"

#include "config/options.hpp"
#include "messages/ids.hpp"

#include <arpa/inet.h>
#include <array>
#include <fstream>
#include <netinet/in.h>
#include <random>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shoal::cli {

bool linked(topology shape, size_t a, size_t b) {
  if (a == b)
    return false;
  switch (shape) {
  case topology::mesh: return true;
  case topology::line: return a + 1 == b || b + 1 == a;
  case topology::star: return a == 0 || b == 0;
  }
  return false;
}

std::string library_text(const std::vector<planned_node>& nodes, size_t self, topology shape,
                         const std::string& library_id, const std::string& library_name) {
  using config::toml_string;
  std::string out;
  if (shape != topology::mesh) // else nodes would learn the other addresses from each other and
                               // dial those too
    out += "\n[sync]\ndial = \"configured\"\n";
  out += "\n[[library]]\nid = " + toml_string(library_id) + "\nname = " + toml_string(library_name)
         + "\n";
  for (size_t n = 0; n < nodes.size(); ++n) {
    if (n == self)
      continue;
    out += "  [[library.member]] # node-" + std::to_string(n + 1)
           + "\n  device = " + toml_string(nodes[n].device) + "\n";
    if (linked(shape, self, n))
      out += "  address = " + toml_string("127.0.0.1:" + std::to_string(nodes[n].port)) + "\n";
  }
  return out;
}

result<std::string> random_uuid() {
  std::array<uint8_t, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return {ec::disk, "the kernel gives no random bytes (a system with getrandom(2) is needed)"};
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40); // version 4
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80); // RFC 4122
  return uuid_text(bytes);
}

namespace {

constexpr unsigned lowest_port = 10'000; // below are ports that services have by custom

/// The first port of the range for outgoing connections.
unsigned outgoing_from() {
  constexpr unsigned customary = 32'768;
  unsigned first = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first;
  return first > lowest_port + 1000 ? first : customary;
}

/// A bound socket, or -1 when the port is taken.
int bind_port(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd >= 0 && bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0)
    return fd;
  if (fd >= 0)
    close(fd);
  return -1;
}

} // namespace

result<port_reservation> port_reservation::take(size_t count) {
  std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<unsigned> any(lowest_port, outgoing_from() - 1);
  port_reservation out;
  // On a machine whose ports are nearly all taken this gives up instead of looking for ever.
  constexpr size_t tries_per_port = 100;
  for (size_t tries = 0; out.ports_.size() < count && tries < count * tries_per_port; ++tries) {
    const auto port = static_cast<uint16_t>(any(random));
    if (const int fd = bind_port(port); fd >= 0) {
      out.sockets_.push_back(fd);
      out.ports_.push_back(port);
    }
  }
  if (out.ports_.size() < count)
    return error{ec::unavailable,
                 "found only " + std::to_string(out.ports_.size()) + " free ports of "
                     + std::to_string(count)
                     + " on 127.0.0.1 (use fewer nodes with -n, or raise ulimit -n)"};
  return out;
}

port_reservation::port_reservation(port_reservation&& other) noexcept
    : sockets_(std::move(other.sockets_)), ports_(std::move(other.ports_)) {
  other.sockets_.clear();
}

port_reservation::~port_reservation() {
  for (const int fd : sockets_)
    close(fd);
}

} // namespace shoal::cli
