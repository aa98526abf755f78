// Disk form of a conflict, MessagePack:
//   [model, id, field, key or nil, side, side, when_ms, resolved (28 bytes) or nil]
//   side: [value, left_out, stamp (28 bytes), removed]

#include "store/sync/conflicts.hpp"

#include "store/sync/keys.hpp"

namespace shoal {

static std::string stamp_bytes(const hlc& stamp) {
  std::string out;
  append_hlc(out, stamp);
  return out;
}

static hlc read_stamp(reader& in) {
  const auto raw = in.bin(28, "conflict stamp");
  auto stamp = decode_hlc(raw);
  if (!stamp && !in.failed())
    in.fail(ec::bad_value, "conflict stamp");
  return stamp ? *stamp : hlc{};
}

static void encode(writer& w, const conflict_side& s) {
  w.array(4);
  w.raw(s.value), w.boolean(s.left_out), w.bin(stamp_bytes(s.stamp)), w.boolean(s.removed);
}

static conflict_side read_side(reader& in) {
  conflict_side s;
  if (in.array(4, "conflict side") != 4)
    in.fail(ec::bad_value, "conflict side");
  s.value = in.value("conflict value");
  s.left_out = in.boolean("conflict side");
  s.stamp = read_stamp(in);
  s.removed = in.boolean("conflict side");
  return s;
}

std::string encode(const conflict& c) {
  std::string out;
  writer w(out);
  w.array(8);
  w.str(c.model), w.bin(c.id.view()), w.str(c.field);
  if (c.key)
    w.str(*c.key);
  else
    w.nil();
  encode(w, c.winner);
  encode(w, c.loser);
  w.uint(c.when_ms);
  if (c.resolved)
    w.bin(stamp_bytes(*c.resolved));
  else
    w.nil();
  return out;
}

result<conflict> read_conflict(uint64_t number, std::string_view raw) {
  reader in(raw);
  conflict c;
  c.number = number;
  if (in.array(8, "conflict") != 8)
    in.fail(ec::bad_value, "conflict");
  c.model = in.str(wire_limits::name_bytes, "conflict model");
  c.id = in.id<record_id>("conflict record");
  c.field = in.str(wire_limits::name_bytes, "conflict field");
  if (!in.take_nil())
    c.key = in.str(raw.size(), "conflict key");
  c.winner = read_side(in);
  c.loser = read_side(in);
  c.when_ms = in.uint("conflict time");
  if (!in.take_nil())
    c.resolved = read_stamp(in);
  in.finish("conflict");
  if (in.failed())
    return error{ec::corrupt, "conflict on disk: " + in.err().message};
  return c;
}

std::string conflict_key(uint64_t number) { return keys::tagged('c', keys::u64(number)); }

status list_conflicts(const kv_view& view, const std::function<bool(conflict&&)>& on) {
  std::optional<error> fault;
  auto scanned = scan_prefix(view, family::deadletter, "c", "c",
                             [&](std::string_view key, std::string_view value) {
                               auto c = read_conflict(keys::read_u64(key.substr(1)), value);
                               if (!c) {
                                 fault = c.err();
                                 return false;
                               }
                               return on(std::move(*c));
                             });
  if (fault)
    return *fault;
  return scanned;
}

} // namespace shoal
