#pragma once
// Every way of getting one item of an envelope wrong: a visitor over its MessagePack tree, the ops
// of a range included.

#include "messages/ids.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace shoal::attack {

using tree = nlohmann::ordered_json;

/// An envelope as a tree; the ops of a range are an array of trees in place of their bytes.
tree tree_of(const std::string& payload);
std::string payload_of(const tree& t);

struct mutated {
  std::string payload;
  std::string what; // where, and what stands there now
};
/// How many ways there are. `ids`: devices whose ids are put wherever a 16-byte id stands.
size_t mutations(const tree& t, const std::vector<device_id>& ids);
mutated mutate(const tree& t, const std::vector<device_id>& ids, size_t number);

} // namespace shoal::attack
