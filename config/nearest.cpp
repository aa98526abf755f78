// Which key was meant: the one with the fewest edits between it and what was written.

#include "config/nearest.hpp"
#include "config/keys.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace shoal::config {

namespace {

/// Insertions, deletions and substitutions count one, as does exchanging two neighbours.
size_t edits(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1); // row i-2
  std::vector<size_t> above(b.size() + 1);  // row i-1
  std::vector<size_t> row(b.size() + 1);
  std::iota(above.begin(), above.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + changed});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

// Longer names are cut, so that a hostile file costs no more than its size.
constexpr size_t compared_bytes_max = 64;

} // namespace

std::string nearest_key(std::string_view table, std::string_view name) {
  name = name.substr(0, compared_bytes_max);
  table = table.substr(0, compared_bytes_max);
  const auto keys = all_keys();
  const key* best = keys.front();
  size_t least = std::numeric_limits<size_t>::max();
  for (const key* k : keys) {
    // A right key in the wrong table is nearer than a poor match in this one.
    const size_t distance = 2 * edits(name, k->name) + std::min<size_t>(edits(table, k->table), 3);
    if (distance < least) {
      best = k;
      least = distance;
    }
  }
  return full_name(*best);
}

std::string nearest_table(std::string_view table) {
  std::vector<std::string_view> tables{"model"};
  for (const key* k : all_keys())
    tables.push_back(k->table);
  return std::string(nearest_word(table, tables));
}

std::string_view nearest_word(std::string_view word, std::span<const std::string_view> known) {
  word = word.substr(0, compared_bytes_max);
  std::string_view best;
  size_t least = 0;
  for (const auto candidate : known) {
    const size_t distance = edits(word, candidate);
    if (best.empty() || distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

} // namespace shoal::config
