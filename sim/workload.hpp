#pragma once
// What clients ask for: edits on a few hot shared records, on a node's own tree of entries, and
// atomic batches that move an amount between counters, so that their sum is always 0.

#include "sim/plan.hpp"
#include "store/edit.hpp"

namespace shoal::sim {

constexpr uint64_t account_count = 3;

device_id device_of(size_t node);
record_id tag_id(uint64_t n);
record_id account_id(uint64_t n);
/// Ids of a node's own records; `n` = 0, 1 are locations, the others entries.
record_id owned_id(size_t node, uint64_t n);

std::string encoded(uint64_t v);
std::string encoded(std::string_view v);
std::string encoded(const record_id& v);
field_edit lww(std::string name, std::string value);
field_edit counter(std::string name, int64_t delta);
field_edit parent(std::string name, std::string model, const record_id& id);

class workload {
public:
  workload(const plan& p, size_t node) : plan_(p), node_(node) {}
  /// One request: an edit or a batch. Many are refused (what they need is not there); that is part
  /// of the load.
  std::vector<edit> draw(random_source& r);

private:
  edit tag_edit(random_source& r);
  edit owned_edit(random_source& r);
  std::vector<edit> transfer(random_source& r);
  std::string value(random_source& r);

  const plan& plan_;
  size_t node_;
};

} // namespace shoal::sim
