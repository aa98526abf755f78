// Rows that one plain insert made and nothing has changed since, without the maps of `row`: most
// rows are like that. The bytes are those of row.cpp and stored_row.cpp, and
// tests/sim/plain_rows.cpp compares them.

#include "store/sync/row.hpp"

#include <xxhash.h>

#include <array>

namespace shoal {

namespace {

/// Memory for what is written of one op, and of its key.
class scratch {
public:
  scratch(const plain_op& o, size_t key_bytes) {
    const size_t bytes = plain_insert_bound(o) + key_bytes; // a row says no more than its op
    if (memory_.size() < bytes)
      memory_.resize(2 * bytes);
  }
  using writer = basic_writer<memory_sink>;
  static char* begin() { return memory_.data(); }
  static size_t length(const writer& w) { return static_cast<size_t>(w.sink().at - begin()); }
  static std::string_view text(const writer& w) { return {begin(), length(w)}; }

private:
  static thread_local std::vector<char> memory_;
};
thread_local std::vector<char> scratch::memory_;

template <class Writer>
void write_only_version(Writer& w, const version& v) {
  w.array(1);
  w.array(5);
  w.bin(v.stamp.device.view());
  w.uint(v.epoch), w.uint(v.seq), w.uint(v.stamp.wall_ms), w.uint(v.stamp.counter);
}

/// A field whose version is the table's first.
template <class Writer>
void write_field(Writer& w, const plain_field& f) {
  w.array(f.kind == field_kind::lww ? 4 : 5);
  w.str(f.name), w.uint(static_cast<uint64_t>(f.kind)), w.raw(f.value), w.uint(0);
  if (f.kind == field_kind::parent)
    w.str(f.parent_model);
}

constexpr size_t head_of_str(size_t n) {
  return n < 32 ? 1 : n <= UINT8_MAX ? 2 : n <= UINT16_MAX ? 3 : 5;
}

/// Whether the op's bytes are those that write_plain_insert() writes, but for what its fields say
/// of the value before: a byte behind each field's value. Behind the numbers that it begins with no
/// item has two forms of one length, nor a shorter one than what that writes: the length tells.
bool is_shortest(const plain_op& o) {
  std::array<char, plain_head_bytes> head;
  scratch::writer w({head.data()});
  write_plain_head(w, o);
  const std::string_view begin(head.data(), static_cast<size_t>(w.sink().at - head.data()));
  if (!o.bytes.starts_with(begin))
    return false;
  size_t bytes = begin.size() + head_of_str(o.model.size()) + o.model.size() + 2 + sizeof o.id.bytes
                 + (o.fields.size() < 16 ? 1 : 3);
  for (const auto& f : o.fields) {
    bytes += 3 + head_of_str(f.name.size()) + f.name.size() + f.value.size();
    if (f.kind == field_kind::parent)
      bytes += head_of_str(f.parent_model.size()) + f.parent_model.size();
  }
  return bytes == o.bytes.size();
}

/// In a copy of the shortest op's bytes from `from` on: sets what each field says behind its value.
void set_behind_values(char* copy, const plain_op& o, const char* from, char what) {
  for (const auto& f : o.fields)
    copy[f.value.data() + f.value.size() - from] = what;
}

/// As encode_op() writes what extract() finds.
std::string kept_op_of(const plain_op& o, bool shortest) {
  if (shortest) {
    std::string out(o.bytes);
    set_behind_values(out.data(), o, o.bytes.data(), '\xc2'); // see below
    return out;
  }
  const scratch memory(o, 0);
  scratch::writer w({memory.begin()});
  write_plain_insert(w, o, previous::state::unknown); // what it replaced is not known
  return std::string(scratch::text(w));
}

} // namespace

fresh_row fresh_row_of(const plain_op& o, const version& at, bool visible,
                       std::string_view row_key) {
  // What the digest is taken of: class, key, version, fields.
  const scratch memory(o, row_key.size());
  scratch::writer w({memory.begin()});
  w.uint(static_cast<uint64_t>(o.cls));
  w.bin(row_key);
  const size_t table_begin = scratch::length(w);
  write_only_version(w, at);
  w.uint(0); // the insert's
  const size_t fields_begin = scratch::length(w);
  const bool shortest = is_shortest(o) && !o.fields.empty();
  if (shortest) {
    const auto& name = o.fields.front().name;
    const char* from = name.data() - head_of_str(name.size()) - 1;
    w.raw({from, static_cast<size_t>(o.bytes.data() + o.bytes.size() - from)});
    set_behind_values(memory.begin() + fields_begin, o, from, '\0'); // as write_field()
  } else {
    for (const auto& f : o.fields)
      write_field(w, f);
  }
  const auto told = scratch::text(w);
  const XXH128_hash_t hash = XXH3_128bits(told.data(), told.size());
  fresh_row out;
  out.digest = {hash.low64, hash.high64};
  if (o.cls == record_class::owned) {
    out.encoded = kept_op_of(o, shortest);
    return out;
  }
  out.encoded.reserve(told.size() + 8);
  writer whole(out.encoded);
  whole.array(5);
  whole.boolean(visible);
  whole.raw(told.substr(table_begin, fields_begin - table_begin));
  whole.nil(); // no delete
  whole.array(o.fields.size());
  whole.raw(told.substr(fields_begin));
  return out;
}

std::optional<std::string> plain_op_in(std::string_view encoded_row, const dot& at,
                                       uint32_t batch_rest, record_class cls,
                                       std::string_view model, const record_id& id) {
  reader in(encoded_row);
  const bool whole = in.array(5, "row") == 5;
  in.boolean("row visible");
  if (!whole || in.array(2, "row versions") != 1 || in.array(5, "row version") != 5)
    return std::nullopt;
  version v;
  v.stamp.device = in.id<device_id>("row origin");
  v.epoch = in.uint("row epoch");
  v.seq = in.uint("row seq");
  v.stamp.wall_ms = in.uint("row wall");
  v.stamp.counter = static_cast<uint32_t>(in.uint_max(UINT32_MAX, "row counter"));
  if (in.failed() || v.at() != at || in.take_nil() || in.uint("row insert") != 0 || !in.take_nil())
    return std::nullopt;
  const size_t fields = in.array(wire_limits::fields, "row fields");
  std::string out;
  out.reserve(encoded_row.size() + 64);
  writer w(out);
  w.array(9);
  w.uint(at.seq), w.uint(batch_rest);
  w.uint(v.stamp.wall_ms), w.uint(v.stamp.counter);
  w.uint(static_cast<uint64_t>(cls)), w.uint(static_cast<uint64_t>(op_kind::insert));
  w.str(model), w.bin(id.view());
  w.array(fields);
  for (size_t n = 0; n < fields; ++n) {
    const size_t begin = in.offset();
    const size_t items = in.array(5, "row field");
    in.str(wire_limits::name_bytes, "row field name");
    const auto kind = static_cast<field_kind>(in.uint_max(4, "row field kind"));
    if (in.failed() || items != (kind == field_kind::lww ? 4U : 5U)
        || (kind != field_kind::lww && kind != field_kind::parent))
      return std::nullopt;
    in.value("row value");
    const size_t value_end = in.offset();
    if (in.uint("row version") != 0)
      return std::nullopt;
    const size_t version_end = in.offset();
    if (kind == field_kind::parent)
      in.str(wire_limits::name_bytes, "row parent");
    if (in.failed())
      return std::nullopt;
    // A field says the same in both, but for its version: what the op replaced is not known.
    w.raw(in.between(begin, value_end));
    w.boolean(false);
    w.raw(in.between(version_end, in.offset()));
  }
  if (in.failed() || !in.at_end())
    return std::nullopt;
  return out;
}

} // namespace shoal
