#include "sim/later_version.hpp"

#include "sim/node.hpp"

#include <cassert>

namespace shoal::sim {

namespace {

constexpr size_t length_bytes = 4;

void set_length(std::string& frame) {
  const auto size = static_cast<uint32_t>(frame.size() - length_bytes);
  for (size_t i = 0; i < length_bytes; ++i)
    frame[i] = static_cast<char>(size >> (24 - 8 * i));
}

// Kinds of ops have numbers below 3, so that this bit makes of each one that is not known.
constexpr char later_kind = 0x40;

/// Calls `on(seq, kind)` for each op, with the byte that its kind is.
template <class On>
void each_kind(std::string& ops, On on) {
  reader in(ops);
  while (!in.at_end()) {
    auto left = in.array(64, "op");
    const auto seq = in.uint("op");
    for (const char* item : {"batch_rest", "wall", "counter", "class"})
      in.skip(item);
    const auto at = in.offset();
    for (left -= 5; left > 0; --left)
      in.frame("op");
    assert(!in.failed());
    on(seq, ops[at]);
  }
}

} // namespace

bool is_of_later_kind(const dot& at, uint64_t newer) {
  const auto by = index_of(at.origin);
  return (newer >> by & 1) != 0 && (at.seq * 2654435761U + at.epoch) % 8 == 0;
}

void put_later_kinds(std::string& ops, const std::function<bool(uint64_t)>& later) {
  each_kind(ops, [&](uint64_t seq, char& kind) {
    if (later(seq))
      kind |= later_kind;
  });
}

bool take_later_kinds(std::string& ops) {
  bool any = false;
  each_kind(ops, [&](uint64_t, char& kind) {
    any = any || (kind & later_kind) != 0;
    kind &= ~later_kind;
  });
  return any;
}

frame_ptr with_unknown_key(const std::string& frame) {
  auto out = std::make_shared<std::string>(frame);
  // A map of up to 15 keys begins with 0x80 plus their number.
  auto& keys = (*out)[length_bytes];
  assert((static_cast<uint8_t>(keys) & 0xf0) == 0x80 && (static_cast<uint8_t>(keys) & 0x0f) < 15);
  keys = static_cast<char>(keys + 1);
  writer w(*out);
  w.str("zone");
  w.array(2), w.str("later"), w.uint(7);
  set_length(*out);
  return out;
}

frame_ptr with_unknown_kind(const std::string& frame) {
  constexpr uint64_t unheard_of = 120;
  auto out = std::make_shared<std::string>(frame);
  reader in(std::string_view(*out).substr(length_bytes));
  in.map(16, "envelope");
  while (!in.failed() && in.str(16, "key") != "k")
    in.skip("envelope");
  assert(!in.failed());
  (*out)[length_bytes + in.offset()] = static_cast<char>(unheard_of); // one byte: all are below 128
  return out;
}

} // namespace shoal::sim
