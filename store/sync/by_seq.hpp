#pragma once
// The index of standing versions: (origin, epoch, seq) → record. Both families, owned_by_seq and
// shared_by_seq, are walked as one stream.

#include "messages/frontier.hpp"
#include "store/sync/keys.hpp"
#include "store/sync/kv.hpp"
#include "store/sync/stored_row.hpp"

namespace shoal {

/// An entry's value.
struct by_seq_entry {
  uint32_t batch_rest = 0;
  std::string model;
  record_id id;
};
result<by_seq_entry> read_by_seq_entry(std::string_view raw);

/// Calls `on(seq, class, raw entry) → bool` for every standing version of a stream in (from, to],
/// in order of seq, until it returns false. Returns the cursors' fault, if any.
template <class On>
status each_standing(const kv_view& view, const stream_id& stream, uint64_t from, uint64_t to,
                     On on) {
  const auto prefix = keys::stream(stream);
  auto owned = view.cursor(family::owned_by_seq);
  auto shared = view.cursor(family::shared_by_seq);
  owned->seek(keys::by_seq(stream, from + 1));
  shared->seek(keys::by_seq(stream, from + 1));
  const auto seq_at = [&](const kv_cursor& c) {
    if (!c.valid() || c.key().substr(0, prefix.size()) != prefix)
      return UINT64_MAX;
    return keys::read_u64(c.key().substr(prefix.size()));
  };
  for (;;) {
    const auto a = seq_at(*owned);
    const auto b = seq_at(*shared);
    const auto seq = std::min(a, b);
    if (seq > to || seq == UINT64_MAX)
      break;
    auto& c = a < b ? *owned : *shared;
    if (!on(seq, a < b ? record_class::owned : record_class::shared, c.value()))
      break;
    c.next();
  }
  if (auto s = owned->state(); !s)
    return s;
  return shared->state();
}

/// The row that an entry names; `ec::corrupt` when there is none.
result<row> row_of(const kv_view& view, record_class cls, const device_id& origin,
                   const by_seq_entry& entry);
/// The same where only content is asked for: whether the row is visible is not said. `raw` is what
/// `entry` was read from; often it is all that need be read.
result<row> content_at(const kv_view& view, record_class cls, const stream_id& s,
                       const by_seq_entry& entry, std::string_view raw);

/// One encoded op and how many of its batch follow.
struct standing_op {
  std::string bytes;
  uint32_t batch_rest = 0;
};
/// What stands of the op that an index entry is for.
result<standing_op> read_standing_op(const kv_view& view, record_class cls, const stream_id& s,
                                     uint64_t seq, std::string_view entry);

/// The stamp of an op that the log or a record still has; nothing when neither does.
result<std::optional<hlc>> stamp_of(const kv_view& view, const dot& at);

/// The maximum of the frontiers kept under `tags` (see keys.hpp); `only`: of that origin's streams.
result<frontier> read_frontiers(const kv_view& view, std::string_view tags,
                                const device_id* only = nullptr);

} // namespace shoal
