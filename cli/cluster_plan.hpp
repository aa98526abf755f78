#pragma once
// Who a devcluster's nodes are and whom each dials. No file, process or clock; ports excepted.

#include "messages/error.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace shoal::cli {

/// mesh: every node dials every other. line: its neighbours. star: all dial the first, and it dials
/// all.
enum class topology : uint8_t { mesh, line, star };

/// True if nodes `a` and `b`, counted from 0, are to have a link.
bool linked(topology shape, size_t a, size_t b);

struct planned_node {
  std::string device;
  uint16_t port = 0; // for peers, on 127.0.0.1
};

/// The TOML that node `self` needs beyond what `shoal init` writes: how it dials, the library and
/// its members. Every other node is a member; those it has a link with have an address, from either
/// side, so that the one that starts later finds the other.
std::string library_text(const std::vector<planned_node>& nodes, size_t self, topology shape,
                         const std::string& library_id, const std::string& library_name);

/// A random uuid (version 4) as text.
result<std::string> random_uuid();

/// Ports of 127.0.0.1 that nobody listened on, kept from others while this lives.
class port_reservation {
public:
  /// They lie below the range from which the kernel takes ports for outgoing connections, so that a
  /// node which is stopped for a while finds its own free when it comes back.
  static result<port_reservation> take(size_t count);
  port_reservation(const port_reservation&) = delete;
  port_reservation(port_reservation&& other) noexcept;
  ~port_reservation();
  const std::vector<uint16_t>& ports() const { return ports_; }

private:
  port_reservation() = default;
  std::vector<int> sockets_;
  std::vector<uint16_t> ports_;
};

} // namespace shoal::cli
