#pragma once
// The merge rules of DESIGN.md section 2 a second time, as plainly as they can be said: over the
// set of all ops at once, with no rows, no index and no cascade flags. What the nodes hold in the
// end must be this.

#include "messages/op.hpp"

#include <map>
#include <set>
#include <vector>

namespace shoal::sim {

struct model_op {
  stream_id stream;
  op what;
};
/// Live records only: model, id (and owner) → field → encoded value.
using model_records = std::map<std::string, std::map<std::string, std::string>>;

/// The name of a record in `model_records`.
std::string model_key(const std::string& model, const record_id& id,
                      const device_id* owner = nullptr);
model_records fold(std::vector<model_op> ops);

} // namespace shoal::sim
