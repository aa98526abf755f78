#pragma once
// Many connections that each write one record at a time, driven from one thread.

#include "cli/bench/samples.hpp"
#include "messages/error.hpp"

#include <functional>
#include <vector>

namespace shoal::cli::bench {

/// One connection: `ask` sends the next request; `answered` reads what is there, true once the
/// answer is whole, without waiting.
struct load_connection {
  int socket = -1;
  std::function<status()> ask;
  std::function<result<bool>()> answered;
};

struct load_figures {
  samples each; // from sending a request to its answer
  double seconds = 0;
};

/// Keeps one request under way on each connection for so long, or until `most` were answered.
result<load_figures> run_load(std::vector<load_connection>& connections, double seconds,
                              uint64_t most);

} // namespace shoal::cli::bench
