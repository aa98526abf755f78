#pragma once
// Which device-owned records may be here, told without asking the store.
//
// Most records that come are new, and each is asked for first: one search in each file of `owned`.
// A Bloom filter in memory over all names in `owned` says for a tenth of that that there is none.
// (Bloom 1970; blocks of one cache line, Putze, Sanders, Singler 2007; added blocks for each
// doubling, Almeida et al. 2007.)

#include "store/sync/kv.hpp"

#include <array>

namespace shoal {

/// Of records, whoever owns them: `key` is that of a row, and what counts of it is model and id.
/// One replica's; one thread.
class known_names final : public key_listener {
public:
  /// Names are kept: from begin() to forget(), which more than 11 million names call, too.
  bool on() const { return !layers_.empty(); }
  /// All names are in, so that those of others can be denied.
  bool complete() const { return complete_; }
  /// Each key that is written from here on must be add()ed; those that stand are taken in by and
  /// by.
  void begin();
  /// Takes in up to `most` further keys of `owned`. A fault of the store ends it all: forget().
  void take_in(const kv_view& view, size_t most);
  void add(std::string_view key);
  void on_written(std::string_view key) override { add(key); }
  /// False only if complete() and no record of this name is here.
  bool may_have(std::string_view key) const { return !complete_ || holds(hash_of(key)); }
  /// Before many are asked for: what is needed to answer for this one is fetched meanwhile.
  void will_ask(std::string_view key) const;
  /// Gives the memory back: 128 KiB, or 12 to 36 bits a name, and at most 16 MiB.
  void forget();

private:
  static constexpr size_t block_bits = 512;
  using block = std::array<uint64_t, block_bits / 64>;
  struct layer {
    std::vector<block> blocks; // a power of two
    size_t room = 0;           // for keys
  };
  struct hash {
    uint64_t block; // its lowest bits say which
    uint64_t bits;
  };
  static hash hash_of(std::string_view key);
  bool holds(const hash& name) const;
  std::vector<layer> layers_; // each twice as large as the one before; the last one takes keys
  std::string next_;          // before it, all is taken in
  bool complete_ = false;
};

} // namespace shoal
