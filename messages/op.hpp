#pragma once
// One committed change of one record, self-describing: a receiver merges it without knowing its
// model.
//
// Wire form, a MessagePack array (further items are ignored, and kept where the op is passed on):
//   [seq, batch_rest, wall_ms, counter, class, kind, model, record id, [field…], seen?]
// `seen`, of deletes of shared records only: the newest stamp of the record that stood at the
// origin, as a prev.
// `batch_rest` counts the ops of the same atomic batch that follow this one. The stamp's device and
// the stream are those of the range that carries the op. A field is an array that begins [name,
// kind, …]:
//   lww     [name, 0, value, prev]                 prev: nil (nothing stood), false (not known), or
//   set     [name, 1, [[element, adds, [dot…]]…]]        [wall_ms, counter, device] of what it
//   replaced counter [name, 2, added, subtracted]           totals of this (origin, epoch)'s slot
//   map     [name, 3, [[key, value, prev]…]]
//   parent  [name, 4, value, prev, model]          a lww reference whose target's death is this
//   record's dot     [origin, epoch, seq]

#include "messages/hlc.hpp"
#include "messages/reader.hpp"
#include "messages/writer.hpp"

#include <vector>

namespace shoal {

enum class record_class : uint8_t {
  owned = 0,  // device-owned: only the origin's own records
  shared = 1, // every member may write
};
enum class op_kind : uint8_t { insert = 0, update = 1, remove = 2 };
enum class field_kind : uint8_t { lww = 0, set = 1, counter = 2, map = 3, parent = 4 };

/// The version that a write replaced at its origin.
struct previous {
  enum class state : uint8_t { none, unknown, stamp } known = state::none;
  hlc stamp;
  auto operator<=>(const previous&) const = default;
};

struct set_change {
  std::string element;      // encoded value
  bool adds = false;        // the op's own dot joins the element
  std::vector<dot> removes; // dots that leave it
  auto operator<=>(const set_change&) const = default;
};

struct map_change {
  std::string key;
  std::string value; // encoded; nil clears the key
  previous prev;
  auto operator<=>(const map_change&) const = default;
};

struct field_op {
  std::string name;
  field_kind kind = field_kind::lww;
  std::string value; // lww, parent: encoded; nil clears the field
  previous prev;
  std::string parent_model;
  std::vector<set_change> elements;
  uint64_t added = 0;
  uint64_t subtracted = 0;
  std::vector<map_change> keys;
  auto operator<=>(const field_op&) const = default;
};

struct op {
  uint64_t seq = 0;
  uint32_t batch_rest = 0;
  hlc stamp; // its device is the origin
  record_class cls = record_class::shared;
  op_kind kind = op_kind::insert;
  std::string model;
  record_id id;
  std::vector<field_op> fields;
  /// A delete's: what is newer than that was not seen by who deleted.
  previous seen{previous::state::unknown, {}};
  auto operator<=>(const op&) const = default;
};

void encode(writer& out, const op& o);
std::string encode_op(const op& o);
/// Reads one op of `origin`'s stream; faults are left in the reader.
op read_op(reader& in, const device_id& origin);

void encode(writer& out, const dot& d);
dot read_dot(reader& in);

} // namespace shoal
