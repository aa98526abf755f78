#include "sim/later_version.hpp"

#include <cassert>

namespace shoal::sim {

namespace {

constexpr size_t length_bytes = 4;

void set_length(std::string& frame) {
  const auto size = static_cast<uint32_t>(frame.size() - length_bytes);
  for (size_t i = 0; i < length_bytes; ++i)
    frame[i] = static_cast<char>(size >> (24 - 8 * i));
}

} // namespace

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
  // The key "k" and its value, one byte as all kinds are below 128.
  const auto at = out->find("\xa1k", length_bytes);
  assert(at != std::string::npos);
  (*out)[at + 2] = static_cast<char>(unheard_of);
  return out;
}

} // namespace shoal::sim
