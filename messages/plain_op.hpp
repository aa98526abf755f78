#pragma once
// What most ops are: an insert of a record with nothing but single values. Read in place, without
// memory for each field; any other op is for read_op() (op.hpp).

#include "messages/op.hpp"

namespace shoal {

struct plain_field {
  std::string_view name;
  field_kind kind = field_kind::lww; // or parent
  std::string_view value;            // encoded; never nil
  std::string_view parent_model;
};

/// Views into the bytes it was read from.
struct plain_op {
  uint64_t seq = 0;
  uint32_t batch_rest = 0;
  hlc stamp;
  record_class cls = record_class::shared;
  std::string_view model;
  record_id id;
  std::vector<plain_field> fields; // names ascend
  std::string_view bytes;
};

/// Reads what stands at the front of `bytes` into `into`, whose memory is used again. False when it
/// is another op, or none: `into` then holds nothing of use, and read_op() tells what it is. What
/// this takes, read_op() takes, and reads the same from it.
bool read_plain_insert(std::string_view bytes, const device_id& origin, plain_op& into);

/// Bytes that write_plain_insert() writes at most.
inline size_t plain_insert_bound(const plain_op& o) {
  constexpr size_t heads = 16;   // of a field: two texts' of 5 bytes, and four bytes
  constexpr size_t around = 128; // numbers, ids and their heads
  size_t bytes = around + o.model.size();
  for (const auto& f : o.fields)
    bytes += heads + f.name.size() + f.value.size() + f.parent_model.size();
  return bytes;
}

/// Writes what its encoding begins with, at most plain_head_bytes.
template <class Writer>
void write_plain_head(Writer& out, const plain_op& o) {
  out.array(9);
  out.uint(o.seq), out.uint(o.batch_rest);
  out.uint(o.stamp.wall_ms), out.uint(o.stamp.counter);
  out.uint(static_cast<uint64_t>(o.cls)), out.uint(static_cast<uint64_t>(op_kind::insert));
}
constexpr size_t plain_head_bytes = 1 + 4 * 9 + 2;

/// Writes what encode_op() writes of it; `bytes` is not used. `prev`: what it says of the value
/// that each field had before, none or unknown.
template <class Writer>
void write_plain_insert(Writer& out, const plain_op& o, previous::state prev) {
  write_plain_head(out, o);
  out.str(o.model), out.bin(o.id.view());
  out.array(o.fields.size());
  for (const auto& f : o.fields) {
    const bool parent = f.kind == field_kind::parent;
    out.array(parent ? 5 : 4);
    out.str(f.name), out.uint(static_cast<uint64_t>(f.kind)), out.raw(f.value);
    prev == previous::state::none ? out.nil() : out.boolean(false);
    if (parent)
      out.str(f.parent_model);
  }
}

} // namespace shoal
