#include "actors/transport/frame_splitter.hpp"

#include <algorithm>
#include <cstring>

namespace shoal::transport {
namespace {

// What a payload starts with; it grows geometrically with what comes.
constexpr size_t first_reserve = size_t{64} << 10;

} // namespace

bool frame_splitter::holding() const {
  return phase_ == phase::later_frames && header_size_ == sizeof header_
         && payload_.size() + missing_ > wire_limits::frame_bytes_before_hello;
}

status frame_splitter::hold(std::string_view bytes) {
  if (held_.size() + bytes.size() > held_bytes)
    return {ec::too_large, "the peer sent more than " + std::to_string(held_bytes)
                               + " bytes behind a large frame before its Hello was accepted"};
  held_.append(bytes);
  return success();
}

status frame_splitter::push(std::string_view bytes, std::vector<std::string>& payloads) {
  return holding() ? hold(bytes) : split(bytes, payloads);
}

status frame_splitter::raise_limit(std::vector<std::string>& payloads) {
  phase_ = phase::limit_raised;
  auto held = std::move(held_);
  held_ = {};
  return split(held, payloads);
}

status frame_splitter::split(std::string_view bytes, std::vector<std::string>& payloads) {
  while (!bytes.empty()) {
    if (header_size_ < sizeof header_) {
      size_t taken = std::min(sizeof header_ - header_size_, bytes.size());
      std::memcpy(header_ + header_size_, bytes.data(), taken);
      header_size_ += taken;
      bytes.remove_prefix(taken);
      if (header_size_ < sizeof header_)
        break;
      size_t length = 0;
      for (char c : header_)
        length = length << 8 | static_cast<uint8_t>(c);
      size_t limit = phase_ == phase::first_frame ? wire_limits::frame_bytes_before_hello
                                                  : wire_limits::frame_bytes;
      if (length == 0)
        return {ec::bad_value, "a frame of length 0; every frame has a payload"};
      if (length > limit)
        return {ec::too_large, "a frame of " + std::to_string(length) + " bytes; the limit is "
                                   + std::to_string(limit)};
      missing_ = length;
      if (holding())
        return hold(bytes);
      payload_.reserve(std::min(length, first_reserve));
    }
    size_t taken = std::min(missing_, bytes.size());
    payload_.append(bytes.substr(0, taken));
    missing_ -= taken;
    bytes.remove_prefix(taken);
    if (missing_ > 0)
      break;
    payloads.push_back(std::move(payload_));
    payload_ = {};
    header_size_ = 0;
    if (phase_ == phase::first_frame)
      phase_ = phase::later_frames;
  }
  return success();
}

} // namespace shoal::transport
