#include "messages/reader.hpp"

#include <bit>
#include <cmath>
#include <cstring>

namespace shoal {

error reader::err() const { return error_.value_or(error{}); }

void reader::fail(ec code, std::string_view what) {
  if (!error_)
    error_ = error{code, std::string(what) + ": " + std::string(to_string(code))};
  at_ = bytes_.size();
}

std::string_view reader::take(size_t n, std::string_view what) {
  if (failed() || n > bytes_.size() - at_) {
    fail(ec::truncated, what);
    return {};
  }
  auto out = bytes_.substr(at_, n);
  at_ += n;
  return out;
}

uint64_t reader::big_endian(size_t n, std::string_view what) {
  uint64_t v = 0;
  for (char c : take(n, what))
    v = (v << 8) | static_cast<uint8_t>(c);
  return v;
}

// The format bytes are those of the MessagePack specification.
reader::head reader::next(std::string_view what) {
  auto first = take(1, what);
  if (failed())
    return {};
  const auto b = static_cast<uint8_t>(first[0]);
  if (b <= 0x7f)
    return {head::uint, b, 0};
  if (b >= 0xe0)
    return {head::sint, static_cast<uint64_t>(static_cast<int64_t>(static_cast<int8_t>(b))), 0};
  if (b <= 0x8f)
    return {head::map, b & 0x0fU, 0};
  if (b <= 0x9f)
    return {head::array, b & 0x0fU, 0};
  if (b <= 0xbf)
    return {head::str, b & 0x1fU, 0};
  switch (b) {
  case 0xc0: return {head::nil, 0, 0};
  case 0xc2: return {head::boolean, 0, 0};
  case 0xc3: return {head::boolean, 1, 0};
  case 0xc4: return {head::bin, big_endian(1, what), 0};
  case 0xc5: return {head::bin, big_endian(2, what), 0};
  case 0xc6: return {head::bin, big_endian(4, what), 0};
  case 0xca: {
    const auto bits = static_cast<uint32_t>(big_endian(4, what));
    return {head::real, bits, static_cast<double>(std::bit_cast<float>(bits))};
  }
  case 0xcb: {
    const auto bits = big_endian(8, what);
    return {head::real, bits, std::bit_cast<double>(bits)};
  }
  case 0xcc: return {head::uint, big_endian(1, what), 0};
  case 0xcd: return {head::uint, big_endian(2, what), 0};
  case 0xce: return {head::uint, big_endian(4, what), 0};
  case 0xcf: return {head::uint, big_endian(8, what), 0};
  case 0xd0: {
    const auto v = static_cast<int64_t>(static_cast<int8_t>(big_endian(1, what)));
    return {v < 0 ? head::sint : head::uint, static_cast<uint64_t>(v), 0};
  }
  case 0xd1: {
    const auto v = static_cast<int64_t>(static_cast<int16_t>(big_endian(2, what)));
    return {v < 0 ? head::sint : head::uint, static_cast<uint64_t>(v), 0};
  }
  case 0xd2: {
    const auto v = static_cast<int64_t>(static_cast<int32_t>(big_endian(4, what)));
    return {v < 0 ? head::sint : head::uint, static_cast<uint64_t>(v), 0};
  }
  case 0xd3: {
    const auto v = static_cast<int64_t>(big_endian(8, what));
    return {v < 0 ? head::sint : head::uint, static_cast<uint64_t>(v), 0};
  }
  case 0xd9: return {head::str, big_endian(1, what), 0};
  case 0xda: return {head::str, big_endian(2, what), 0};
  case 0xdb: return {head::str, big_endian(4, what), 0};
  case 0xdc: return {head::array, big_endian(2, what), 0};
  case 0xdd: return {head::array, big_endian(4, what), 0};
  case 0xde: return {head::map, big_endian(2, what), 0};
  case 0xdf: return {head::map, big_endian(4, what), 0};
  case 0xd4: return {head::ext, 1, 0};
  case 0xd5: return {head::ext, 2, 0};
  case 0xd6: return {head::ext, 4, 0};
  case 0xd7: return {head::ext, 8, 0};
  case 0xd8: return {head::ext, 16, 0};
  case 0xc7: return {head::ext, big_endian(1, what), 0};
  case 0xc8: return {head::ext, big_endian(2, what), 0};
  case 0xc9: return {head::ext, big_endian(4, what), 0};
  default: fail(ec::wrong_type, what); return {};
  }
}

size_t reader::array(size_t max, std::string_view what) {
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

uint64_t reader::uint(std::string_view what) {
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

std::string_view reader::str(size_t max, std::string_view what) {
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
    if (!std::isfinite(h.real_value))
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

void reader::frame(std::string_view what) {
  for (uint64_t left = 1; left > 0 && !failed(); --left) {
    const auto h = next(what);
    if (failed())
      return;
    if (h.kind == head::str || h.kind == head::bin)
      take(static_cast<size_t>(h.number), what);
    else if (h.kind == head::ext)
      take(static_cast<size_t>(h.number) + 1, what);
    else if (h.kind == head::array)
      left += h.number;
    else if (h.kind == head::map)
      left += 2 * h.number;
    if (left - 1 > bytes_.size() - at_) // each item has a byte at least
      fail(ec::truncated, what);
  }
}

void reader::finish(std::string_view what) {
  if (!failed() && !at_end())
    fail(ec::trailing_bytes, what);
}

bool is_utf8(std::string_view text) {
  size_t i = 0;
  const auto byte = [&](size_t k) { return static_cast<uint8_t>(text[k]); };
  while (i < text.size()) {
    // Eight bytes of ASCII at a time: most text is nothing else.
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
