#pragma once
// Encoding: a msgpack-cxx packer over a std::string.

#include <msgpack/pack.hpp>

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
  void uint(uint64_t v) { packer_.pack(v); }
  void integer(int64_t v) { packer_.pack(v); }
  void boolean(bool v) { packer_.pack(v); }
  void nil() { packer_.pack_nil(); }
  void real(double v) { packer_.pack(v); }
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
