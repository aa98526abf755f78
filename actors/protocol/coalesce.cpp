#include "actors/protocol/coalesce.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace shoal::protocol {

namespace {

struct op_head {
  std::string_view bytes;
  bool owned = false;
  std::string_view record; // model and id, as encoded
};

/// Where the ops lie and which record each is of, without decoding fields.
bool read_heads(std::string_view ops, std::vector<op_head>& out) {
  reader in(ops);
  while (!in.at_end() && !in.failed()) {
    const auto begin = in.offset();
    in.frame("op");
    if (in.failed())
      return false;
    const auto bytes = in.between(begin, in.offset());
    reader op(bytes);
    op.array(64, "op");
    for (int before = 0; before < 4; ++before) // seq, batch_rest, wall_ms, counter
      op.uint("op");
    const bool owned = op.uint("class") == static_cast<uint64_t>(record_class::owned);
    op.uint("kind");
    const auto record = op.offset();
    op.str(wire_limits::name_bytes, "model");
    op.id<record_id>("record id");
    if (op.failed())
      return false;
    out.push_back({bytes, owned, op.between(record, op.offset())});
  }
  return !in.failed();
}

/// What later ops of one record do to those before.
struct later_ops {
  bool removed = false;
  std::set<std::string> written; // fields
};

bool superseded(const op& o, const later_ops& later) {
  if (o.kind == op_kind::remove) // it takes others along, and masks what is still under way
    return false;
  if (later.removed)
    return true;
  return o.kind == op_kind::update
         && std::all_of(o.fields.begin(), o.fields.end(), [&](const field_op& f) {
              return (f.kind == field_kind::lww || f.kind == field_kind::parent)
                     && later.written.contains(f.name);
            });
}

} // namespace

size_t coalesce(range& r) {
  if (r.count < 2 || !r.until.empty())
    return 0;
  std::vector<op_head> heads;
  heads.reserve(r.count);
  if (!read_heads(r.ops, heads))
    return 0;
  std::unordered_map<std::string_view, size_t> times;
  bool repeated = false;
  for (const auto& h : heads)
    repeated |= h.owned && ++times[h.record] == 2;
  if (!repeated)
    return 0;

  std::unordered_map<std::string_view, later_ops> later;
  std::vector<bool> goes(heads.size());
  size_t gone = 0;
  for (size_t i = heads.size(); i-- > 0;) {
    const auto& h = heads[i];
    if (!h.owned || times[h.record] < 2)
      continue;
    reader in(h.bytes);
    const auto o = read_op(in, r.stream.origin);
    if (in.failed())
      return 0;
    auto& after = later[h.record];
    if (superseded(o, after)) {
      goes[i] = true;
      ++gone;
      continue;
    }
    after.removed |= o.kind == op_kind::remove;
    for (const auto& f : o.fields)
      after.written.insert(f.name);
  }
  if (gone == 0)
    return 0;
  std::string left;
  for (size_t i = 0; i < heads.size(); ++i)
    if (!goes[i])
      left += heads[i].bytes;
  r.ops = std::move(left);
  r.count -= static_cast<uint32_t>(gone);
  r.until = {{r.stream, r.to}};
  return gone;
}

} // namespace shoal::protocol
