// Reading covering ranges: device-owned ops always from rows, shared ops from the log where it
// reaches far enough down, else from rows too. Ops that are held and not merged are in neither, and
// go out as they came.

#include "store/sync/by_seq.hpp"
#include "store/sync/held.hpp"
#include "store/sync/replica.hpp"

#include <algorithm>

namespace shoal {

namespace {

result<uint64_t> read_seq(const kv_view& view, char tag, const stream_id& s) {
  auto value = view.get(family::frontiers, keys::tagged(tag, keys::stream(s)));
  if (!value)
    return value.err();
  return *value ? keys::read_u64(**value) : 0;
}

result<standing_op> from_log(const kv_view& view, const stream_id& s, uint64_t seq,
                             std::string_view raw) {
  auto stamp = decode_hlc(raw);
  if (!stamp)
    return error{ec::corrupt, "log_by_seq on disk: " + stamp.err().message};
  auto bytes = view.get(family::log, keys::log(*stamp, {s.origin, s.epoch, seq}));
  if (!bytes)
    return bytes.err();
  if (!*bytes)
    return {ec::corrupt, "log_by_seq names an op that is not in the log"};
  reader in(**bytes);
  const auto rest = read_op(in, s.origin).batch_rest;
  if (in.failed())
    return error{ec::corrupt, "log on disk: " + in.err().message};
  return standing_op{std::move(**bytes), rest};
}

result<standing_op> from_held(const stream_id& s, uint64_t seq, std::string_view raw) {
  auto h = read_held({s.origin, s.epoch, seq}, raw);
  if (!h)
    return h.err();
  return standing_op{std::move(h->bytes), h->batch_rest};
}

} // namespace

result<uint64_t> forgotten_until(const kv_view& view, const stream_id& stream) {
  return read_seq(view, 'd', stream);
}

result<std::vector<range>> read_range(const kv_view& view, const stream_id& stream, uint64_t from,
                                      size_t max_bytes, size_t max_ops) {
  auto held = read_seq(view, 'f', stream);
  auto log_from = read_seq(view, 'l', stream);
  if (!held)
    return held.err();
  if (!log_from)
    return log_from.err();
  if (*held <= from)
    return std::vector<range>{};
  const bool log_complete = from >= *log_from;

  const auto prefix = keys::stream(stream);
  const auto first = keys::by_seq(stream, from + 1);
  auto owned = view.cursor(family::owned_by_seq);
  auto shared = view.cursor(log_complete ? family::log_by_seq : family::shared_by_seq);
  owned->seek(first);
  shared->seek(first);
  const auto waiting_prefix = keys::tagged('h', prefix);
  auto waiting = view.cursor(family::deadletter);
  waiting->seek(keys::tagged('h', first));
  const auto seq_in = [](const kv_cursor& c, std::string_view of) {
    return c.valid() && c.key().substr(0, of.size()) == of
               ? keys::read_u64(c.key().substr(of.size()))
               : UINT64_MAX;
  };

  std::vector<range> parts(1);
  size_t total = 0;
  size_t count = 0;
  const auto limit = std::min(max_ops, wire_limits::range_ops - wire_limits::batch_ops);
  uint64_t to = *held;
  bool any_from_rows = !log_complete;
  uint64_t batch_end = 0; // the last seq of the atomic batch that the newest op belongs to
  uint64_t last = from;
  for (;;) {
    const auto owned_seq = seq_in(*owned, prefix);
    const auto shared_seq = seq_in(*shared, prefix);
    const auto waiting_seq = seq_in(*waiting, waiting_prefix);
    const uint64_t seq = std::min({owned_seq, shared_seq, waiting_seq});
    if (seq == UINT64_MAX)
      break;
    const bool take_owned = seq == owned_seq;
    auto& c = take_owned ? *owned : seq == shared_seq ? *shared : *waiting;
    if (seq > *held)
      return result<std::vector<range>>(ec::corrupt,
                                        "by_seq is ahead of the frontier of " + to_string(stream));
    // Ends only between batches; a batch is smaller than what a range may hold.
    if (seq > batch_end && count > 0 && (total >= max_bytes || count >= limit)) {
      to = std::max(last, batch_end);
      break;
    }
    auto p = seq == waiting_seq ? from_held(stream, seq, c.value())
             : take_owned   ? read_standing_op(view, record_class::owned, stream, seq, c.value())
             : log_complete ? from_log(view, stream, seq, c.value())
                            : read_standing_op(view, record_class::shared, stream, seq, c.value());
    if (!p)
      return p.err();
    any_from_rows |= take_owned;
    if (!parts.back().ops.empty()
        && parts.back().ops.size() + p->bytes.size() > wire_limits::range_part_bytes)
      parts.emplace_back();
    total += p->bytes.size();
    ++count;
    parts.back().ops += p->bytes;
    parts.back().count += 1;
    batch_end = std::max(batch_end, seq + p->batch_rest);
    last = seq;
    c.next();
  }
  if (auto s = owned->state(); !s)
    return s.err();
  if (auto s = shared->state(); !s)
    return s.err();
  if (auto s = waiting->state(); !s)
    return s.err();

  frontier until;
  // An op that is not there was device-owned and has been superseded, even if none is left.
  if (any_from_rows || count < to - from) {
    // Device-owned versions are superseded by their owner's later ones only, shared versions by
    // anyone's. What this node itself is not settled on, the receiver must wait for as well.
    auto read = read_frontiers(view, "fu", log_complete ? &stream.origin : nullptr);
    if (!read)
      return read.err();
    until = std::move(*read);
  }
  for (auto& part : parts) {
    part.stream = stream;
    part.from = from;
    part.to = to;
    part.log_complete = log_complete;
    part.more = &part != &parts.back();
    part.part = static_cast<uint32_t>(&part - &parts.front());
  }
  parts.back().until = std::move(until);
  if (!log_complete) {
    auto unmerged = list_unmerged(view, wire_limits::range_unmerged);
    if (!unmerged)
      return unmerged.err();
    parts.back().unmerged = std::move(*unmerged);
  }
  return parts;
}

} // namespace shoal
