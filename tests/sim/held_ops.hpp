#pragma once
// Ops for stories of what is held and not merged, and what readers see of them.

#include "store/sync/records.hpp"
#include "tests/sim/replica_node.hpp"

namespace shoal::sim {

inline std::string name_of(const replica_node& n, record_class cls, std::string_view model,
                           const record_id& id) {
  const auto r = get_record(n.disk, cls, model, id);
  if (!r || !*r || (*r)->deleted)
    return {};
  reader in((*r)->fields.at("name"));
  return std::string(in.str(1000, "name"));
}
inline std::string tag_of(const replica_node& n, uint64_t id) {
  return name_of(n, record_class::shared, "tag", tag_id(id));
}

/// An op of which no version yet knows the kind of its field.
inline std::string from_the_future(uint64_t seq, uint64_t batch_rest = 0) {
  std::string out;
  writer w(out);
  w.array(9);
  w.uint(seq), w.uint(batch_rest), w.uint(story_wall_ms), w.uint(9), w.uint(1), w.uint(0),
      w.str("tag");
  w.bin(tag_id(9).view());
  w.array(1), w.array(4), w.str("name"), w.uint(77), w.str("x"), w.nil();
  return out;
}

inline range range_of(const stream_id& stream, const std::vector<std::string>& ops) {
  range r;
  r.stream = stream;
  r.to = ops.size();
  for (const auto& o : ops)
    r.ops += o;
  r.count = static_cast<uint32_t>(ops.size());
  return r;
}

inline std::string ops_in(const std::vector<range>& parts) {
  std::string out;
  for (const auto& p : parts)
    out += p.ops;
  return out;
}

} // namespace shoal::sim
