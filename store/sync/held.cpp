// Disk form of a held op, MessagePack:
//   [why, batch_rest, stamp (28 bytes), since_ms, hidden, complete, reason, bytes, released, split,
//   alone]

#include "store/sync/held.hpp"

#include "store/sync/keys.hpp"

namespace shoal {

std::string_view to_string(held_why why) {
  return why == held_why::quarantined ? "quarantined" : "unmergeable";
}

std::string encode(const held_counts& c) {
  return keys::u64(c.quarantined) + keys::u64(c.unmergeable) + keys::u64(c.incomplete)
         + keys::u64(c.hidden) + keys::u64(c.hash) + keys::u64(c.halves) + keys::u64(c.unread);
}

result<held_counts> read_held_counts(std::string_view raw) {
  if (raw.size() != held_counts_bytes && raw.size() != 48
      && raw.size() != 40) // of earlier versions
    return {ec::corrupt, "meta held: " + std::to_string(raw.size()) + " bytes, not "
                             + std::to_string(held_counts_bytes)};
  return held_counts{keys::read_u64(raw),
                     keys::read_u64(raw.substr(8)),
                     keys::read_u64(raw.substr(16)),
                     keys::read_u64(raw.substr(24)),
                     keys::read_u64(raw.substr(32)),
                     raw.size() > 40 ? keys::read_u64(raw.substr(40)) : 0,
                     raw.size() > 48 ? keys::read_u64(raw.substr(48)) : 0};
}

std::string encode(const held_op& h) {
  std::string out;
  std::string stamp;
  append_hlc(stamp, h.stamp);
  writer w(out);
  w.array(11);
  w.uint(static_cast<uint64_t>(h.why)), w.uint(h.batch_rest), w.bin(stamp), w.uint(h.since_ms);
  w.boolean(h.hidden), w.boolean(h.complete), w.str(h.reason), w.bin(h.bytes);
  w.boolean(h.released), w.boolean(h.split), w.boolean(h.alone);
  return out;
}

result<held_op> read_held(const dot& at, std::string_view raw) {
  reader in(raw);
  held_op h;
  h.at = at;
  const auto members = in.array(11, "held op");
  if (members != 8 && members != 10 && members != 11) // of earlier versions
    in.fail(ec::bad_value, "held op");
  h.why = static_cast<held_why>(in.uint_max(1, "held op"));
  h.batch_rest = static_cast<uint32_t>(in.uint_max(wire_limits::batch_ops, "held op"));
  auto stamp = decode_hlc(in.bin(28, "held op"));
  h.since_ms = in.uint("held op");
  h.hidden = in.boolean("held op");
  h.complete = in.boolean("held op");
  h.reason = in.str(raw.size(), "held op");
  h.bytes = in.bin(raw.size(), "held op");
  h.released = members >= 10 && in.boolean("held op");
  h.split = members >= 10 && in.boolean("held op");
  h.alone = members >= 11 && in.boolean("held op");
  in.finish("held op");
  if (in.failed() || !stamp)
    return error{ec::corrupt, "held op on disk: " + (in.failed() ? in.err() : stamp.err()).message};
  h.stamp = *stamp;
  return h;
}

static std::string held_key(const dot& at) {
  return keys::tagged('h', keys::by_seq(at.stream(), at.seq));
}

void put_held(kv_transaction& txn, const held_op& h) {
  txn.put(family::deadletter, held_key(h.at), encode(h));
}

result<std::optional<held_op>> get_held(const kv_view& view, const dot& at) {
  auto raw = view.get(family::deadletter, held_key(at));
  if (!raw)
    return raw.err();
  if (!*raw)
    return std::optional<held_op>{};
  auto h = read_held(at, **raw);
  if (!h)
    return h.err();
  return std::optional(std::move(*h));
}

status list_held(const kv_view& view, const dot* after, const std::function<bool(held_op&&)>& on) {
  std::optional<error> fault;
  const auto from = after ? held_key({after->origin, after->epoch, after->seq + 1}) : "h";
  auto scanned = scan_prefix(
      view, family::deadletter, "h", from, [&](std::string_view key, std::string_view value) {
        const auto stream = keys::parse_stream(key.substr(1));
        auto h = read_held({stream.origin, stream.epoch, keys::read_u64(key.substr(25))}, value);
        if (!h) {
          fault = h.err();
          return false;
        }
        return on(std::move(*h));
      });
  if (fault)
    return *fault;
  return scanned;
}

result<std::vector<dot>> list_unmerged(const kv_view& view, size_t max) {
  std::vector<dot> out;
  auto scanned = scan_prefix(
      view, family::deadletter, "t", "t", [&](std::string_view key, std::string_view value) {
        if (out.size() == max)
          return false;
        const auto stream = keys::parse_stream(key.substr(9));
        if (value.size() == 9 && value[8] != 0)
          out.push_back({stream.origin, stream.epoch, keys::read_u64(key.substr(33))});
        return true;
      });
  if (!scanned)
    return scanned.err();
  return out;
}

} // namespace shoal
