#include "messages/reader.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace shoal {

using detail::item;

error reader::err() const { return error_.value_or(error{}); }

void reader::fail(ec code, std::string_view what) {
  if (!error_)
    error_ = error{code, std::string(what) + ": " + std::string(to_string(code))};
  at_ = bytes_.size();
}

// After a fault nothing is left, so that it is the same question.
inline std::string_view reader::take(size_t n, std::string_view what) {
  if (n > bytes_.size() - at_) {
    fail(ec::truncated, what);
    return {};
  }
  const auto out = std::string_view(bytes_.data() + at_, n);
  at_ += n;
  return out;
}

namespace {

/// Of n big-endian bytes, which is 0, 1, 2, 4 or 8.
inline uint64_t big_endian(const char* at, size_t n) {
  const auto load = [at](auto v) {
    std::memcpy(&v, at, sizeof v);
    return v;
  };
  const auto to_host = [](uint64_t v, size_t bytes) {
    if constexpr (std::endian::native == std::endian::little)
      return __builtin_bswap64(v) >> (64 - 8 * bytes);
    return v;
  };
  switch (n) {
  case 1: return load(uint8_t{});
  case 2: return to_host(load(uint16_t{}), 2);
  case 4: return to_host(load(uint32_t{}), 4);
  case 8: return to_host(load(uint64_t{}), 8);
  default: return 0;
  }
}

/// What a first byte from 0xc0 to 0xdf says: a number of so many bytes follows, or `number` is it.
struct format {
  item kind = item::invalid;
  uint8_t bytes = 0;
  uint8_t number = 0;
};

// The format bytes are those of the MessagePack specification.
// clang-format off
constexpr format formats[32]{
    {item::nil},        {},                 {item::boolean, 0, 0}, {item::boolean, 0, 1},
    {item::bin, 1},     {item::bin, 2},     {item::bin, 4},        {item::ext, 1},
    {item::ext, 2},     {item::ext, 4},     {item::real, 4},       {item::real, 8},
    {item::uint, 1},    {item::uint, 2},    {item::uint, 4},       {item::uint, 8},
    {item::sint, 1},    {item::sint, 2},    {item::sint, 4},       {item::sint, 8},
    {item::ext, 0, 1},  {item::ext, 0, 2},  {item::ext, 0, 4},     {item::ext, 0, 8},
    {item::ext, 0, 16}, {item::str, 1},     {item::str, 2},        {item::str, 4},
    {item::array, 2},   {item::array, 4},   {item::map, 2},        {item::map, 4},
};
// clang-format on

} // namespace

inline reader::head reader::next(std::string_view what) {
  if (at_ == bytes_.size()) [[unlikely]] {
    fail(ec::truncated, what);
    return {};
  }
  const auto b = static_cast<uint8_t>(bytes_[at_++]);
  if (b <= 0x7f)
    return {head::uint, b};
  if (b >= 0xe0)
    return {head::sint, static_cast<uint64_t>(static_cast<int64_t>(static_cast<int8_t>(b)))};
  if (b <= 0x8f)
    return {head::map, b & 0x0fU};
  if (b <= 0x9f)
    return {head::array, b & 0x0fU};
  if (b <= 0xbf)
    return {head::str, b & 0x1fU};
  const auto& f = formats[b - 0xc0];
  if (f.kind == head::invalid || f.bytes > bytes_.size() - at_) [[unlikely]] {
    fail(f.kind == head::invalid ? ec::wrong_type : ec::truncated, what);
    return {};
  }
  if (f.bytes == 0)
    return {f.kind, f.number};
  const auto number = big_endian(bytes_.data() + at_, f.bytes);
  at_ += f.bytes;
  if (f.kind == head::sint) {
    const auto shift = 64 - 8 * f.bytes;
    const auto v = static_cast<int64_t>(number << shift) >> shift;
    return {v < 0 ? head::sint : head::uint, static_cast<uint64_t>(v)};
  }
  if (f.kind == head::real && f.bytes == 4) {
    const double v = std::bit_cast<float>(static_cast<uint32_t>(number));
    return {head::real, std::bit_cast<uint64_t>(v)};
  }
  return {f.kind, number};
}

size_t reader::long_array(size_t max, std::string_view what) {
  const auto h = next(what);
  if (failed())
    return 0;
  if (h.kind != head::array)
    fail(ec::wrong_type, what);
  else if (h.number > max)
    fail(ec::too_large, what);
  else if (h.number > bytes_.size() - at_) // an item takes a byte at least
    fail(ec::truncated, what);
  return failed() ? 0 : static_cast<size_t>(h.number);
}

size_t reader::map(size_t max, std::string_view what) {
  const auto h = next(what);
  if (failed())
    return 0;
  if (h.kind != head::map)
    fail(ec::wrong_type, what);
  else if (h.number > max)
    fail(ec::too_large, what);
  else if (h.number > (bytes_.size() - at_) / 2)
    fail(ec::truncated, what);
  return failed() ? 0 : static_cast<size_t>(h.number);
}

