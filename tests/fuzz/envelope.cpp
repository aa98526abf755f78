// libFuzzer target over everything that is decoded from a peer's bytes. What decodes must encode
// and decode to the same again. The first byte chooses: a map is an envelope, an array a sequence
// of ops, 't' a token.

#include "messages/message.hpp"
#include "tests/fuzz/heap.hpp"
#include "tests/fuzz/require.hpp"

using namespace shoal;
using fuzz::require;

namespace {

/// Of what is decoded, bytes of its memory per byte of its frame, and what comes on top.
constexpr size_t memory_factor = 4;
constexpr size_t memory_floor = size_t{64} << 10;

void check_op(const op& o) {
  const auto raw = encode_op(o);
  reader in(raw);
  const auto again = read_op(in, o.stamp.device);
  in.finish("op");
  require(!in.failed(), "an op that decoded decodes again from its own encoding");
  require(again == o, "an op survives its encoding");
}

void check_envelope(std::string_view payload) {
  auto& used = fuzz::heap::the();
  used.restart();
  const auto got = decode_envelope(payload);
  // Ops that travelled compressed are as large as they say, which is a frame's bytes at most.
  const auto* ranged = got ? std::get_if<range_message>(&got->body) : nullptr;
  const auto plain = ranged && ranged->body.compressed ? ranged->body.ops.size() : 0;
  if (got || payload.find("zstd") == payload.npos)
    require(used.most() <= memory_factor * (payload.size() + plain) + memory_floor,
            "a frame is decoded within 4 times its size and 64 KiB",
            std::to_string(used.most()) + " bytes for " + std::to_string(payload.size()));
  if (!got)
    return;
  const auto head = decode_head(payload);
  require(head.ok(), "an envelope that decodes has a head that decodes");
  require(head->library == got->library && head->sender == got->sender
              && head->timestamp_ms == got->timestamp_ms
              && head->kind == static_cast<uint64_t>(kind_of(got->body)),
          "head and envelope agree");
  const auto frame = encode_frame(*got);
  const auto again = decode_envelope(std::string_view(*frame).substr(4));
  require(again.ok(), "an envelope that decoded decodes again from its own encoding");
  require(*again == *got, "an envelope survives its encoding");
  if (ranged)
    if (const auto ops = decode_ops(ranged->body))
      for (const auto& o : *ops)
        check_op(o.decoded);
}

void check_ops(std::string_view raw) {
  reader in(raw);
  while (!in.at_end()) {
    const auto o = read_op(in, device_id{});
    if (in.failed())
      return;
    check_op(o);
  }
}

void check_token(std::string_view token) {
  if (const auto f = parse_token(token)) {
    const auto again = parse_token(to_token(f->told, f->purges));
    require(again.ok() && *again == *f, "a frontier survives its token");
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty())
    return 0;
  const auto first = data[0];
  if (first == 't')
    check_token(bytes);
  else if ((first & 0xf0) == 0x90 || first == 0xdc || first == 0xdd)
    check_ops(bytes);
  else
    check_envelope(bytes);
  return 0;
}
