#pragma once
// How rows are stored. Most are what one plain insert by their owner made, and nothing since. Such
// a row is kept once, as that op, in owned_by_seq, where whoever serves a peer finds one behind the
// other; `owned` has its place: [visible, epoch, seq]. Any other row is whole in its family, and
// the index has the record's name: [batch_rest, model, id]. Which of the two, only the row's
// content says. (Stores of format 2 have all rows whole; those stay until they are written again.)

#include "store/sync/kv.hpp"
#include "store/sync/row.hpp"

namespace shoal {

/// What a place says.
struct row_place {
  bool visible = false;
  uint64_t epoch = 0;
  uint64_t seq = 0;
};
std::string encode_place(const row_place& p);
/// Nothing for a row that is whole, and for bytes that are neither.
std::optional<row_place> read_place(std::string_view stored);

/// True for an index entry that is an op, as a range read from rows has it.
inline bool is_kept_op(std::string_view entry) { return !entry.empty() && entry[0] == '\x99'; }
/// An index entry for a row that is whole.
std::string name_entry(uint32_t batch_rest, std::string_view model, const record_id& id);

/// The row under `key`, of which `stored` was read there. It may take a second read: `view` is a
/// snapshot, or something that only the caller writes to.
result<row> read_row(const kv_view& view, record_class cls, std::string_view key,
                     std::string_view stored);
/// Whether the row under `key` is kept as the op at `at`.
result<bool> is_kept_at(const kv_view& view, std::string_view key, const dot& at);
/// The row that a kept op makes; its `visible` is not known from there.
result<row> row_of_kept_op(const device_id& owner, uint64_t epoch, std::string_view entry);

/// What others want to know of a row, at less than reading it.
struct row_brief {
  bool visible = false;
  std::optional<version> removed;
};
result<row_brief> read_brief(std::string_view stored);

/// Puts a row that is not empty; `before`: what stood there. Entries of versions that do not stand
/// any more are gone already, and there is one for each that is new.
status store_row(kv_transaction& txn, record_class cls, const std::string& key, const row& before,
                 const row& after);

} // namespace shoal
