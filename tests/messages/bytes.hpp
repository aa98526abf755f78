#pragma once
// Writing wire bytes down in tests, and asking a decoder for its first fault.

#include "messages/reader.hpp"

#include <string>
#include <string_view>

namespace shoal::tests {

/// The bytes that hex digits spell; spaces are for the reader's eye.
inline std::string hex(std::string_view digits) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string out;
  int high = -1;
  for (char c : digits) {
    if (c == ' ')
      continue;
    if (high < 0) {
      high = value(c);
    } else {
      out += static_cast<char>(high * 16 + value(c));
      high = -1;
    }
  }
  return out;
}

inline std::string to_hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (char c : bytes) {
    out += digits[static_cast<uint8_t>(c) >> 4];
    out += digits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

/// The code of the first fault that `read` and the end of the input leave, or "none".
template <class Read>
std::string fault_of(std::string_view bytes, Read read) {
  reader in(bytes);
  read(in);
  in.finish("input");
  return in.failed() ? std::string(to_string(in.err().code)) : "none";
}

/// The code of a result's error, or "none".
template <class T>
std::string fault_of(const result<T>& r) {
  return r ? "none" : std::string(to_string(r.err().code));
}

/// What a result says is wrong with it, for a test's own message.
template <class T>
std::string reason(const result<T>& r) {
  return r ? "" : r.err().message;
}

/// An id whose bytes are all `fill`.
template <class Id>
Id id_of(uint8_t fill) {
  Id id;
  id.bytes.fill(fill);
  return id;
}

} // namespace shoal::tests
