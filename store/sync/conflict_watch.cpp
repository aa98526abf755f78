// Seeing conflicts while ops merge. Two writes of one field are concurrent when neither writer had
// the other's version before it: an op says (`prev`) what stood at its origin. An op that came out
// of a row does not, and then nothing is recorded. Nothing here changes what merges.

#include "config/limits.hpp"
#include "store/sync/conflicts.hpp"
#include "store/sync/keys.hpp"
#include "store/sync/replica.hpp"

#include <algorithm>

namespace shoal {

namespace {

constexpr size_t hops_max = 16;        // of a chain of writes that is followed through the log
constexpr size_t edits_per_delete = 8; // conflicts that one delete may record

const std::string nil_value = "\xc0";

conflict_side side_of(std::string_view value, const hlc& stamp) {
  conflict_side s;
  s.left_out = value.size() > conflict_value_bytes;
  s.value = s.left_out ? nil_value : std::string(value);
  s.stamp = stamp;
  return s;
}

conflict_side delete_side(const hlc& stamp) {
  auto s = side_of(nil_value, stamp);
  s.removed = true;
  return s;
}

/// A whole edit as a map of its fields; keys of maps as NAME.KEY.
class edit_value {
public:
  void add(std::string name, std::string_view value) { fields_[std::move(name)] = value; }
  bool empty() const { return fields_.empty(); }
  std::string encoded() const {
    std::string out;
    writer w(out);
    w.map(fields_.size());
    for (const auto& [name, value] : fields_)
      w.str(name), w.raw(value);
    return out;
  }

private:
  std::map<std::string, std::string> fields_;
};

/// What an op says it replaced in a field or map key; nullptr when it did not write it.
const previous* prev_in(const op& o, const field_name& field, const std::string* key) {
  for (const auto& f : o.fields) {
    if (f.name != field.name || f.kind != field.kind)
      continue;
    if (!key)
      return &f.prev;
    for (const auto& k : f.keys)
      if (k.key == *key)
        return &k.prev;
  }
  return nullptr;
}

/// The op with that stamp, if the log still has it.
result<std::optional<op>> op_in_log(const kv_view& view, const hlc& stamp) {
  std::string prefix;
  append_hlc(prefix, stamp);
  std::optional<op> found;
  bool damaged = false;
  auto scanned =
      scan_prefix(view, family::log, prefix, prefix, [&](std::string_view, std::string_view value) {
        reader in(value);
        found = read_op(in, stamp.device);
        damaged = in.failed();
        return false;
      });
  if (!scanned)
    return scanned.err();
  if (damaged)
    return {ec::corrupt, "log on disk: an op that does not decode"};
  return found;
}

/// Whether the write at `newer`, a version that beat the one at `older`, was made without seeing
/// it. Follows what each write replaced down to `older`; no answer counts as seen.
result<bool> missed(const kv_view& view, hlc newer, const hlc& older, const field_name& field,
                    const std::string* key) {
  for (size_t hop = 0; hop < hops_max; ++hop) {
    auto o = op_in_log(view, newer);
    if (!o)
      return o.err();
    if (!*o)
      return false;
    const auto* p = prev_in(**o, field, key);
    if (!p || p->known == previous::state::unknown)
      return false;
    if (p->known == previous::state::none || p->stamp < older)
      return true;
    if (p->stamp == older)
      return false;
    newer = p->stamp;
  }
  return false;
}

} // namespace

void replica::record_conflict(kv_transaction& txn, const std::string& row_key, conflict c) {
  c.number = conflict_next_++;
  c.when_ms = wall_ms_;
  open_conflicts_[row_key].push_back(c.number);
  txn.put(family::deadletter, conflict_key(c.number), encode(c));
  while (conflict_next_ - conflict_oldest_ > limits::conflicts_kept_max)
    txn.erase(family::deadletter, conflict_key(conflict_oldest_++));
  txn.put(family::meta, "conflicts", keys::u64(conflict_next_) + keys::u64(conflict_oldest_));
}

/// One field, or one key of a map, that an op writes and that stands.
status replica::compare_field(kv_transaction& txn, const std::string& row_key, const op& o,
                              const field_name& field, const std::string* key,
                              const lww_state& stands, std::string_view value,
                              const previous& prev) {
  if (stands.at.stamp.device == o.stamp.device || stands.value == value)
    return success();
  const bool wins = o.stamp > stands.at.stamp;
  bool concurrent = false;
  if (wins) {
    // Later than what stands is what the writer had, if it had this.
    concurrent = prev.known == previous::state::none
                 || (prev.known == previous::state::stamp && prev.stamp < stands.at.stamp);
  } else {
    auto lost = missed(txn, stands.at.stamp, o.stamp, field, key);
    if (!lost)
      return lost.err();
    concurrent = *lost;
  }
  if (!concurrent || (key && key->size() > conflict_value_bytes))
    return success();
  conflict c;
  c.model = o.model;
  c.id = o.id;
  c.field = field.name;
  if (key)
    c.key = *key;
  c.winner = side_of(value, o.stamp);
  c.loser = side_of(stands.value, stands.at.stamp);
  if (!wins)
    std::swap(c.winner, c.loser);
  record_conflict(txn, row_key, std::move(c));
  return success();
}

/// A delete takes edits along that its author had not seen.
void replica::compare_delete(kv_transaction& txn, const std::string& row_key, const row& before,
                             const op& o) {
  if (o.seen.known == previous::state::unknown)
    return;
  std::map<hlc, edit_value> unseen; // by the edit's stamp
  const auto look = [&](const lww_state& s, const std::string& name) {
    if (s.at.stamp.device != o.stamp.device && s.at.stamp < o.stamp
        && (o.seen.known == previous::state::none || s.at.stamp > o.seen.stamp))
      unseen[s.at.stamp].add(name, s.value);
  };
  for (const auto& [name, state] : before.fields) {
    if (name.kind == field_kind::lww || name.kind == field_kind::parent)
      look(state.lww, name.name);
    for (const auto& [key, k] : state.keys)
      look(k, name.name + "." + key);
  }
  size_t recorded = 0;
  for (auto it = unseen.rbegin(); it != unseen.rend() && recorded < edits_per_delete;
       ++it, ++recorded) {
    conflict c;
    c.model = o.model;
    c.id = o.id;
    c.winner = delete_side(o.stamp);
    c.loser = side_of(it->second.encoded(), it->first);
    record_conflict(txn, row_key, std::move(c));
  }
}

/// An edit that comes after the delete that beats it.
status replica::compare_masked(kv_transaction& txn, const std::string& row_key,
                               const version& removed, const op& o) {
  if (removed.stamp.device == o.stamp.device)
    return success();
  auto removal = op_in_log(txn, removed.stamp);
  if (!removal)
    return removal.err();
  if (!*removal || (*removal)->seen.known == previous::state::unknown
      || ((*removal)->seen.known == previous::state::stamp && (*removal)->seen.stamp >= o.stamp))
    return success();
  edit_value lost;
  for (const auto& f : o.fields) {
    if (f.kind == field_kind::lww || f.kind == field_kind::parent)
      lost.add(f.name, f.value);
    for (const auto& k : f.keys)
      lost.add(f.name + "." + k.key, k.value);
  }
  if (lost.empty())
    return success();
  conflict c;
  c.model = o.model;
  c.id = o.id;
  c.winner = delete_side(removed.stamp);
  c.loser = side_of(lost.encoded(), o.stamp);
  record_conflict(txn, row_key, std::move(c));
  return success();
}

status replica::watch_conflicts(kv_transaction& txn, const std::string& row_key, const row& before,
                                const op& o) {
  if (o.kind == op_kind::remove) {
    if (!before.removed || before.removed->stamp < o.stamp)
      compare_delete(txn, row_key, before, o);
    return success();
  }
  if (before.removed && o.stamp < before.removed->stamp)
    return compare_masked(txn, row_key, *before.removed, o);
  for (const auto& f : o.fields) {
    const field_name name{f.name, f.kind};
    const auto stands = before.fields.find(name);
    if (stands == before.fields.end())
      continue;
    if (f.kind == field_kind::lww || f.kind == field_kind::parent) {
      if (auto ok =
              compare_field(txn, row_key, o, name, nullptr, stands->second.lww, f.value, f.prev);
          !ok)
        return ok;
    }
    for (const auto& k : f.keys) {
      const auto key = stands->second.keys.find(k.key);
      if (key == stands->second.keys.end())
        continue;
      if (auto ok = compare_field(txn, row_key, o, name, &k.key, key->second, k.value, k.prev); !ok)
        return ok;
    }
  }
  return success();
}

/// True when `o` settles the conflict: it wrote what was argued about and had seen the winner.
static bool resolves(const op& o, const conflict& c) {
  if (o.stamp <= c.winner.stamp)
    return false;
  if (o.kind == op_kind::remove)
    return o.seen.known == previous::state::stamp && o.seen.stamp >= c.winner.stamp;
  if (c.field.empty())
    return o.kind == op_kind::insert;
  for (const auto kind : {field_kind::lww, field_kind::parent, field_kind::map}) {
    const auto* p = prev_in(o, {c.field, kind}, c.key ? &*c.key : nullptr);
    if (p && p->known == previous::state::stamp && p->stamp >= c.winner.stamp)
      return true;
  }
  return false;
}

status replica::resolve_conflicts(kv_transaction& txn, const std::string& row_key, const op& o) {
  const auto open = open_conflicts_.find(row_key);
  if (open == open_conflicts_.end())
    return success();
  std::vector<uint64_t> still;
  for (const auto number : open->second) {
    auto raw = txn.get(family::deadletter, conflict_key(number));
    if (!raw)
      return raw.err();
    if (!*raw)
      continue; // older than those that are kept, or rolled back
    auto c = read_conflict(number, **raw);
    if (!c)
      return c.err();
    if (c->resolved)
      continue;
    still.push_back(number); // also when it is resolved now: that may be rolled back
    if (c->id != o.id || c->model != o.model || !resolves(o, *c))
      continue;
    c->resolved = o.stamp;
    txn.put(family::deadletter, conflict_key(number), encode(*c));
  }
  if (still.empty())
    open_conflicts_.erase(open);
  else
    open->second = std::move(still);
  return success();
}

status replica::load_conflicts(const kv_view& store) {
  auto raw = store.get(family::meta, "conflicts");
  if (!raw)
    return raw.err();
  if (!*raw)
    return success();
  conflict_next_ = keys::read_u64(**raw);
  conflict_oldest_ = keys::read_u64(std::string_view(**raw).substr(8));
  return list_conflicts(store, [&](conflict&& c) {
    if (!c.resolved)
      open_conflicts_[keys::row(record_class::shared, c.model, c.id, {})].push_back(c.number);
    return true;
  });
}

} // namespace shoal
