// The ops inside a range: what a link is closed for, and what only this version cannot read.

#include "messages/range_walk.hpp"

#include <algorithm>

namespace shoal {

namespace {

/// Reads what stands at the front of `bytes`. Fails only when that is no item that begins with a
/// seq.
result<ranged_op> frame_op(std::string_view bytes, const device_id& origin) {
  ranged_op out;
  reader whole(bytes);
  out.decoded = read_op(whole, origin);
  if (!whole.failed()) {
    out.bytes = whole.between(0, whole.offset());
    return out;
  }
  reader around(bytes);
  around.frame("op");
  reader inside(bytes);
  inside.array(bytes.size(), "op");
  const auto seq = inside.uint("op seq");
  if (around.failed())
    return around.err();
  // Part of the protocol for good, so no later version makes one.
  if (around.offset() > wire_limits::op_bytes)
    return {ec::too_large, "an op of " + std::to_string(around.offset()) + " bytes; "
                               + std::to_string(wire_limits::op_bytes) + " are the most"};
  if (inside.failed())
    return inside.err();
  if (seq == 0)
    return {ec::bad_value, "op seq"};
  out.decoded.seq = seq;
  out.bytes = around.between(0, around.offset());
  out.fault = whole.err();
  return out;
}

} // namespace

result<bool> range_walk::next() {
  is_plain_ = false;
  whole_.reset();
  if (left_.empty()) {
    if (count_ != of_.count)
      return {ec::bad_value, "range: fewer ops than it counts"};
    return false;
  }
  if (count_ == of_.count)
    return {ec::bad_value, "range: more ops than it counts"};
  std::string_view bytes;
  uint64_t seq = 0;
  is_plain_ = read_plain_insert(left_, of_.stream.origin, plain_);
  if (is_plain_) {
    bytes = plain_.bytes;
    seq = plain_.seq;
  } else {
    auto o = frame_op(left_, of_.stream.origin);
    if (!o)
      return o.err();
    bytes = o->bytes;
    seq = o->decoded.seq;
    whole_ = std::move(*o);
  }
  if (seq <= last_ || seq > of_.to)
    return {ec::bad_value, "range: op outside (from, to] or out of order"};
  last_ = seq;
  ++count_;
  left_.remove_prefix(bytes.size());
  return true;
}

const ranged_op& range_walk::whole() {
  if (!whole_) {
    reader in(plain_.bytes);
    whole_.emplace();
    whole_->decoded = read_op(in, of_.stream.origin);
    whole_->bytes = plain_.bytes;
  }
  return *whole_;
}

result<std::vector<ranged_op>> frame_ops(const range& r) {
  std::vector<ranged_op> out;
  out.reserve(std::min<size_t>(r.count, r.ops.size() / 16 + 1));
  range_walk walk(r);
  for (;;) {
    const auto more = walk.next();
    if (!more)
      return more.err();
    if (!*more)
      return out;
    out.push_back(walk.whole());
  }
}

result<std::vector<ranged_op>> decode_ops(const range& r) {
  auto out = frame_ops(r);
  if (out)
    for (const auto& o : *out)
      if (o.fault)
        return *o.fault;
  return out;
}

} // namespace shoal
