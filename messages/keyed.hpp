#pragma once
// Message bodies are maps whose keys ascend.

#include "messages/reader.hpp"
#include "messages/wire_limits.hpp"

namespace shoal {

/// Hands each key to `on_key`, which reads its value and says whether it knew the key; skips those
/// it did not, and refuses a key that comes twice or out of order.
template <class OnKey>
void each_key(reader& in, std::string_view what, OnKey on_key) {
  const size_t n = in.map(64, what);
  std::string_view previous_key;
  for (size_t i = 0; i < n && !in.failed(); ++i) {
    const auto key = in.str(wire_limits::name_bytes, what);
    if (in.failed())
      return;
    if (i > 0 && key <= previous_key)
      return in.fail(ec::duplicate_key, what);
    previous_key = key;
    if (!on_key(key))
      in.skip(what);
  }
}

} // namespace shoal
