#include "messages/compressed.hpp"

#include <zstd.h>

#include <memory>

namespace shoal {

constexpr int level = 1; // a link is faster than what a higher level would save

// Made once for each thread that compresses or decompresses: of some KiB, making one takes longer
// than using it.
struct free_context {
  void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
  void operator()(ZSTD_DCtx* d) const { ZSTD_freeDCtx(d); }
};
static thread_local const std::unique_ptr<ZSTD_CCtx, free_context> packer(ZSTD_createCCtx());
static thread_local const std::unique_ptr<ZSTD_DCtx, free_context> unpacker(ZSTD_createDCtx());

std::string compress(std::string_view plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  const size_t n =
      ZSTD_compressCCtx(packer.get(), out.data(), out.size(), plain.data(), plain.size(), level);
  out.resize(ZSTD_isError(n) ? 0 : n); // cannot fail: the buffer is as large as the bound
  return out;
}

result<std::string> decompress(std::string_view packed, size_t max_bytes) {
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN)
    return {ec::bad_value, "not a zstd frame that says its size"};
  if (size > max_bytes)
    return {ec::too_large, "a zstd frame of " + std::to_string(size) + " bytes; at most "
                               + std::to_string(max_bytes)};
  std::string out(static_cast<size_t>(size), '\0');
  const size_t n =
      ZSTD_decompressDCtx(unpacker.get(), out.data(), out.size(), packed.data(), packed.size());
  if (ZSTD_isError(n) || n != out.size())
    return {ec::bad_value, "a damaged zstd frame"};
  return out;
}

} // namespace shoal
