// Atomic batches of which readers see a part, as others of their ops are held: with any of them, a
// node does not keep the promise of atomic batches, and says so.

#include "store/sync/replica.hpp"

#include <algorithm>

namespace shoal {

/// Of an atomic batch, some ops were applied and others are held. Its device-owned ops cannot wait:
/// they would have to leave the rows that they are sent from, and with a clock that is years ahead
/// they would wait for years. So the batch shows in half, and a node on which one does is not
/// ready.
status replica::mark_halves(kv_transaction& txn, std::span<const range> parts,
                            const std::vector<dot>& waiting) {
  std::map<uint64_t, std::vector<dot>> batches; // by the seq of their last op
  for (const auto& at : waiting) {
    auto h = get_held(txn, at);
    if (!h)
      return h.err();
    if (*h)
      batches[at.seq + (*h)->batch_rest].push_back(at);
  }
  for (const auto& part : parts) {
    auto ops = frame_ops(part);
    if (!ops)
      return ops.err();
    for (const auto& o : *ops) {
      const auto batch = batches.find(o.decoded.seq + o.decoded.batch_rest);
      if (batch == batches.end()
          || std::any_of(batch->second.begin(), batch->second.end(),
                         [&](const dot& at) { return at.seq == o.decoded.seq; }))
        continue;
      for (const auto& held : batch->second)
        if (auto marked = mark_half(txn, held); !marked)
          return marked;
      batches.erase(batch);
    }
  }
  return success();
}

/// Of the batch of an op that is held, if it is, readers see a part.
status replica::mark_half(kv_transaction& txn, const dot& at) {
  auto h = get_held(txn, at);
  if (!h)
    return h.err();
  if (!*h || (*h)->split)
    return success();
  let_go(txn, **h);
  (*h)->split = true;
  hold(txn, std::move(**h));
  return success();
}

/// … of all that are held of the batch that ends at `last`.
status replica::mark_rest(kv_transaction& txn, const stream_id& stream, uint64_t last) {
  std::vector<dot> rest;
  const dot before{stream.origin, stream.epoch,
                   last - std::min<uint64_t>(last, wire_limits::batch_ops)};
  auto listed = list_held(txn, &before, [&](held_op&& h) {
    if (h.at.stream() != stream || h.at.seq > last)
      return false;
    if (h.at.seq + h.batch_rest == last)
      rest.push_back(h.at);
    return true;
  });
  if (!listed)
    return listed;
  for (const auto& at : rest)
    if (auto marked = mark_half(txn, at); !marked)
      return marked;
  return success();
}

/// Totals of a counter include what went before in their stream, and with it parts of an atomic
/// batch of which this version can read nothing: it shows in half, as above.
status replica::mark_unread_batches(kv_transaction& txn, const op& o, const stream_id& stream) {
  const auto counts = [](const field_op& f) { return f.kind == field_kind::counter; };
  if (!unread_batches_.contains(stream) || std::none_of(o.fields.begin(), o.fields.end(), counts))
    return success();
  std::vector<dot> unread;
  bool more = false;
  const dot before{stream.origin, stream.epoch, 0};
  auto listed = list_held(txn, &before, [&](held_op&& h) {
    if (h.at.stream() != stream)
      return false;
    more = h.at.seq > o.seq;
    if (more)
      return false;
    if (h.why == held_why::unmergeable && h.may_be_of_batch() && !h.split)
      unread.push_back(h.at);
    return true;
  });
  if (!listed)
    return listed;
  for (const auto& at : unread)
    if (auto marked = mark_half(txn, at); !marked)
      return marked;
  if (!more) {
    unread_batches_.erase(stream);
    marked_streams_.insert(stream);
  }
  return success();
}

} // namespace shoal
