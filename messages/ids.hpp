#pragma once
// Identifiers. All of them are 16 bytes, printed as lower-case UUIDs, and ordered by their bytes.

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace shoal {

/// A 16-byte identifier; `Tag` keeps devices, libraries and records apart at compile time.
template <class Tag>
struct basic_id {
  std::array<uint8_t, 16> bytes{};

  /// All three as `default` would, eight bytes at a time and without a call: maps of devices and
  /// of streams compare these more than anything.
  bool operator==(const basic_id& other) const {
    return half(0) == other.half(0) && half(8) == other.half(8);
  }
  std::strong_ordering operator<=>(const basic_id& other) const {
    const auto first = half(0) <=> other.half(0);
    return first != 0 ? first : half(8) <=> other.half(8);
  }
  bool operator<(const basic_id& other) const {
    const auto mine = half(0);
    const auto theirs = other.half(0);
    return mine != theirs ? mine < theirs : half(8) < other.half(8);
  }

  /// True for the all-zero identifier, which names nothing.
  bool is_nil() const { return *this == basic_id{}; }
  /// The 16 bytes as they stand in keys and on the wire.
  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  /// Takes exactly 16 bytes; anything else gives nothing.
  static std::optional<basic_id> from_bytes(std::string_view raw) {
    if (raw.size() != 16)
      return std::nullopt;
    basic_id id;
    std::memcpy(id.bytes.data(), raw.data(), 16);
    return id;
  }

private:
  /// Eight bytes as a number that orders as they do.
  uint64_t half(size_t at) const {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
  }
};

using device_id = basic_id<struct device_tag>;
using library_id = basic_id<struct library_tag>;
using record_id = basic_id<struct record_tag>;

/// Canonical lower-case text form, 36 characters.
std::string uuid_text(const std::array<uint8_t, 16>& bytes);
/// Accepts the 36-character form only, either case; nothing else.
std::optional<std::array<uint8_t, 16>> parse_uuid(std::string_view text);

template <class Tag>
std::string to_string(const basic_id<Tag>& id) {
  return uuid_text(id.bytes);
}
template <class Id>
std::optional<Id> parse_id(std::string_view text) {
  auto bytes = parse_uuid(text);
  if (!bytes)
    return std::nullopt;
  return Id{*bytes};
}

/// UUIDv5 of `name` in `space` (RFC 4122, 4.3).
record_id uuid_v5(const record_id& space, std::string_view name);
/// The DNS namespace of RFC 4122, appendix C.
record_id dns_namespace();

/// One device's stream of ops: `epoch` is random and fresh with the first write after every start,
/// so that no copy of a directory can reuse an (epoch, seq).
struct stream_id {
  device_id origin;
  uint64_t epoch = 0;
  bool operator==(const stream_id&) const = default;
  std::strong_ordering operator<=>(const stream_id&) const = default;
  bool operator<(const stream_id& other) const {
    return origin == other.origin ? epoch < other.epoch : origin < other.origin;
  }
};
std::string to_string(const stream_id& s);

/// Names one op for ever: the version a field, an element or a mark stands at.
struct dot {
  device_id origin;
  uint64_t epoch = 0;
  uint64_t seq = 0;
  auto operator<=>(const dot&) const = default;
  stream_id stream() const { return {origin, epoch}; }
};

} // namespace shoal

template <class Tag>
struct std::hash<shoal::basic_id<Tag>> {
  size_t operator()(const shoal::basic_id<Tag>& id) const noexcept {
    uint64_t a = 0;
    uint64_t b = 0;
    std::memcpy(&a, id.bytes.data(), 8);
    std::memcpy(&b, id.bytes.data() + 8, 8);
    return a ^ (b * 0x9e3779b97f4a7c15ULL);
  }
};
