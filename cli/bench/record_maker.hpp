#pragma once
// The records that benches write: 200 bytes of values each, of which a long hash half compresses,
// as in a real library.

#include <array>
#include <cstdint>
#include <random>
#include <string>

namespace shoal::cli::bench {

constexpr size_t record_bytes = 200;

class record_maker {
public:
  /// `model` is entry (device-owned: state) or tag (shared: log).
  record_maker(std::string model, uint64_t seed);
  const std::string& model() const { return model_; }
  /// A fresh uuid.
  std::string id();
  /// The JSON object of the next record's fields.
  std::string fields();
  /// The body of a /batch of so many.
  std::string batch(uint64_t records);
  /// So many random hexadecimal digits.
  std::string digits(size_t count);

private:
  std::string model_;
  std::mt19937_64 random_;
  uint64_t number_ = 0;
};

} // namespace shoal::cli::bench
