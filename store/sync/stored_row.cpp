#include "store/sync/stored_row.hpp"

#include "store/sync/keys.hpp"

#include <algorithm>

namespace shoal {

std::string encode_place(const row_place& p) {
  std::string out;
  writer w(out);
  w.array(3), w.boolean(p.visible), w.uint(p.epoch), w.uint(p.seq);
  return out;
}

std::optional<row_place> read_place(std::string_view stored) {
  if (stored.empty() || stored[0] != '\x93')
    return std::nullopt;
  reader in(stored);
  in.array(3, "place");
  row_place p;
  p.visible = in.boolean("place visible");
  p.epoch = in.uint("place epoch");
  p.seq = in.uint("place seq");
  in.finish("place");
  return in.failed() ? std::nullopt : std::optional(p);
}

std::string name_entry(uint32_t batch_rest, std::string_view model, const record_id& id) {
  std::string out;
  writer w(out);
  w.array(3);
  w.uint(batch_rest);
  w.str(model);
  w.bin(id.view());
  return out;
}

static row row_of(const plain_op& o, uint64_t epoch) {
  row r;
  const version at{o.stamp, epoch, o.seq};
  r.insert = at;
  for (const auto& f : o.fields) {
    auto& state =
        r.fields
            .emplace_hint(r.fields.end(), field_name{std::string(f.name), f.kind}, field_state{})
            ->second;
    state.lww = {std::string(f.value), at};
    state.parent_model = f.parent_model;
  }
  return r;
}

static const plain_op* read_kept_op(const device_id& owner, std::string_view entry) {
  static thread_local plain_op o;
  return read_plain_insert(entry, owner, o) && o.bytes.size() == entry.size() ? &o : nullptr;
}

result<row> row_of_kept_op(const device_id& owner, uint64_t epoch, std::string_view entry) {
  const auto* o = read_kept_op(owner, entry);
  if (o == nullptr)
    return error{ec::corrupt,
                 "by_seq on disk: an op of " + to_string(owner) + " that is no plain insert"};
  return row_of(*o, epoch);
}

result<row> read_row(const kv_view& view, record_class cls, std::string_view key,
                     std::string_view stored) {
  const auto place = cls == record_class::owned ? read_place(stored) : std::nullopt;
  if (!place)
    return decode_row(stored);
  const auto name = keys::parse_row(cls, key);
  if (!name)
    return error{ec::corrupt, "row key on disk"};
  auto entry =
      view.get(family::owned_by_seq, keys::by_seq({name->owner, place->epoch}, place->seq));
  if (!entry)
    return entry.err();
  const auto* o = *entry ? read_kept_op(name->owner, **entry) : nullptr;
  if (o == nullptr || o->seq != place->seq || o->model != name->model || o->id != name->id)
    return error{ec::corrupt, std::string(name->model) + " " + to_string(name->id)
                                  + ": the op that made it is not where its row says, at "
                                  + std::to_string(place->seq) + " of "
                                  + to_string(stream_id{name->owner, place->epoch})};
  auto r = row_of(*o, place->epoch);
  r.visible = place->visible;
  return r;
}

result<bool> is_kept_at(const kv_view& view, std::string_view key, const dot& at) {
  auto stored = view.get(family::owned, key);
  if (!stored)
    return stored.err();
  const auto place = *stored ? read_place(**stored) : std::nullopt;
  return place && place->epoch == at.epoch && place->seq == at.seq;
}

result<row_brief> read_brief(std::string_view stored) {
  if (const auto place = read_place(stored))
    return row_brief{place->visible, std::nullopt};
  auto r = decode_row(stored);
  if (!r)
    return r.err();
  return row_brief{r->visible, r->removed};
}

/// Where the op is that made all of the row: one insert of single values, and nothing else.
static std::optional<version> made_by(const row& r) {
  if (!r.insert || r.removed || r.fields.size() > wire_limits::fields)
    return std::nullopt;
  const std::string* last = nullptr;
  for (const auto& [name, state] : r.fields) {
    if ((name.kind != field_kind::lww && name.kind != field_kind::parent)
        || state.lww.value == "\xc0" || state.lww.at != *r.insert
        || (last != nullptr && *last == name.name))
      return std::nullopt;
    last = &name.name;
  }
  return r.insert;
}

static result<uint32_t> rest_in(std::string_view entry) {
  reader in(entry);
  if (is_kept_op(entry)) {
    in.array(9, "index");
    in.uint("index");
  } else {
    in.array(3, "index");
  }
  const auto rest = static_cast<uint32_t>(in.uint_max(wire_limits::batch_ops, "index"));
  if (in.failed())
    return error{ec::corrupt, "by_seq on disk: " + in.err().message};
  return rest;
}

status store_row(kv_transaction& txn, record_class cls, const std::string& key, const row& before,
                 const row& after) {
  if (cls == record_class::shared) {
    txn.put(family::shared, key, encode_row(after));
    return success();
  }
  const auto name = keys::parse_row(cls, key);
  const auto whole = made_by(after);
  // The op that the row was kept as, or is from now on.
  const auto kept = whole ? whole : made_by(before);
  if (kept) {
    const auto at = keys::by_seq(kept->at().stream(), kept->seq);
    auto entry = txn.get(family::owned_by_seq, at);
    if (!entry)
      return entry.err();
    if (*entry || whole) {
      auto rest = *entry ? rest_in(**entry) : result<uint32_t>(0);
      if (!rest)
        return rest.err();
      std::string due;
      if (whole) {
        op o = extract(after, kept->at(), cls, name->model, name->id);
        o.batch_rest = *rest;
        due = encode_op(o);
      } else {
        due = name_entry(*rest, name->model, name->id);
      }
      if (*entry != due)
        txn.put(family::owned_by_seq, at, std::move(due));
    }
  }
  txn.put(family::owned, key,
          whole ? encode_place({after.visible, whole->epoch, whole->seq}) : encode_row(after));
  return success();
}

} // namespace shoal
