#include "store/sync/compare.hpp"

#include "store/sync/by_seq.hpp"
#include "store/sync/held.hpp"
#include "store/sync/marks.hpp"

#include <xxhash.h>

#include <deque>

namespace shoal {

namespace {

/// Adds versions up: the sum modulo 2^64 of a hash of each, so that the order of reading is free.
class summer {
public:
  summer(const kv_view& view, const stream_id& stream) : view_(view), stream_(stream) {}

  status add(uint64_t seq, record_class cls, std::string_view raw) {
    auto entry = read_by_seq_entry(raw);
    if (!entry)
      return entry.err();
    auto r = content_at(view_, cls, stream_, *entry, raw);
    if (!r)
      return r.err();
    auto o = content(*r, {stream_.origin, stream_.epoch, seq});
    if (says_nothing(o))
      return success();
    o.seq = seq;
    o.cls = cls;
    o.model = std::move(entry->model);
    o.id = entry->id;
    const auto bytes = encode_op(o);
    sum.hash += XXH3_64bits(bytes.data(), bytes.size());
    ++sum.versions;
    return success();
  }

  interval_sum sum;

private:
  const kv_view& view_;
  stream_id stream_;
};

} // namespace

result<std::vector<interval_sum>> sums_of(const kv_view& view, const stream_id& stream,
                                          uint64_t from, uint64_t to, size_t max_intervals) {
  std::vector<interval_sum> out;
  summer s(view, stream);
  status fault = success();
  uint64_t entries = 0;
  bool full = false;
  auto scanned = each_standing(view, stream, from, to,
                               [&](uint64_t seq, record_class cls, std::string_view raw) {
                                 if (fault = s.add(seq, cls, raw); !fault)
                                   return false;
                                 if (++entries < wire_limits::compared_versions)
                                   return true;
                                 entries = 0;
                                 s.sum.end = seq;
                                 out.push_back(s.sum);
                                 s.sum = {};
                                 full = out.size() >= max_intervals;
                                 return !full;
                               });
  if (!scanned)
    return scanned.err();
  if (!fault)
    return fault.err();
  if (!full && (out.empty() || out.back().end < to)) {
    s.sum.end = to;
    out.push_back(s.sum);
  }
  return out;
}

result<std::vector<interval_sum>> sums_of(const kv_view& view, const stream_id& stream,
                                          uint64_t from, const std::vector<interval_sum>& like) {
  std::vector<interval_sum> out;
  for (const auto& theirs : like) {
    summer s(view, stream);
    status fault = success();
    auto scanned = each_standing(view, stream, from, theirs.end,
                                 [&](uint64_t seq, record_class cls, std::string_view raw) {
                                   fault = s.add(seq, cls, raw);
                                   return fault.ok();
                                 });
    if (!scanned)
      return scanned.err();
    if (!fault)
      return fault.err();
    s.sum.end = from = theirs.end;
    out.push_back(s.sum);
  }
  return out;
}

result<std::vector<range>> read_standing(const kv_view& view, const stream_id& stream,
                                         uint64_t from, uint64_t to, size_t max_bytes) {
  std::vector<range> parts(1);
  status fault = success();
  size_t total = 0;
  size_t count = 0;
  uint64_t last = from;
  bool cut = false;
  // Ops that are held and not merged stand too: whoever has merged one must not take it for gone.
  std::deque<held_op> waiting;
  const dot before{stream.origin, stream.epoch, from};
  auto listed = list_held(view, &before, [&](held_op&& h) {
    const bool inside = h.at.stream() == stream && h.at.seq <= to;
    total += inside ? h.bytes.size() : 0;
    if (inside)
      waiting.push_back(std::move(h));
    return inside && total < max_bytes;
  });
  if (!listed)
    return listed.err();
  // More of them than fit: the range ends with the last one that was read.
  if (total >= max_bytes && !waiting.empty())
    to = waiting.back().at.seq;
  total = 0;
  const auto take = [&](uint64_t seq, const std::string& bytes) {
    cut = count > 0 && (total >= max_bytes || count >= wire_limits::range_ops);
    if (cut)
      return false;
    auto* part = &parts.back();
    if (!part->ops.empty() && part->ops.size() + bytes.size() > wire_limits::range_part_bytes)
      part = &parts.emplace_back();
    total += bytes.size();
    ++count;
    part->ops += bytes;
    part->count += 1;
    last = seq;
    return true;
  };
  const auto take_waiting = [&](uint64_t below) {
    for (; !waiting.empty() && waiting.front().at.seq < below; waiting.pop_front())
      if (!take(waiting.front().at.seq, waiting.front().bytes))
        return false;
    return true;
  };
  auto scanned = each_standing(view, stream, from, to,
                               [&](uint64_t seq, record_class cls, std::string_view raw) {
                                 if (!take_waiting(seq))
                                   return false;
                                 auto o = read_standing_op(view, cls, stream, seq, raw);
                                 if (!o)
                                   fault = o.err();
                                 return o && take(seq, o->bytes);
                               });
  if (!scanned)
    return scanned.err();
  if (!fault)
    return fault.err();
  if (!cut)
    take_waiting(UINT64_MAX);
  auto unmerged = list_unmerged(view, wire_limits::range_unmerged);
  if (!unmerged)
    return unmerged.err();
  auto until = read_frontiers(view, "fu");
  if (!until)
    return until.err();
  auto counts = view.get(family::meta, "held");
  if (!counts)
    return counts.err();
  if (*counts) {
    auto held_back = read_held_counts(**counts);
    if (!held_back)
      return held_back.err();
    parts.back().unread = held_back->unread;
  }
  for (auto& part : parts) {
    part.stream = stream;
    part.from = from;
    part.to = cut ? last : to;
    part.log_complete = false;
    part.repair = true;
    part.more = &part != &parts.back();
    part.part = static_cast<uint32_t>(&part - &parts.front());
  }
  parts.back().until = std::move(*until);
  parts.back().unmerged = std::move(*unmerged);
  return parts;
}

} // namespace shoal
