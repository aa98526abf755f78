#include "cli/bench/record_maker.hpp"

#include "messages/ids.hpp"

#include <cstdio>

namespace shoal::cli::bench {

record_maker::record_maker(std::string model, uint64_t seed)
    : model_(std::move(model)), random_(seed) {}

std::string record_maker::digits(size_t count) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out(count, '0');
  uint64_t bits = 0;
  for (size_t i = 0; i < count; ++i, bits >>= 4) {
    if (i % 16 == 0)
      bits = random_();
    out[i] = hex[bits & 15];
  }
  return out;
}

std::string record_maker::id() {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < bytes.size(); i += 8)
    for (uint64_t bits = random_(), k = 0; k < 8; ++k, bits >>= 8)
      bytes[i + k] = static_cast<uint8_t>(bits);
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40); // version 4
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80); // RFC 4122
  return uuid_text(bytes);
}

std::string record_maker::fields() {
  char name[24];
  const auto n = ++number_;
  std::snprintf(name, sizeof name, "IMG_%08llu.jpg", static_cast<unsigned long long>(n));
  if (model_ == "tag") {
    constexpr size_t rest = record_bytes - 16 - 7; // name, color
    return std::string("{\"canonical_name\":\"") + name
           + "\",\"color\":\"#ff8000\",\"description\":\"" + digits(rest) + "\"}";
  }
  // name, kind, extension, permissions, four integers of 8 bytes
  constexpr size_t rest = record_bytes - 16 - 4 - 3 - 9 - 4 * 8;
  const auto time = std::to_string(1'600'000'000'000 + n * 1000);
  return std::string("{\"name\":\"") + name
         + "\",\"kind\":\"file\",\"extension\":\"jpg\",\"permissions\":\"rw-r--r--\",\"size\":"
         + std::to_string(n * 37) + ",\"modified_at\":" + time + ",\"created_at\":" + time
         + ",\"inode\":" + std::to_string(n) + ",\"content_hash\":\"" + digits(rest) + "\"}";
}

std::string record_maker::batch(uint64_t records) {
  std::string out = "{\"ops\":[";
  for (uint64_t i = 0; i < records; ++i) {
    if (i > 0)
      out += ',';
    out.append("{\"model\":\"").append(model_).append("\",\"id\":\"").append(id());
    out.append("\",\"fields\":").append(fields()).append("}");
  }
  return out + "]}";
}

} // namespace shoal::cli::bench
