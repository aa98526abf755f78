#pragma once
// Cuts a link's plaintext into frames: a 4-byte big-endian length and that many bytes of payload.

#include "messages/error.hpp"
#include "messages/wire_limits.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace shoal::transport {

/// A length is judged before anything is allocated for it, and memory grows with the bytes that
/// came, never with the length that was announced.
///
/// Until the peer's Hello was accepted, frames are at most wire_limits::frame_bytes_before_hello.
/// The peer cannot know when that happens, and may send larger ones as soon as it has accepted
/// *ours*. So a larger frame that follows a first frame is held back, unread, until `raise_limit`
/// or until `held_bytes` have come.
class frame_splitter {
public:
  /// What a peer may send in the time it takes to find a receiver for its link, and to judge its
  /// Hello: a credit window, and one frame that needs no credit.
  static constexpr size_t held_bytes = wire_limits::window_bytes + wire_limits::frame_bytes;

  /// Appends the payloads of all frames that are complete now. After an error nothing more may be
  /// pushed.
  status push(std::string_view bytes, std::vector<std::string>& payloads);
  /// The peer's Hello was accepted: frames may be wire_limits::frame_bytes. Yields what was held
  /// back.
  status raise_limit(std::vector<std::string>& payloads);

  /// True while part of a frame is here and the rest of it is not, or it is held back.
  bool mid_frame() const { return header_size_ > 0; }

private:
  enum class phase : uint8_t { first_frame, later_frames, limit_raised };
  bool holding() const;
  status hold(std::string_view bytes);
  status split(std::string_view bytes, std::vector<std::string>& payloads);

  phase phase_ = phase::first_frame;
  char header_[4] = {};
  size_t header_size_ = 0; // bytes of the length that are here; 4 while a payload is being gathered
  size_t missing_ = 0;     // bytes of the payload that are not here yet
  std::string payload_;
  std::string held_; // bytes that follow the length of a frame that is too large for now
};

} // namespace shoal::transport
