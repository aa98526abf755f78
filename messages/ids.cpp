#include "messages/ids.hpp"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>

namespace shoal {

std::string uuid_text(const std::array<uint8_t, 16>& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  static constexpr uint8_t places[16]{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
  std::string out(36, '-');
  for (size_t i = 0; i < bytes.size(); ++i) {
    out[places[i]] = digits[bytes[i] >> 4];
    out[places[i] + size_t{1}] = digits[bytes[i] & 15];
  }
  return out;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

std::optional<std::array<uint8_t, 16>> parse_uuid(std::string_view text) {
  if (text.size() != 36)
    return std::nullopt;
  std::array<uint8_t, 16> out{};
  size_t at = 0;
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      if (text[at++] != '-')
        return std::nullopt;
    const int high = hex_digit(text[at]);
    const int low = hex_digit(text[at + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    out[i] = static_cast<uint8_t>(high * 16 + low);
    at += 2;
  }
  return out;
}

record_id uuid_v5(const record_id& space, std::string_view name) {
  boost::uuids::uuid ns{};
  std::memcpy(ns.data, space.bytes.data(), 16);
  const boost::uuids::name_generator_sha1 generate(ns);
  const auto made = generate(name.data(), name.size());
  record_id out;
  std::memcpy(out.bytes.data(), made.data, 16);
  return out;
}

record_id dns_namespace() { return record_id{*parse_uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8")}; }

std::string to_string(const stream_id& s) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out = to_string(s.origin) + "/";
  for (int shift = 60; shift >= 0; shift -= 4)
    out += digits[(s.epoch >> shift) & 15];
  return out;
}

} // namespace shoal
