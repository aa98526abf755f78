#include "store/sync/known_names.hpp"

#include <xxhash.h>

namespace shoal {

namespace {

constexpr size_t bits_per_key = 12;
constexpr size_t probes = 6;
constexpr size_t first_blocks = 2048; // 128 KiB, for 87,000 keys
constexpr size_t layers_max = 7;      // 16 MiB with all before, for 11 million

/// Calls `on(word, bit)` for each probe: nine bits of the second half of the hash.
template <class On>
bool each_probe(uint64_t high, On on) {
  for (size_t i = 0; i < probes; ++i, high >>= 9)
    if (!on((high >> 6) & 7, uint64_t{1} << (high & 63)))
      return false;
  return true;
}

} // namespace

void known_names::begin(const kv_view& view) {
  forget();
  layers_.push_back({std::vector<block>(first_blocks), first_blocks * block_bits / bits_per_key});
  size_t seen = 0;
  auto all = scan_prefix(view, family::owned, "", "", [&](std::string_view key, std::string_view) {
    add(key);
    return ++seen <= begin_max;
  });
  if (!all || seen > begin_max)
    forget();
}

void known_names::add(std::string_view key) {
  if (!on())
    return;
  if (layers_.back().room == 0) {
    if (layers_.size() == layers_max)
      return forget();
    const size_t blocks = layers_.back().blocks.size() * 2;
    layers_.push_back({std::vector<block>(blocks), blocks * block_bits / bits_per_key});
  }
  auto& [blocks, room] = layers_.back();
  --room;
  const auto hash = XXH3_128bits(key.data(), key.size());
  auto& b = blocks[hash.low64 & (blocks.size() - 1)];
  each_probe(hash.high64, [&](size_t word, uint64_t bit) {
    b[word] |= bit;
    return true;
  });
}

bool known_names::may_have(std::string_view key) const {
  const auto hash = XXH3_128bits(key.data(), key.size());
  for (const auto& l : layers_) {
    const auto& b = l.blocks[hash.low64 & (l.blocks.size() - 1)];
    if (each_probe(hash.high64, [&](size_t word, uint64_t bit) { return (b[word] & bit) != 0; }))
      return true;
  }
  return !on();
}

} // namespace shoal
