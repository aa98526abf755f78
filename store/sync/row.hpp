#pragma once
// A record's mergeable state: for every field, element, slot and map key the version that stands.
// Merging is commutative, associative and idempotent (see merge.cpp for why), knows no model, and
// never looks into the log.

#include "messages/plain_op.hpp"
#include "store/record.hpp"

#include <map>
#include <optional>
#include <vector>

namespace shoal {

/// The op that wrote something that stands. Ordered by stamp; the dot only separates stamps that a
/// faulty device issued twice.
struct version {
  hlc stamp;
  uint64_t epoch = 0;
  uint64_t seq = 0;
  auto operator<=>(const version&) const = default;
  dot at() const { return {stamp.device, epoch, seq}; }
};

struct lww_state {
  std::string value; // encoded; nil when cleared
  version at;
};
struct element_state {
  std::map<dot, version> live;    // an element is in the set while one of its dots lives
  std::map<dot, version> removed; // dot → newest op that removed it
};
struct slot_state {
  uint64_t added = 0;
  uint64_t subtracted = 0;
  version at;
};
/// Which members are in use depends on the kind.
struct field_state {
  lww_state lww;
  std::string parent_model;
  std::map<std::string, element_state> elements;
  std::map<stream_id, slot_state> slots;
  std::map<std::string, lww_state> keys;
};
/// Writers that disagree on a field's kind each keep their own state; readers see the newest.
struct field_name {
  std::string name;
  field_kind kind = field_kind::lww;
  auto operator<=>(const field_name&) const = default;
};

struct row {
  std::optional<version>
      insert; // newest insert that no delete masks: the record exists iff there is one
  std::optional<version> removed; // newest delete; masks everything older
  std::map<field_name, field_state> fields;
  /// Derived: it exists and so do its cascading parents. Kept so that readers need not climb; see
  /// cascade.cpp.
  bool visible = false;

  bool exists() const { return insert.has_value(); }
  bool empty() const { return !insert && !removed && fields.empty(); }
};

/// Disk form.
std::string encode_row(const row& r);
result<row> decode_row(std::string_view raw);

/// Folds one op in. Returns false when nothing changed: all of it was masked or superseded.
bool merge(row& into, const op& o, const version& v);

/// The newest stamp that stands; zero in an empty row.
hlc newest_stamp(const row& r);
/// Dots of all versions that stand, ascending, each once.
std::vector<dot> standing(const row& r);
/// The part of `r` that the op at `at` wrote and that still stands, as an op without seq and batch.
/// `prev` is unknown.
op extract(const row& r, const dot& at, record_class cls, std::string_view model,
           const record_id& id);

/// A cascading parent that the row names.
struct parent_ref {
  std::string model;
  record_id id;
  version at; // of the reference
  auto operator<=>(const parent_ref&) const = default;
};
std::vector<parent_ref> parents(const row& r);

/// 128-bit hash of the row's live content and its versions, under the record's name: what the
/// library's digest sums up. Delete marks, cleared values and removed dots do not count: nodes may
/// drop those at different times.
struct digest_value {
  uint64_t low = 0;
  uint64_t high = 0;
  auto operator<=>(const digest_value&) const = default;
};
digest_value digest_of(const row& r, record_class cls, std::string_view row_key);
/// Lane-wise sums modulo 2^64: order does not matter, and what was added can be taken out.
void add(digest_value& to, const digest_value& what);
void subtract(digest_value& from, const digest_value& what);
std::string to_string(const digest_value& d);    // 32 hex digits
std::string digest_bytes(const digest_value& d); // the 16 bytes that heartbeats carry

/// The row that a plain insert of a record makes which was not here: the same bytes and digest that
/// merge() into an empty row comes to. Of a device-owned record the bytes are those of the op that
/// is kept in owned_by_seq, of a shared one the row's; see stored_row.hpp.
struct fresh_row {
  std::string encoded;
  digest_value digest;
};
fresh_row fresh_row_of(const plain_op& o, const version& at, bool visible,
                       std::string_view row_key);
/// The op, encoded, that extract() would find in a row all of which one plain insert wrote; nothing
/// when the row is another one, or damaged.
std::optional<std::string> plain_op_in(std::string_view encoded_row, const dot& at,
                                       uint32_t batch_rest, record_class cls,
                                       std::string_view model, const record_id& id);

/// What readers see of a row. `owner` for device-owned records.
record_view view_of(const row& r, record_class cls, std::string_view model, const record_id& id,
                    std::optional<device_id> owner);

} // namespace shoal
