#include "store/sync/known_names.hpp"

#include "store/sync/keys.hpp"

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

known_names::hash known_names::hash_of(std::string_view key) {
  const auto name = keys::record_name(key);
  const auto both = XXH3_128bits(name.data(), name.size());
  return {both.low64, both.high64};
}

void known_names::begin() {
  forget();
  layers_.push_back({std::vector<block>(first_blocks), first_blocks * block_bits / bits_per_key});
}

void known_names::forget() {
  layers_.clear();
  next_.clear();
  complete_ = false;
}

void known_names::take_in(const kv_view& view, size_t most) {
  if (!on() || complete_)
    return;
  auto c = view.cursor(family::owned);
  for (c->seek(next_); c->valid() && on(); c->next()) {
    if (most-- == 0) {
      next_ = c->key();
      return;
    }
    add(c->key());
  }
  complete_ = on();
  if (!c->state())
    forget();
}

void known_names::add(std::string_view key) {
  if (!on())
    return;
  const auto name = hash_of(key);
  if (holds(name)) // written before, as records that change are
    return;
  if (layers_.back().room == 0) {
    if (layers_.size() == layers_max)
      return forget();
    const size_t blocks = layers_.back().blocks.size() * 2;
    layers_.push_back({std::vector<block>(blocks), blocks * block_bits / bits_per_key});
  }
  auto& [blocks, room] = layers_.back();
  --room;
  auto& b = blocks[name.block & (blocks.size() - 1)];
  each_probe(name.bits, [&](size_t word, uint64_t bit) {
    b[word] |= bit;
    return true;
  });
}

bool known_names::holds(const hash& name) const {
  for (const auto& l : layers_) {
    const auto& b = l.blocks[name.block & (l.blocks.size() - 1)];
    if (each_probe(name.bits, [&](size_t word, uint64_t bit) { return (b[word] & bit) != 0; }))
      return true;
  }
  return false;
}

void known_names::will_ask(std::string_view key) const {
  if (!complete_)
    return;
  const auto name = hash_of(key);
  for (const auto& l : layers_)
    __builtin_prefetch(&l.blocks[name.block & (l.blocks.size() - 1)]);
}

} // namespace shoal
