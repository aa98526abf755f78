#include "messages/hlc.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace shoal {

static void append_hex16(std::string& out, uint64_t v) {
  static constexpr char digits[] = "0123456789abcdef";
  char text[16];
  for (size_t i = sizeof text; i-- > 0; v >>= 4)
    text[i] = digits[v & 15];
  out.append(text, sizeof text);
}

static std::optional<uint64_t> parse_hex16(std::string_view text) {
  uint64_t v = 0;
  for (char c : text) {
    uint64_t d = 0;
    if (c >= '0' && c <= '9')
      d = static_cast<uint64_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      d = static_cast<uint64_t>(c - 'a') + 10;
    else
      return std::nullopt;
    v = (v << 4) | d;
  }
  return v;
}

std::string to_string(const hlc& h) {
  std::string out;
  out.reserve(70);
  append_hex16(out, h.wall_ms);
  out += '-';
  append_hex16(out, h.counter);
  out += '-';
  out += to_string(h.device);
  return out;
}

result<hlc> parse_hlc(std::string_view text) {
  if (text.size() != 70 || text[16] != '-' || text[33] != '-')
    return {ec::bad_value, "a stamp looks like 016x-016x-uuid"};
  const auto wall = parse_hex16(text.substr(0, 16));
  const auto counter = parse_hex16(text.substr(17, 16));
  const auto device = parse_id<device_id>(text.substr(34));
  if (!wall || !counter || !device)
    return {ec::bad_value, "a stamp looks like 016x-016x-uuid"};
  if (*counter > std::numeric_limits<uint32_t>::max())
    return {ec::too_large, "a stamp's counter has 32 bits"};
  return hlc{*wall, static_cast<uint32_t>(*counter), *device};
}

void append_hlc(std::string& out, const hlc& h) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out += static_cast<char>(h.wall_ms >> shift);
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>(h.counter >> shift);
  out += h.device.view();
}

result<hlc> decode_hlc(std::string_view raw) {
  if (raw.size() != 28)
    return {ec::truncated, "a stamp has 28 bytes"};
  hlc h;
  for (size_t i = 0; i < 8; ++i)
    h.wall_ms = (h.wall_ms << 8) | static_cast<uint8_t>(raw[i]);
  for (size_t i = 8; i < 12; ++i)
    h.counter = (h.counter << 8) | static_cast<uint8_t>(raw[i]);
  h.device = *device_id::from_bytes(raw.substr(12));
  return h;
}

hlc hlc_clock::tick(uint64_t wall_ms) {
  hlc next{std::max(wall_ms, last_.wall_ms), 0, self_};
  if (next.wall_ms == last_.wall_ms) {
    if (last_.counter == std::numeric_limits<uint32_t>::max())
      next.wall_ms += 1;
    else
      next.counter = last_.counter + 1;
  }
  assert(next > last_);
  return last_ = next;
}

bool hlc_clock::observe(const hlc& remote, uint64_t wall_ms, uint64_t max_drift_ms) {
  if (remote.wall_ms > wall_ms && remote.wall_ms - wall_ms > max_drift_ms)
    return false;
  last_ = std::max(last_, remote);
  return true;
}

} // namespace shoal
