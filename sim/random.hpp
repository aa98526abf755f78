#pragma once
// Randomness of one simulated run: everything that is drawn follows from the seed.

#include <cstdint>
#include <initializer_list>

namespace shoal::sim {

/// splitmix64: small, fast, the same on every machine (the std distributions are not).
class random_source {
public:
  explicit random_source(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 0x1234567) {}
  /// The source of one stream of things and of the one at `index` in it: what is left out of a run
  /// does not move the others' draws.
  random_source(uint64_t seed, uint64_t stream, uint64_t index)
      : random_source(random_source(random_source(seed).next() ^ stream).next() ^ index) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// 0 … n-1; 0 for n = 0.
  uint64_t below(uint64_t n) { return n == 0 ? 0 : next() % n; }
  /// Both ends included.
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  bool chance(uint64_t permille) { return below(1000) < permille; }
  uint64_t one_of(std::initializer_list<uint64_t> values) {
    return *(values.begin() + below(values.size()));
  }

private:
  uint64_t state_;
};

} // namespace shoal::sim
