#include "actors/protocol/coalesce.hpp"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <set>
#include <unordered_map>

namespace shoal::protocol {

namespace {

struct op_head {
  std::string_view bytes;
  bool owned = false;
  std::string_view record; // model and id, as encoded
};

/// Where all the ops lie and which record each is of, without decoding fields. False if of some
/// that cannot be told: others may read those, and then they are of a class not known here.
bool read_heads(std::string_view ops, std::vector<op_head>& out) {
  bool all_known = true;
  reader in(ops);
  while (!in.at_end()) {
    const auto begin = in.offset();
    in.frame("op"); // if it is none, goes to the end
    op_head& head = out.emplace_back();
    head.bytes = in.between(begin, in.offset());
    reader op(head.bytes);
    op.array(64, "op");
    for (int before = 0; before < 4; ++before) // seq, batch_rest, wall_ms, counter
      op.uint("op");
    const bool owned = op.uint("class") == static_cast<uint64_t>(record_class::owned);
    op.uint("kind");
    const auto record = op.offset();
    op.str(wire_limits::name_bytes, "model");
    op.id<record_id>("record id");
    if (in.failed() || op.failed()) {
      all_known = false;
      continue;
    }
    head.owned = owned;
    head.record = op.between(record, op.offset());
  }
  return all_known;
}

std::vector<op_outline> outline_of(const std::vector<op_head>& heads) {
  std::vector<op_outline> out(heads.size());
  for (size_t i = 0; i < heads.size(); ++i)
    out[i] = {heads[i].bytes.size(), heads[i].owned};
  return out;
}

/// False when no device-owned record is there twice. Mostly so, and so it only compares hashes
/// (open addressing with linear probing).
bool may_repeat(const std::vector<op_head>& heads) {
  std::vector<uint64_t> slots(std::bit_ceil(2 * heads.size()));
  for (const auto& h : heads) {
    if (!h.owned)
      continue;
    const uint64_t hash = XXH3_64bits(h.record.data(), h.record.size()) | 1; // 0: a free slot
    auto at = (hash >> 1) & (slots.size() - 1);
    for (; slots[at] != 0; at = (at + 1) & (slots.size() - 1))
      if (slots[at] == hash)
        return true;
    slots[at] = hash;
  }
  return false;
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

std::vector<op_outline> outline(const range& r) {
  std::vector<op_head> heads;
  heads.reserve(r.count);
  read_heads(r.ops, heads);
  return outline_of(heads);
}

std::vector<op_outline> coalesce(range& r) {
  std::vector<op_head> heads;
  heads.reserve(r.count);
  if (!read_heads(r.ops, heads) || !r.until.empty() || !may_repeat(heads))
    return outline_of(heads);
  std::unordered_map<std::string_view, size_t> times;
  for (const auto& h : heads)
    times[h.record] += h.owned;

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
      return outline_of(heads);
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
    return outline_of(heads);
  std::string left;
  std::vector<op_head> stay;
  for (size_t i = 0; i < heads.size(); ++i)
    if (!goes[i]) {
      left += heads[i].bytes;
      stay.push_back(heads[i]);
    }
  r.ops = std::move(left);
  r.count -= static_cast<uint32_t>(gone);
  r.until = {{r.stream, r.to}};
  return outline_of(stay);
}

} // namespace shoal::protocol
