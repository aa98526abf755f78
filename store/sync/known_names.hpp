#pragma once
// Which device-owned records may be here, told without asking the store.
//
// While a node is filled, or brought up after long, every record that comes is asked for and is not
// there: one search in each file of `owned`. A Bloom filter in memory over all keys of `owned` says
// so for a tenth of that. (Bloom 1970; blocks of one cache line, Putze, Sanders, Singler 2007;
// added blocks for each doubling, Almeida et al. 2007.)

#include "store/sync/kv.hpp"

#include <array>

namespace shoal {

/// One replica's; one thread.
class known_names final : public key_listener {
public:
  /// Off until begin(), and after forget().
  bool on() const { return !layers_.empty(); }
  /// Takes in all keys of `owned` in this view, if there are no more than `begin_max` of them:
  /// then, and if each key that is written from here on is add()ed, what may_have() denies is not
  /// there.
  void begin(const kv_view& view);
  static constexpr size_t begin_max = 65'536;
  void add(std::string_view key);
  void on_written(std::string_view key) override { add(key); }
  bool may_have(std::string_view key) const;
  /// Gives the memory back: at most 16 MiB, 12 bits a key; when more keys come, it does so itself.
  void forget() { layers_.clear(); }

private:
  static constexpr size_t block_bits = 512;
  using block = std::array<uint64_t, block_bits / 64>;
  struct layer {
    std::vector<block> blocks; // a power of two
    size_t room = 0;           // for keys
  };
  std::vector<layer> layers_; // each twice as large as the one before; the last one takes keys
};

} // namespace shoal
