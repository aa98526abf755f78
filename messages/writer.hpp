#pragma once
// Encoding: a msgpack-cxx packer over a std::string, or over memory.

#include <msgpack/pack.hpp>

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace shoal {

/// What msgpack::packer writes into.
struct string_sink {
  string_sink(std::string& to) : out(to) {} // NOLINT: a writer is made of a string
  void write(const char* data, size_t size) { out.append(data, size); }
  std::string& out;
};

/// Writes into memory that the caller knows to suffice: a string grows by checked calls, which for
/// items of a few bytes each take longer than the items.
struct memory_sink {
  void write(const char* data, size_t size) {
    std::memcpy(at, data, size);
    at += size;
  }
  char* at;
};

/// Writes MessagePack. Thin: one name per wire type, nothing else.
template <class Sink>
class basic_writer {
public:
  explicit basic_writer(Sink sink) : sink_(sink), packer_(sink_) {}
  basic_writer(const basic_writer&) = delete;
  basic_writer& operator=(const basic_writer&) = delete;

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
    char bytes[9] = {'\xcb'};
    for (int i = 0; i < 8; ++i)
      bytes[1 + i] = static_cast<char>((bits >> (56 - 8 * i)) & 0xff);
    sink_.write(bytes, sizeof bytes);
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
  void raw(std::string_view v) { sink_.write(v.data(), v.size()); }
  const Sink& sink() const { return sink_; }

private:
  Sink sink_;
  msgpack::packer<Sink> packer_;
};

/// Appends to a string.
class writer : public basic_writer<string_sink> {
public:
  explicit writer(std::string& out) : basic_writer(out) {}
};

} // namespace shoal
