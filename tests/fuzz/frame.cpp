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
  std::vector<std::string> payloads;
  bool failed = false;
  bool mid_frame = false;
};

/// `piece` bytes at a time, 0: lengths that the seed gives.
outcome split(std::string_view bytes, size_t piece, uint8_t seed, size_t accepted_after) {
  transport::frame_splitter splitter;
  outcome out;
  bool accepted = false;
  uint32_t random = seed;
  while (!bytes.empty() && !out.failed) {
    random = random * 1664525 + 1013904223;
    const auto n = std::min<size_t>(bytes.size(), piece != 0 ? piece : 1 + (random >> 16) % 300);
    auto done = splitter.push(bytes.substr(0, n), out.payloads);
    bytes.remove_prefix(n);
    if (done && !accepted && out.payloads.size() >= accepted_after) {
      accepted = true;
      done = splitter.raise_limit(out.payloads);
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
  auto& used = fuzz::heap::the();
  used.restart();
  const auto whole = split(bytes, 1, data[1], accepted_after);
  require(used.most() <= 4 * bytes.size() + (size_t{64} << 10) + 4096,
          "memory grows with the bytes that came", std::to_string(used.most()));
  const auto cut = split(bytes, 0, data[1], accepted_after);
  require(whole.failed == cut.failed && whole.payloads == cut.payloads
              && (whole.failed || whole.mid_frame == cut.mid_frame),
          "frames are the same however the bytes are cut");
  if (whole.failed)
    return 0;
  std::string again; // what was complete, framed anew, is what came
  for (const auto& p : whole.payloads) {
    for (int i = 3; i >= 0; --i)
      again += static_cast<char>(p.size() >> (8 * i));
    again += p;
  }
  require(bytes.substr(0, again.size()) == again, "frames are what came");
  require(whole.mid_frame || again.size() == bytes.size(), "no byte is lost");
  return 0;
}
