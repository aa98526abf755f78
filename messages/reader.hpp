#pragma once
// Bounded decoding of MessagePack, in place.
//
// msgpack-cxx decodes into an object tree and lets a 5-byte header ask for gigabytes; this reader
// pulls one item at a time out of the bytes that are there, checks every declared size against what
// is left before anything is allocated, and turns the first fault into a typed, sticky error: after
// it every call returns a zero value, so that a decoder reads straight on and asks once at the end.

#include "messages/error.hpp"
#include "messages/wire_limits.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shoal {

/// What a std::map takes for an entry beside the entry itself; see reader::charge.
constexpr size_t map_node_bytes = 4 * sizeof(void*);

namespace detail {
/// What MessagePack knows.
enum class item : uint8_t { nil, boolean, uint, sint, real, str, bin, array, map, ext, invalid };
} // namespace detail

/// RFC 3629: no overlong forms, no surrogates, at most U+10FFFF.
bool is_utf8(std::string_view text);

class reader {
public:
  explicit reader(std::string_view bytes) : bytes_(bytes) {}

  bool failed() const { return error_.has_value(); }
  /// The first fault; `what` was the item being read.
  error err() const;
  /// Marks the input as faulty, for checks that the caller makes on values it read.
  void fail(ec code, std::string_view what);
  /// From here on, what is decoded may take this much memory in all; see `charge`.
  void bound_memory(size_t bytes) { memory_left_ = bytes; }
  /// Counts memory that is about to be taken for what was read, where that is more than the bytes
  /// it came in; ec::too_large when it is more than is left of the bound.
  void charge(size_t bytes, std::string_view what) {
    if (bytes > memory_left_)
      fail(ec::too_large, what);
    else
      memory_left_ -= bytes;
  }
  bool at_end() const { return at_ == bytes_.size(); }
  size_t offset() const { return at_; }
  /// The bytes between two offsets of this input.
  std::string_view between(size_t begin, size_t end) const {
    return bytes_.substr(begin, end - begin);
  }

  /// Number of items that follow; at most `max`, and never more than bytes are left.
  size_t array(size_t max, std::string_view what) {
    const size_t n = short_one(0x90, 0x0f);
    return n != none && n <= max && n < left() ? (++at_, n) : long_array(max, what);
  }
  /// Number of key-value pairs that follow.
  size_t map(size_t max, std::string_view what);
  uint64_t uint(std::string_view what) {
    const size_t n = short_one(0x00, 0x7f);
    return n != none ? (++at_, n) : long_uint(what);
  }
  /// As `uint`, refusing more than `max`.
  uint64_t uint_max(uint64_t max, std::string_view what);
  int64_t integer(std::string_view what);
  bool boolean(std::string_view what);
  /// Consumes a nil if one is next.
  bool take_nil();
  /// UTF-8 text of at most `max` bytes; a view into the input.
  std::string_view str(size_t max, std::string_view what) {
    const size_t n = short_one(0xa0, 0x1f);
    if (n == none || n > max || n >= left())
      return long_str(max, what);
    const auto text = std::string_view(bytes_.data() + at_ + 1, n);
    if (!is_utf8(text))
      return long_str(max, what);
    at_ += 1 + n;
    return text;
  }
  std::string_view bin(size_t max, std::string_view what);
  /// A bin of exactly 16 bytes.
  template <class Id>
  Id id(std::string_view what) {
    auto parsed = Id::from_bytes(bin(16, what));
    if (!parsed && !failed())
      fail(ec::bad_value, what);
    return parsed.value_or(Id{});
  }
  /// One value of any kind that a field can have: nil, bool, integer, finite double, UTF-8 string,
  /// uuid (bin of 16), array, or map with strictly ascending string keys. Returns its bytes.
  std::string_view value(std::string_view what);
  /// Skips one well-formed item of any type, as found behind an unknown key.
  void skip(std::string_view what);
  /// Skips one item by its declared sizes alone, however deep it nests and whatever its texts and
  /// numbers hold: what another version may read.
  void frame(std::string_view what);
  /// Fails with `ec::trailing_bytes` unless all input was read.
  void finish(std::string_view what);

private:
  struct head {
    using enum detail::item;
    detail::item kind = invalid;
    uint64_t number = 0; // value, length, or the bits of a double
  };
  head next(std::string_view what);
  size_t left() const { return bytes_.size() - at_; }
  static constexpr size_t none = SIZE_MAX;
  /// The number within the next byte, if that is one of those from `first` to `first + mask`: most
  /// are, and cost no call. Nothing is read.
  size_t short_one(uint8_t first, uint8_t mask) const {
    if (at_ == bytes_.size())
      return none;
    const auto b = static_cast<uint8_t>(bytes_[at_]);
    return static_cast<uint8_t>(b & ~mask) == first ? b & mask : none;
  }
  // The same of any length, and what is said of faults.
  size_t long_array(size_t max, std::string_view what);
  uint64_t long_uint(std::string_view what);
  std::string_view long_str(size_t max, std::string_view what);
  std::string_view take(size_t n, std::string_view what);
  void check_value(size_t depth, std::string_view what, bool strict);

  std::string_view bytes_;
  size_t at_ = 0;
  size_t memory_left_ = SIZE_MAX;
  std::optional<error> error_;
};

} // namespace shoal