uint64_t reader::long_uint(std::string_view what) {
  const auto h = next(what);
  if (!failed() && h.kind != head::uint)
    fail(ec::wrong_type, what);
  return failed() ? 0 : h.number;
}

uint64_t reader::uint_max(uint64_t max, std::string_view what) {
  const auto v = uint(what);
  if (v > max)
    fail(ec::too_large, what);
  return failed() ? 0 : v;
}

int64_t reader::integer(std::string_view what) {
  const auto h = next(what);
  if (failed())
    return 0;
  if (h.kind == head::sint)
    return static_cast<int64_t>(h.number);
  if (h.kind != head::uint)
    fail(ec::wrong_type, what);
  else if (h.number > static_cast<uint64_t>(INT64_MAX))
    fail(ec::too_large, what);
  return failed() ? 0 : static_cast<int64_t>(h.number);
}

bool reader::boolean(std::string_view what) {
  const auto h = next(what);
  if (!failed() && h.kind != head::boolean)
    fail(ec::wrong_type, what);
  return !failed() && h.number == 1;
}

bool reader::take_nil() {
  if (failed() || at_end() || static_cast<uint8_t>(bytes_[at_]) != 0xc0)
    return false;
  ++at_;
  return true;
}

std::string_view reader::long_str(size_t max, std::string_view what) {
  const auto h = next(what);
  if (failed())
    return {};
  if (h.kind != head::str)
    fail(ec::wrong_type, what);
  else if (h.number > max)
    fail(ec::too_large, what);
  auto out = take(failed() ? 0 : static_cast<size_t>(h.number), what);
  if (!failed() && !is_utf8(out))
    fail(ec::bad_utf8, what);
  return failed() ? std::string_view{} : out;
}

std::string_view reader::bin(size_t max, std::string_view what) {
  const auto h = next(what);
  if (failed())
    return {};
  if (h.kind != head::bin)
    fail(ec::wrong_type, what);
  else if (h.number > max)
    fail(ec::too_large, what);
  auto out = take(failed() ? 0 : static_cast<size_t>(h.number), what);
  return failed() ? std::string_view{} : out;
}

// `strict` adds the rules of a field's value to those of well-formedness.
void reader::check_value(size_t depth, std::string_view what, bool strict) {
  if (depth > wire_limits::depth)
    return fail(ec::too_deep, what);
  const auto h = next(what);
  if (failed())
    return;
  switch (h.kind) {
  case head::nil:
  case head::boolean:
  case head::sint: return;
  case head::uint:
    if (strict && h.number > static_cast<uint64_t>(INT64_MAX))
      fail(ec::too_large, what);
    return;
  case head::real:
    if (!std::isfinite(std::bit_cast<double>(h.number)))
      fail(ec::not_a_number, what);
    return;
  case head::str:
    if (auto text = take(static_cast<size_t>(h.number), what); !failed() && !is_utf8(text))
      fail(ec::bad_utf8, what);
    return;
  case head::bin:
    if (strict && h.number != 16)
      return fail(ec::bad_value, what);
    take(static_cast<size_t>(h.number), what);
    return;
  case head::ext:
    if (strict)
      return fail(ec::wrong_type, what);
    take(static_cast<size_t>(h.number) + 1, what);
    return;
  case head::array:
    if (h.number > bytes_.size() - at_)
      return fail(ec::truncated, what);
    for (uint64_t i = 0; i < h.number && !failed(); ++i)
      check_value(depth + 1, what, strict);
    return;
  case head::map: {
    if (h.number > (bytes_.size() - at_) / 2)
      return fail(ec::truncated, what);
    std::string_view previous;
    for (uint64_t i = 0; i < h.number && !failed(); ++i) {
      if (strict) {
        const auto key = str(bytes_.size(), what);
        if (i > 0 && !failed() && key <= previous)
          return fail(ec::duplicate_key, what);
        previous = key;
      } else {
        check_value(depth + 1, what, strict);
      }
      check_value(depth + 1, what, strict);
    }
    return;
  }
  case head::invalid: return fail(ec::wrong_type, what);
  }
}

std::string_view reader::value(std::string_view what) {
  const size_t begin = at_;
  check_value(0, what, true);
  return failed() ? std::string_view{} : between(begin, at_);
}

void reader::skip(std::string_view what) { check_value(0, what, false); }

