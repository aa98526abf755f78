// libFuzzer target over the cutting of a link's plaintext into frames: it must not matter how TCP
// cut the bytes, and memory must grow with what came and not with what was announced.
//
// The first byte says after how many frames the peer's Hello is accepted, the second seeds the
// cuts.

#include "actors/transport/frame_splitter.hpp"
#include "tests/fuzz/heap.hpp"
#include "tests/fuzz/require.hpp"

using namespace shoal;
using fuzz::require;

namespace {

struct outcome {
  std::string framed; // what was complete, framed anew
  size_t frames = 0;
  bool failed = false;
  bool mid_frame = false;
};

/// `piece` bytes at a time, 0: lengths that the seed gives. Payloads are taken after each piece, as
/// the link hands them on, into a buffer that is there before memory is counted.
outcome split(std::string_view bytes, size_t piece, uint8_t seed, size_t accepted_after) {
  outcome out;
  out.framed.reserve(bytes.size());
  fuzz::heap::the().restart();
  transport::frame_splitter splitter;
  std::vector<std::string> payloads;
  const auto take = [&] {
    for (const auto& p : payloads) {
      for (int i = 3; i >= 0; --i)
        out.framed += static_cast<char>(p.size() >> (8 * i));
      out.framed += p;
    }
    out.frames += payloads.size();
    payloads.clear();
  };
  bool accepted = false;
  uint32_t random = seed;
  while (!bytes.empty() && !out.failed) {
    random = random * 1664525 + 1013904223;
    const auto n = std::min<size_t>(bytes.size(), piece != 0 ? piece : 1 + (random >> 16) % 300);
    auto done = splitter.push(bytes.substr(0, n), payloads);
    take();
    bytes.remove_prefix(n);
    if (done && !accepted && out.frames >= accepted_after) {
      accepted = true;
      done = splitter.raise_limit(payloads);
      take();
    }
    if (!done) {
      require(!done.err().message.empty(), "a refusal says why");
      out.failed = true;
    }
  }
  out.mid_frame = splitter.mid_frame();
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2)
    return 0;
  const size_t accepted_after = 1 + data[0] % 4;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = split(bytes, 1, data[1], accepted_after);
  const auto most = fuzz::heap::the().most();
  require(most <= 4 * bytes.size() + (size_t{64} << 10) + 4096,
          "memory grows with the bytes that came", std::to_string(most));
  const auto cut = split(bytes, 0, data[1], accepted_after);
  require(whole.failed == cut.failed && whole.framed == cut.framed
              && (whole.failed || whole.mid_frame == cut.mid_frame),
          "frames are the same however the bytes are cut");
  require(bytes.substr(0, whole.framed.size()) == whole.framed, "frames are what came");
  require(whole.failed || whole.mid_frame || whole.framed.size() == bytes.size(),
          "no byte is lost");
  return 0;
}
