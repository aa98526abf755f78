#pragma once
// The byte layout of every key, and nothing else. Numbers are big-endian so that byte order is
// number order.
//
//   owned            len model id owner        row of a device-owned record, or its place
//   shared           len model id              row of a shared record
//   owned_by_seq     origin epoch seq          -> op, or as below; see stored_row.hpp
//   shared_by_seq    origin epoch seq          -> [batch_rest, model, id]
//   log              hlc epoch seq             -> encoded op; the stamp's device is the origin
//   log_by_seq       origin epoch seq          -> hlc
//   frontiers        'f' stream -> seq held    'u' stream -> seq of `until`    'l' stream ->
//   log_from
//                    'd' stream -> seq up to which deletes are forgotten
//                    'e' device -> first epoch that is not folded
//                    's' device -> statement    'n' device -> wall ms since when retention passes
//                    the member over
//   checkpoints      "resync" -> see replica::set_resync
//                    's' device -> statement    'r' stream -> seq of the `until` of rows
//   deadletter       'h' origin epoch seq      -> op that is held, not merged; see held.cpp
//                    't' wall origin epoch seq -> batch_rest, complete    the quarantined ones of
//                    'h', by stamp
//                    'd' origin epoch seq      -> ""    those that this version cannot merge
//                    'c' number                -> conflict, oldest first; see conflicts.cpp
//   index            'p' class parent-key child-key -> ""    children of a cascading parent
//                    'w' class parent-key           -> ""    a child waits for this absent parent
//                    'm' wall-ms origin epoch seq class row-key -> ""    a mark that stands
//   meta             'l' class row-key -> [[name, value]…]    fields that stay on this node
//                    name -> value             see replica.cpp; 'i' key -> answer of an idempotency
//   key,
//                                              'j' number -> key, in order of arrival
//                                              'D' device -> digest of its rows
//                                              rewritten -> see changes.hpp

#include "messages/hlc.hpp"
#include "messages/op.hpp"

namespace shoal::keys {

inline void append_u64(std::string& out, uint64_t v) {
  char bytes[sizeof v];
  for (size_t i = 0; i < sizeof v; ++i)
    bytes[i] = static_cast<char>(v >> (56 - 8 * i));
  out.append(bytes, sizeof bytes);
}
inline uint64_t read_u64(std::string_view raw) {
  uint64_t v = 0;
  for (size_t i = 0; i < 8 && i < raw.size(); ++i)
    v = (v << 8) | static_cast<uint8_t>(raw[i]);
  return v;
}

inline std::string model_prefix(std::string_view model) {
  std::string out;
  out += static_cast<char>(model.size());
  out += model;
  return out;
}
/// Key of a row; `owner` only for device-owned records.
inline std::string row(record_class cls, std::string_view model, const record_id& id,
                       const device_id& owner) {
  std::string out;
  out.reserve(model.size() + 33);
  out += static_cast<char>(model.size());
  out += model;
  out += id.view();
  if (cls == record_class::owned)
    out += owner.view();
  return out;
}
/// Of the key of a row what its owner does not change: model and id.
inline std::string_view record_name(std::string_view row_key) {
  return row_key.substr(
      0, row_key.empty() ? 0 : 1 + static_cast<uint8_t>(row_key[0]) + sizeof(record_id::bytes));
}
struct row_name {
  std::string_view model;
  record_id id;
  device_id owner;
};
/// The inverse of `row`; nothing when the bytes are not such a key.
inline std::optional<row_name> parse_row(record_class cls, std::string_view key) {
  if (key.empty())
    return std::nullopt;
  const size_t n = static_cast<uint8_t>(key[0]);
  const size_t owner = cls == record_class::owned ? 16 : 0;
  if (key.size() != 1 + n + 16 + owner)
    return std::nullopt;
  row_name out;
  out.model = key.substr(1, n);
  out.id = *record_id::from_bytes(key.substr(1 + n, 16));
  if (owner)
    out.owner = *device_id::from_bytes(key.substr(1 + n + 16, 16));
  return out;
}

inline std::string stream(const stream_id& s) {
  std::string out(s.origin.view());
  append_u64(out, s.epoch);
  return out;
}
inline std::string by_seq(const stream_id& s, uint64_t seq) {
  std::string out;
  out.reserve(sizeof s.origin.bytes + sizeof s.epoch + sizeof seq);
  out += s.origin.view();
  append_u64(out, s.epoch);
  append_u64(out, seq);
  return out;
}
inline std::string tagged(char tag, std::string_view rest) {
  std::string out(1, tag);
  out += rest;
  return out;
}
inline stream_id parse_stream(std::string_view raw) {
  return {device_id::from_bytes(raw.substr(0, 16)).value_or(device_id{}), read_u64(raw.substr(16))};
}
inline std::string u64(uint64_t v) {
  std::string out;
  append_u64(out, v);
  return out;
}
inline std::string log(const hlc& stamp, const dot& at) {
  std::string out;
  append_hlc(out, stamp);
  append_u64(out, at.epoch);
  append_u64(out, at.seq);
  return out;
}
/// Entry of a mark: in order of age, so that pruning meets the old ones first.
inline std::string mark(uint64_t wall_ms, const dot& at, record_class cls,
                        std::string_view row_key) {
  std::string out(1, 'm');
  append_u64(out, wall_ms);
  out += by_seq(at.stream(), at.seq);
  out += static_cast<char>(cls);
  out += row_key;
  return out;
}
struct mark_name {
  uint64_t wall_ms = 0;
  dot at;
  record_class cls = record_class::owned;
  std::string_view row_key;
};
/// The inverse of `mark`; nothing when the bytes are not such a key.
inline std::optional<mark_name> parse_mark(std::string_view key) {
  if (key.size() < 43)
    return std::nullopt;
  const auto stream = parse_stream(key.substr(9, 24));
  return mark_name{read_u64(key.substr(1)),
                   {stream.origin, stream.epoch, read_u64(key.substr(33))},
                   key[41] == 0 ? record_class::owned : record_class::shared,
                   key.substr(42)};
}
/// Prefix of the children of one parent; `tag` is 'p' or 'w'.
inline std::string parent(char tag, record_class cls, std::string_view parent_key) {
  std::string out(1, tag);
  out += static_cast<char>(cls);
  out += parent_key;
  return out;
}

/// Fields of a record that stay on this node. No name in `meta` begins like this.
inline std::string_view local_prefix() { return {"l\0", 2}; }
inline std::string local(record_class cls, std::string_view row_key) {
  std::string out(local_prefix());
  out += static_cast<char>(cls);
  out += row_key;
  return out;
}

} // namespace shoal::keys
