#pragma once
// Encoding: a msgpack-cxx packer over a std::string.

#include <msgpack/pack.hpp>

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace shoal {

/// What msgpack::packer writes into.
struct string_sink {
  std::string& out;
  void write(const char* data, size_t size) { out.append(data, size); }
};

/// Appends MessagePack to a string. Thin: one name per wire type, nothing else.
class writer {
public:
  explicit writer(std::string& out) : sink_{out}, packer_(sink_) {}
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;

  void array(size_t n) { packer_.pack_array(static_cast<uint32_t>(n)); }
  void map(size_t n) { packer_.pack_map(static_cast<uint32_t>(n)); }
  void uint(uint64_t v) { packer_.pack_uint64(v); }
  void integer(int64_t v) { packer_.pack_int64(v); }
  void boolean(bool v) { v ? packer_.pack_true() : packer_.pack_false(); }
  void nil() { packer_.pack_nil(); }
  /// Always as a float64: msgpack-cxx packs an integral double as an integer, 1e19 as one that no
  /// reader takes.
  void real(double v) {
    const auto bits = std::bit_cast<uint64_t>(v);
    sink_.out += '\xcb';
    for (int shift = 56; shift >= 0; shift -= 8)
      sink_.out += static_cast<char>((bits >> shift) & 0xff);
  }
  void str(std::string_view v) {
    packer_.pack_str(static_cast<uint32_t>(v.size()));
    packer_.pack_str_body(v.data(), static_cast<uint32_t>(v.size()));
  }
  void bin(std::string_view v) {
    packer_.pack_bin(static_cast<uint32_t>(v.size()));
    packer_.pack_bin_body(v.data(), static_cast<uint32_t>(v.size()));
  }
  /// Bytes that are MessagePack already.
  void raw(std::string_view v) { sink_.out.append(v); }

private:
  string_sink sink_;
  msgpack::packer<string_sink> packer_;
};

} // namespace shoal
