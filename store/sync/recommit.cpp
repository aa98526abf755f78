// An operator's release of quarantined ops: the same edits, committed anew with stamps of now, so
// that their values are in use on every node at once.
//
// The held ops cannot be forgotten: their origin and whoever has a later wall have merged them, so
// all must. When their time comes they carry the newest stamps, and would undo what was written
// since the release. The node that released them therefore writes back, in the same group, what
// stood where a released op stands now. It does so only while the time has just come: a node that
// was off then knows nothing of what others wrote meanwhile, and must not write over that.

#include "store/sync/keys.hpp"
#include "store/sync/replica.hpp"

#include <algorithm>

namespace shoal {

namespace {

constexpr uint64_t give_back_within_ms = 60'000; // of the time at which an op was due
constexpr auto nil_value = "\xc0";

/// The edit that an op once was. Counters are left out: the op's totals count when they merge, and
/// would count twice.
edit edit_of(const op& o, std::set<std::string>& left_out) {
  edit e;
  e.cls = o.cls;
  e.model = o.model;
  e.id = o.id;
  e.remove = o.kind == op_kind::remove;
  if (o.kind == op_kind::update)
    e.missing_required = {"a field"};
  for (const auto& f : o.fields) {
    field_edit out;
    out.name = f.name;
    out.kind = f.kind;
    out.value = f.value;
    out.parent_model = f.parent_model;
    for (const auto& change : f.elements)
      (change.adds ? out.add : out.remove).push_back(change.element);
    for (const auto& change : f.keys)
      out.keys.emplace_back(change.key, change.value);
    if (f.kind == field_kind::counter)
      left_out.insert(o.model + "." + f.name);
    else
      e.fields.push_back(std::move(out));
  }
  return e;
}

/// Everything that a record had, for a new insert of it.
field_edit whole_field(const field_name& name, const field_state& s) {
  field_edit out;
  out.name = name.name;
  out.kind = name.kind;
  out.value = s.lww.value;
  out.parent_model = s.parent_model;
  for (const auto& [element, e] : s.elements)
    if (!e.live.empty())
      out.add.push_back(element);
  for (const auto& [stream, slot] : s.slots)
    out.delta += static_cast<int64_t>(slot.added - slot.subtracted);
  for (const auto& [key, k] : s.keys)
    if (k.value != nil_value)
      out.keys.emplace_back(key, k.value);
  return out;
}

/// What of a field has to be written so that it shows what it did before `merged` were merged;
/// nothing when none of them stands in it, or when they changed nothing that shows.
std::optional<field_edit> field_back(const field_name& name, const field_state* before,
                                     const field_state& now, const std::set<dot>& merged) {
  field_edit out;
  out.name = name.name;
  out.kind = name.kind;
  const auto value_in = [](const std::map<std::string, lww_state>& states, const std::string& key) {
    const auto it = states.find(key);
    return it == states.end() ? std::string(nil_value) : it->second.value;
  };
  switch (name.kind) {
  case field_kind::lww:
  case field_kind::parent:
    out.value = before ? before->lww.value : nil_value;
    out.parent_model = before ? before->parent_model : now.parent_model;
    if (!merged.contains(now.lww.at.at()) || out.value == now.lww.value)
      return std::nullopt;
    return out;
  case field_kind::map:
    for (const auto& [key, k] : now.keys)
      if (const auto old = before ? value_in(before->keys, key) : nil_value;
          merged.contains(k.at.at()) && old != k.value)
        out.keys.emplace_back(key, old);
    break;
  case field_kind::set:
    for (const auto& [element, e] : now.elements) {
      const auto old = before ? before->elements.find(element) : now.elements.end();
      const bool was = before && old != before->elements.end() && !old->second.live.empty();
      const auto is_merged = [&](const auto& of) { return merged.contains(of.first); };
      const auto by_merged = [&](const auto& of) { return merged.contains(of.second.at()); };
      if (!was && std::any_of(e.live.begin(), e.live.end(), is_merged))
        out.remove.push_back(element);
      if (was && e.live.empty() && std::any_of(e.removed.begin(), e.removed.end(), by_merged))
        out.add.push_back(element);
    }
    break;
  case field_kind::counter: // the op's counts were not in use before
    break;
  }
  if (out.keys.empty() && out.add.empty() && out.remove.empty())
    return std::nullopt;
  return out;
}

} // namespace

result<recommitted> replica::recommit(kv_transaction& txn, const dot& at, uint64_t wall_ms) {
  auto asked = get_held(txn, at);
  if (!asked)
    return asked.err();
  const auto name = "op " + to_string(at.stream()) + " " + std::to_string(at.seq);
  if (!*asked)
    return {ec::not_found, "no " + name + " is held back"};
  // An atomic batch is released whole; its ops agree on the seq of the last one.
  const auto end = at.seq + (*asked)->batch_rest;
  std::vector<held_op> batch;
  const dot before{at.origin, at.epoch, end - std::min<uint64_t>(end, wire_limits::batch_ops)};
  auto listed = list_held(txn, &before, [&](held_op&& h) {
    const bool near = h.at.stream() == at.stream() && h.at.seq <= end;
    if (near && h.at.seq + h.batch_rest == end)
      batch.push_back(std::move(h));
    return near;
  });
  if (!listed)
    return listed.err();
  recommitted out;
  std::set<std::string> left_out;
  std::vector<edit> edits;
  for (const auto& h : batch) {
    reader in(h.bytes);
    const auto o = read_op(in, h.at.origin);
    in.finish("op");
    if (h.why == held_why::unmergeable || in.failed())
      return {ec::conflict, name
                                + " cannot be released: this version cannot read it, or an op of "
                                  "its batch; a version that can merges it"};
    if (h.released)
      return {ec::conflict, name + " was released already"};
    if (o.cls == record_class::owned)
      continue; // its owner's alone
    auto e = edit_of(o, left_out);
    if (!e.remove && !e.missing_required.empty() && e.fields.empty())
      continue;
    edits.push_back(std::move(e));
  }
  if (edits.empty())
    return {ec::conflict, name
                              + " only counts, and its totals would count twice: they are added "
                                "when its time comes"};
  auto made = commit(txn, edits, wall_ms);
  if (!made && (made.err().code == ec::missing_field || made.err().code == ec::not_found))
    return {ec::conflict, name + " changes a record that is not here (" + edits.front().model + " "
                              + to_string(edits.front().id)
                              + "): release the op that makes it first, if that is held"};
  if (!made)
    return made.err();
  for (auto& h : batch) {
    held_counts_.halves -= h.shows_half();
    h.released = true;
    put_held(txn, h);
  }
  out.made = std::move(*made);
  out.ops = batch.size();
  out.left_out.assign(left_out.begin(), left_out.end());
  return out;
}

/// Before a released op merges: what it may undo.
status replica::remember_released(kv_transaction& txn, const held_op& h, const op& o,
                                  uint64_t wall_ms) {
  const auto due = h.stamp.wall_ms - std::min(h.stamp.wall_ms, options_.max_drift_ms);
  if (!h.released || o.cls == record_class::owned || wall_ms > due + give_back_within_ms)
    return success();
  const auto key = keys::row(o.cls, o.model, o.id, self_);
  auto& kept = released_[key];
  kept.merged.insert(h.at);
  if (!kept.model.empty())
    return success();
  kept.model = o.model;
  kept.id = o.id;
  auto raw = txn.get(family::shared, key);
  if (!raw)
    return raw.err();
  if (!*raw)
    return success();
  auto before = decode_row(**raw);
  if (!before)
    return before.err();
  kept.before = std::move(*before);
  return success();
}

result<std::vector<edit>> replica::given_back(kv_transaction& txn) {
  const auto all = std::exchange(released_, {});
  std::vector<edit> out;
  for (const auto& [key, kept] : all) {
    auto raw = txn.get(family::shared, key);
    if (!raw)
      return raw.err();
    row now;
    if (*raw) {
      auto parsed = decode_row(**raw);
      if (!parsed)
        return parsed.err();
      now = std::move(*parsed);
    }
    edit e;
    e.model = kept.model;
    e.id = kept.id;
    const auto& before = kept.before;
    const auto& merged = kept.merged;
    const auto stands = [&](const std::optional<version>& v) {
      return v && merged.contains(v->at());
    };
    if (!before.exists() && now.exists()) { // deleted since the release
      if (!stands(now.insert))
        continue;
      e.remove = e.hidden_too = true;
    } else if (before.exists() && !now.exists()) { // written since a delete was released
      if (!stands(now.removed))
        continue;
      for (const auto& [name, state] : before.fields)
        e.fields.push_back(whole_field(name, state));
    } else {
      e.missing_required = {"a field"};
      if (now.visible)
        for (const auto& [name, state] : now.fields) {
          const auto old = before.fields.find(name);
          if (auto f = field_back(name, old == before.fields.end() ? nullptr : &old->second, state,
                                  merged))
            e.fields.push_back(std::move(*f));
        }
      if (e.fields.empty())
        continue;
    }
    out.push_back(std::move(e));
  }
  return out;
}

} // namespace shoal