namespace {

/// How far an item that begins with a byte reaches.
struct reach {
  uint8_t bytes = 0;        // behind the first, beside what `length` counts
  uint8_t items = 0;        // it contains
  uint8_t length_bytes = 0; // of a number that follows
  enum : uint8_t {
    counts_nothing,
    counts_bytes,
    counts_items,
    counts_pairs
  } length = counts_nothing;
  bool known = true;
};

constexpr reach reach_of(unsigned b) {
  if (b >= 0x80 && b <= 0x8f)
    return {0, static_cast<uint8_t>(2 * (b & 0x0f))};
  if (b >= 0x90 && b <= 0x9f)
    return {0, static_cast<uint8_t>(b & 0x0f)};
  if (b >= 0xa0 && b <= 0xbf)
    return {static_cast<uint8_t>(b & 0x1f)};
  if (b < 0xc0 || b > 0xdf)
    return {}; // a number of its own
  const auto& f = formats[b - 0xc0];
  switch (f.kind) {
  case item::nil:
  case item::boolean:
  case item::uint:
  case item::sint:
  case item::real: return {f.bytes};
  case item::str:
  case item::bin: return {0, 0, f.bytes, reach::counts_bytes};
  case item::ext: // with a byte of type
    return f.bytes > 0 ? reach{1, 0, f.bytes, reach::counts_bytes}
                       : reach{static_cast<uint8_t>(1 + f.number)};
  case item::array: return {0, 0, f.bytes, reach::counts_items};
  case item::map: return {0, 0, f.bytes, reach::counts_pairs};
  case item::invalid: break;
  }
  return {0, 0, 0, reach::counts_nothing, false};
}

constexpr auto reaches = [] {
  std::array<reach, 256> all{};
  for (unsigned b = 0; b < all.size(); ++b)
    all[b] = reach_of(b);
  return all;
}();

} // namespace

void reader::frame(std::string_view what) {
  for (uint64_t items = 1; items > 0; --items) {
    if (at_ == bytes_.size())
      return fail(ec::truncated, what);
    const auto& r = reaches[static_cast<uint8_t>(bytes_[at_])];
    ++at_;
    uint64_t bytes = r.bytes;
    items += r.items;
    if (r.length != reach::counts_nothing) {
      if (r.length_bytes > left())
        return fail(ec::truncated, what);
      const auto length = big_endian(bytes_.data() + at_, r.length_bytes);
      at_ += r.length_bytes;
      if (r.length == reach::counts_bytes)
        bytes += length;
      else
        items += r.length == reach::counts_items ? length : 2 * length;
    } else if (!r.known) {
      return fail(ec::wrong_type, what);
    }
    if (bytes > left() || items - 1 > left() - bytes) // each item has a byte at least
      return fail(ec::truncated, what);
    at_ += bytes;
  }
}

void reader::finish(std::string_view what) {
  if (!failed() && !at_end())
    fail(ec::trailing_bytes, what);
}

/// Most text is nothing else.
static bool is_ascii(std::string_view text) {
  const auto load = [&](size_t at, auto v) {
    std::memcpy(&v, text.data() + at, sizeof v);
    return v;
  };
  uint64_t all = 0;
  if (text.size() >= sizeof(uint64_t)) {
    for (size_t i = 0; i + sizeof(uint64_t) <= text.size(); i += sizeof(uint64_t))
      all |= load(i, uint64_t{});
    all |= load(text.size() - sizeof(uint64_t), uint64_t{});
  } else if (text.size() >= sizeof(uint32_t)) {
    all = load(0, uint32_t{}) | load(text.size() - sizeof(uint32_t), uint32_t{});
  } else {
    for (const char c : text)
      all |= static_cast<uint8_t>(c);
  }
  return (all & 0x8080808080808080U) == 0;
}

bool is_utf8(std::string_view text) {
  if (is_ascii(text))
    return true;
  size_t i = 0;
  const auto byte = [&](size_t k) { return static_cast<uint8_t>(text[k]); };
  while (i < text.size()) {
    // Eight bytes of ASCII at a time.
    for (uint64_t eight = 0; text.size() - i >= sizeof eight; i += sizeof eight) {
      std::memcpy(&eight, text.data() + i, sizeof eight);
      if ((eight & 0x8080808080808080U) != 0)
        break;
    }
    if (i == text.size())
      break;
    const uint8_t c = byte(i);
    if (c < 0x80) {
      ++i;
      continue;
    }
    size_t n = 0;
    uint32_t point = 0;
    uint32_t least = 0;
    if ((c & 0xe0) == 0xc0) {
      n = 1, point = c & 0x1fU, least = 0x80;
    } else if ((c & 0xf0) == 0xe0) {
      n = 2, point = c & 0x0fU, least = 0x800;
    } else if ((c & 0xf8) == 0xf0) {
      n = 3, point = c & 0x07U, least = 0x10000;
    } else {
      return false;
    }
    if (text.size() - i <= n)
      return false;
    for (size_t k = 1; k <= n; ++k) {
      if ((byte(i + k) & 0xc0) != 0x80)
        return false;
      point = (point << 6) | (byte(i + k) & 0x3fU);
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
      return false;
    i += n + 1;
  }
  return true;
}

} // namespace shoal
