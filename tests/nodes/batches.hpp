#pragma once
// Records by the thousand, written in atomic batches.

#include "tests/nodes/cluster.hpp"

#include <cstdint>
#include <random>

namespace shoal::nodes {

/// A uuid that names what it is: `kind` in its first digits, `n` in its last.
std::string numbered_id(uint64_t kind, uint64_t n);
json tag_op(const std::string& id, const std::string& name);
json entry_op(const std::string& id, const std::string& name);
json delete_op(const std::string& model, const std::string& id);
/// `n` lower-case letters and digits that no compression makes much smaller.
std::string noise(std::mt19937_64& random, size_t n);
/// Writes all of them, `per_batch` at a time; each batch must be accepted.
void write_batches(api& to, const std::vector<json>& ops, size_t per_batch = 2000);

} // namespace shoal::nodes
