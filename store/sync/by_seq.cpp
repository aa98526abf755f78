#include "store/sync/by_seq.hpp"

namespace shoal {

result<by_seq_entry> read_by_seq_entry(std::string_view raw) {
  reader in(raw);
  by_seq_entry out;
  const bool op = is_kept_op(raw);
  in.array(op ? 9 : 3, "index");
  if (op)
    in.uint("index");
  out.batch_rest = static_cast<uint32_t>(in.uint_max(wire_limits::batch_ops, "index"));
  for (int passed = 0; op && passed < 4; ++passed) // stamp, class, kind
    in.uint("index");
  out.model = in.str(wire_limits::name_bytes, "index");
  out.id = in.id<record_id>("index");
  if (!op)
    in.finish("index");
  if (in.failed())
    return error{ec::corrupt, "by_seq on disk: " + in.err().message};
  return out;
}

static result<std::string> row_bytes(const kv_view& view, record_class cls, const device_id& origin,
                                     const by_seq_entry& entry) {
  auto bytes = view.get(cls == record_class::owned ? family::owned : family::shared,
                        keys::row(cls, entry.model, entry.id, origin));
  if (!bytes)
    return bytes.err();
  if (!*bytes)
    return {ec::corrupt,
            "by_seq names " + entry.model + " " + to_string(entry.id) + ", which is not there"};
  return std::move(**bytes);
}

result<row> row_of(const kv_view& view, record_class cls, const device_id& origin,
                   const by_seq_entry& entry) {
  auto bytes = row_bytes(view, cls, origin, entry);
  if (!bytes)
    return bytes.err();
  return read_row(view, cls, keys::row(cls, entry.model, entry.id, origin), *bytes);
}

result<row> content_at(const kv_view& view, record_class cls, const stream_id& s,
                       const by_seq_entry& entry, std::string_view raw) {
  return is_kept_op(raw) ? row_of_kept_op(s.origin, s.epoch, raw)
                         : row_of(view, cls, s.origin, entry);
}

result<standing_op> read_standing_op(const kv_view& view, record_class cls, const stream_id& s,
                                     uint64_t seq, std::string_view raw) {
  auto entry = read_by_seq_entry(raw);
  if (!entry)
    return entry.err();
  if (is_kept_op(raw))
    return standing_op{std::string(raw), entry->batch_rest};
  auto bytes = row_bytes(view, cls, s.origin, *entry);
  if (!bytes)
    return bytes.err();
  if (auto plain = plain_op_in(*bytes, {s.origin, s.epoch, seq}, entry->batch_rest, cls,
                               entry->model, entry->id))
    return standing_op{std::move(*plain), entry->batch_rest};
  auto r = decode_row(*bytes);
  if (!r)
    return r.err();
  op o = extract(*r, {s.origin, s.epoch, seq}, cls, entry->model, entry->id);
  o.batch_rest = entry->batch_rest;
  return standing_op{encode_op(o), entry->batch_rest};
}

result<std::optional<hlc>> stamp_of(const kv_view& view, const dot& at) {
  const auto s = at.stream();
  auto logged = view.get(family::log_by_seq, keys::by_seq(s, at.seq));
  if (!logged)
    return logged.err();
  if (*logged) {
    auto stamp = decode_hlc(**logged);
    return stamp ? result<std::optional<hlc>>(*stamp) : stamp.err();
  }
  result<std::optional<hlc>> out = std::optional<hlc>();
  const auto walked = each_standing(view, s, at.seq - 1, at.seq,
                                    [&](uint64_t, record_class cls, std::string_view entry) {
                                      auto standing = read_standing_op(view, cls, s, at.seq, entry);
                                      if (!standing) {
                                        out = standing.err();
                                        return false;
                                      }
                                      reader in(standing->bytes);
                                      out = std::optional(read_op(in, s.origin).stamp);
                                      return false;
                                    });
  return walked ? out : walked.err();
}

result<frontier> read_frontiers(const kv_view& view, std::string_view tags, const device_id* only) {
  frontier out;
  for (char tag : tags) {
    const auto prefix = only ? keys::tagged(tag, only->view()) : std::string(1, tag);
    auto scanned = scan_prefix(view, family::frontiers, prefix, prefix,
                               [&](std::string_view k, std::string_view v) {
                                 auto& seq = out[keys::parse_stream(k.substr(1))];
                                 seq = std::max(seq, keys::read_u64(v));
                                 return true;
                               });
    if (!scanned)
      return scanned.err();
  }
  return out;
}

} // namespace shoal
