#pragma once
// What the tests of this folder tell again and again: clients that write, and the end, when all is
// quiet and every node must hold what was acknowledged.

#include "tests/actors/lab.hpp"

namespace shoal::test {

/// Clients write `writes` times within `us`: records of their own, and records that everybody
/// writes, deletes and makes again.
void clients_write(lab& l, size_t writes, uint64_t us);

/// Runs until all nodes are level and checks that they hold the same records, and among them each
/// record that nobody but one client wrote, as it was acknowledged. Faults must be over.
void check_the_end(lab& l);

/// Seeds to run: `count` from SHOAL_SEED on (default 1).
std::pair<uint64_t, uint64_t> seeds(uint64_t count);

} // namespace shoal::test
