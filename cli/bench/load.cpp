#include "cli/bench/load.hpp"

#include "cli/bench/interrupt.hpp"

#include <poll.h>

namespace shoal::cli::bench {

result<load_figures> run_load(std::vector<load_connection>& connections, double seconds,
                              uint64_t most) {
  load_figures out;
  std::vector<pollfd> waiting;
  std::vector<clock::time_point> asked(connections.size());
  const auto begin = clock::now();
  const auto end =
      begin + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds));
  uint64_t sent = 0;
  const auto ask = [&](size_t i) -> status {
    asked[i] = clock::now();
    waiting[i].events = POLLIN;
    if (sent >= most || asked[i] >= end) {
      waiting[i].fd = -1; // poll passes it over
      return success();
    }
    ++sent;
    return connections[i].ask();
  };
  for (const auto& c : connections)
    waiting.push_back({c.socket, POLLIN, 0});
  for (size_t i = 0; i < connections.size(); ++i)
    if (auto done = ask(i); !done)
      return done.err();
  constexpr int look_ms = 100;
  const auto last_answer = end + std::chrono::minutes(1);
  while (out.each.count() < sent) {
    if (auto go_on = not_interrupted(); !go_on)
      return go_on.err();
    if (clock::now() > last_answer)
      return error{ec::timed_out, "a write was not answered within a minute"};
    if (poll(waiting.data(), waiting.size(), look_ms) <= 0)
      continue;
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].fd < 0 || waiting[i].revents == 0)
        continue;
      const auto whole = connections[i].answered();
      if (!whole)
        return whole.err();
      if (!*whole)
        continue;
      out.each.add(us_since(asked[i]));
      if (auto done = ask(i); !done)
        return done.err();
    }
  }
  out.seconds = us_since(begin) / 1e6;
  return out;
}

} // namespace shoal::cli::bench
