#pragma once
// What a fuzz target holds to be true.

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace shoal::fuzz {

/// Ends the process as a crash, which libFuzzer keeps the input of, unless `holds`.
inline void require(bool holds, std::string_view what, std::string_view seen = {}) {
  if (holds)
    return;
  std::fprintf(stderr, "does not hold: %.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(seen.size()), seen.data());
  std::abort();
}

} // namespace shoal::fuzz
