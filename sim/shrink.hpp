#pragma once
// A failing seed made short: what came from outside is left out piece by piece (ddmin), then whole
// nodes, then the plan's constant faults, as long as the same checker finds something. Randomness
// is keyed by link, node and event (random.hpp), so that what is left out moves nothing else.

#include "sim/world.hpp"

namespace shoal::sim {

struct shrunk {
  plan planned;
  excerpt part;
  violation found;
  uint64_t runs = 0;
  trace_lines lines; // of the last run
};

/// Nothing if the seed does not fail. Ends after `runs_max` runs at the latest, with the shortest
/// found so far.
std::optional<shrunk> shrink(const plan& p, const sabotage& planted, uint64_t runs_max);

/// The lines as text: one per line, with the virtual time in ms; what came from outside begins
/// with a `*`. `only_outside` leaves the rest out.
std::string text_of(const trace_lines& lines, bool only_outside);

} // namespace shoal::sim
