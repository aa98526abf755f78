// Local edits become ops.

#include "store/sync/keys.hpp"
#include "store/sync/replica.hpp"
#include "store/sync/stored_row.hpp"

#include <algorithm>

namespace shoal {

constexpr size_t parents_climbed_max =
    4096; // deeper than any path; a longer chain counts as a cycle

static std::string name_of(const edit& e) { return e.model + " " + to_string(e.id); }

static bool is_nil(const std::string& value) { return value == "\xc0"; }

/// A cascading parent must be here and alive, and must not hang below the record itself.
status replica::check_parent(kv_transaction& txn, const edit& e, const field_edit& f, bool fresh) {
  if (f.kind != field_kind::parent || is_nil(f.value))
    return success();
  reader in(f.value);
  const auto id = in.id<record_id>("parent");
  if (in.failed())
    return {ec::invalid_field, e.model + "." + f.name + ": must be a uuid"};
  const auto own = keys::row(e.cls, e.model, e.id, self_);
  auto next = keys::row(e.cls, f.parent_model, id, self_);
  if (next == own)
    return {ec::invalid_field, e.model + "." + f.name + ": a record cannot be its own parent"};
  auto parent = parent_of(txn, e.cls, next);
  if (!parent)
    return parent.err();
  if (!*parent || !(*parent)->visible)
    return {ec::missing_parent, e.model + "." + f.name + ": this device has no " + f.parent_model
                                    + " " + to_string(id)};
  // Only a record that was here before can have children, and so close a circle.
  if (fresh || f.parent_model != e.model)
    return success();
  for (size_t depth = 0; depth < parents_climbed_max; ++depth) {
    auto raw = txn.get(e.cls == record_class::owned ? family::owned : family::shared, next);
    if (!raw)
      return raw.err();
    if (!*raw)
      return success();
    auto r = read_row(txn, e.cls, next, **raw);
    if (!r)
      return r.err();
    std::optional<std::string> up;
    for (const auto& p : parents(*r))
      if (p.model == e.model)
        up = keys::row(e.cls, p.model, p.id, self_);
    if (!up)
      return success();
    if (*up == own)
      break;
    next = *up;
  }
  return {ec::invalid_field,
          e.model + "." + f.name + ": would make " + name_of(e) + " its own ancestor"};
}

static previous previous_of(const std::map<std::string, lww_state>& states,
                            const std::string& key) {
  previous p;
  if (const auto it = states.find(key); it != states.end()) {
    p.known = previous::state::stamp;
    p.stamp = it->second.at.stamp;
  }
  return p;
}

static std::vector<dot> dots_of(const element_state& e) {
  std::vector<dot> out;
  for (const auto& [d, v] : e.live)
    out.push_back(d);
  return out;
}

field_op replica::make_field(const row& before, const field_edit& f, const hlc&) const {
  field_op out;
  out.name = f.name;
  out.kind = f.kind;
  const auto it = before.fields.find(field_name{f.name, f.kind});
  static const field_state none;
  const field_state& state = it == before.fields.end() ? none : it->second;
  switch (f.kind) {
  case field_kind::lww:
  case field_kind::parent:
    out.value = f.value;
    out.parent_model = f.parent_model;
    if (it != before.fields.end()) {
      out.prev.known = previous::state::stamp;
      out.prev.stamp = state.lww.at.stamp;
    }
    break;
  case field_kind::set: {
    std::map<std::string, set_change> changes;
    const auto alive = [&](const std::string& element) {
      const auto e = state.elements.find(element);
      return e != state.elements.end() && !e->second.live.empty();
    };
    for (const auto& element : f.remove)
      if (alive(element))
        changes[element] = {element, false, dots_of(state.elements.at(element))};
    const std::set<std::string> kept(f.add.begin(), f.add.end());
    if (f.replace)
      for (const auto& [element, e] : state.elements)
        if (!e.live.empty() && !kept.contains(element))
          changes[element] = {element, false, dots_of(e)};
    for (const auto& element : f.add) {
      if (f.replace && alive(element))
        continue; // stays as it is
      auto& change = changes[element];
      change.element = element;
      change.adds = true;
      if (alive(element)) // one fresh dot takes the place of the old ones
        change.removes = dots_of(state.elements.at(element));
    }
    for (auto& [element, change] : changes)
      out.elements.push_back(std::move(change));
    break;
  }
  case field_kind::counter: {
    if (const auto slot = state.slots.find({self_, epoch_}); slot != state.slots.end()) {
      out.added = slot->second.added;
      out.subtracted = slot->second.subtracted;
    }
    auto change = static_cast<uint64_t>(f.delta); // wraps, as sums do
    if (f.replace)
      for (const auto& [stream, slot] : state.slots)
        change -= slot.added - slot.subtracted;
    if (static_cast<int64_t>(change) >= 0)
      out.added += change;
    else
      out.subtracted += uint64_t{0} - change;
    break;
  }
  case field_kind::map: {
    std::map<std::string, std::string> changes(f.keys.begin(), f.keys.end());
    if (f.replace)
      for (const auto& [key, k] : state.keys)
        if (!is_nil(k.value))
          changes.try_emplace(key, "\xc0");
    for (auto& [key, value] : changes)
      out.keys.push_back({key, std::move(value), previous_of(state.keys, key)});
    break;
  }
  }
  return out;
}

/// The row of this device's record, as stored; ec::not_owner when it has none and another device
/// has a live one of that name. One search answers both, and for most records nothing need be read.
result<std::optional<std::string>> replica::find_own(kv_transaction& txn, const edit& e,
                                                     const std::string& key) {
  use_names(txn, 1);
  if (!names_.may_have(key))
    return std::optional<std::string>();
  std::optional<std::string> own;
  bool others = false;
  const auto name = std::string_view(key).substr(0, key.size() - sizeof(device_id::bytes));
  auto looked =
      txn.any_with_prefix(family::owned, name, [&](std::string_view at, std::string_view value) {
        if (at == key)
          own = value;
        else if (const auto r = read_brief(value))
          others = others || r->visible;
        return own.has_value();
      });
  if (!looked)
    return looked.err();
  new_names_ += !own && !names_.on();
  if (!own && others)
    return {ec::not_owner, name_of(e) + " belongs to another device; only its owner may change it"};
  return own;
}

/// Clearing what was never set says nothing; an insert need not carry it.
static bool says_nothing(const field_edit& f) {
  return is_nil(f.value) && f.kind == field_kind::lww;
}

/// If it makes a new record, then by an op that read_plain_insert() reads.
static bool inserts_plain(const edit& e) {
  return !e.remove && e.missing_required.empty()
         && std::all_of(e.fields.begin(), e.fields.end(), [](const field_edit& f) {
              return f.kind == field_kind::lww
                     || (f.kind == field_kind::parent && !is_nil(f.value));
            });
}

status replica::write_fresh(kv_transaction& txn, const edit& e, plain_op& as,
                            std::string& encoded) {
  as.cls = e.cls;
  as.model = e.model;
  as.id = e.id;
  as.fields.clear();
  for (const auto& f : e.fields) {
    if (auto ok = check_parent(txn, e, f, true); !ok)
      return ok;
    if (!says_nothing(f))
      as.fields.push_back({f.name, f.kind, f.value, f.parent_model});
  }
  std::sort(as.fields.begin(), as.fields.end(),
            [](const plain_field& a, const plain_field& b) { return a.name < b.name; });
  encoded.resize(plain_insert_bound(as));
  basic_writer<memory_sink> w({encoded.data()});
  write_plain_insert(w, as, previous::state::none);
  encoded.resize(static_cast<size_t>(w.sink().at - encoded.data()));
  return success();
}

result<op> replica::make_op(kv_transaction& txn, const edit& e, const hlc& stamp,
                            const row& before) {
  op o;
  o.cls = e.cls;
  o.model = e.model;
  o.id = e.id;
  o.stamp = stamp;
  if (e.remove) {
    if (!before.visible && !(e.hidden_too && !before.empty()))
      return {ec::not_found, name_of(e) + " does not exist"};
    o.kind = op_kind::remove;
    if (e.cls == record_class::shared)
      o.seen = {previous::state::stamp, newest_stamp(before)};
    return o;
  }
  if (before.exists() && !before.visible && e.missing_required.empty()) {
    // A cascade took it and left no mark of its own. It is deleted before it is made anew, else its
    // old fields would come back, and with them the children that died with it.
    o.kind = op_kind::remove;
    return o;
  }
  if (!before.visible && !e.missing_required.empty())
    return {ec::missing_field, e.model + "." + e.missing_required.front() + ": required, and "
                                   + name_of(e) + " does not exist yet"};
  o.kind = e.missing_required.empty() ? op_kind::insert : op_kind::update;
  std::vector<const field_edit*> by_name; // as an op has them
  by_name.reserve(e.fields.size());
  for (const auto& f : e.fields)
    by_name.push_back(&f);
  std::sort(by_name.begin(), by_name.end(),
            [](const field_edit* a, const field_edit* b) { return a->name < b->name; });
  o.fields.reserve(e.fields.size());
  for (const auto* each : by_name) {
    const auto& f = *each;
    if (f.fixed && before.visible) {
      const auto it = before.fields.find(field_name{f.name, f.kind});
      const bool same =
          it == before.fields.end() ? is_nil(f.value) : it->second.lww.value == f.value;
      if (!same)
        return {ec::invalid_field,
                e.model + "." + f.name + ": is part of the record's identity and never changes"};
    }
    if (auto ok = check_parent(txn, e, f, before.empty()); !ok)
      return ok.err();
    if (says_nothing(f) && !before.fields.contains(field_name{f.name, f.kind}))
      continue;
    o.fields.push_back(make_field(before, f, stamp));
  }
  return o;
}

/// False for an edit of nothing but values that stay on this node.
static bool makes_op(const edit& e) { return e.remove || !e.fields.empty() || e.local.empty(); }

/// `revived`: how many records the edits make anew that a cascade took, each an op more; the first
/// pass finds it out.
result<committed> replica::commit_now(kv_transaction& txn, std::span<const edit> edits,
                                      uint64_t wall_ms, size_t& revived) {
  committed out;
  if (epoch_ == 0)
    epoch_ = options_.fresh_epoch;
  const stream_id stream{self_, epoch_};
  auto& seq = held_[stream];
  out.covered.stream = stream;
  out.covered.from = seq;
  size_t rest = static_cast<size_t>(std::count_if(edits.begin(), edits.end(), makes_op)) + revived;
  revived = 0;
  out.results.reserve(edits.size());
  plain_op in_place;
  std::string encoded;
  for (auto e = edits.begin(); e != edits.end();) {
    const auto row_key = keys::row(e->cls, e->model, e->id, self_);
    const auto stamp = next_stamp(e->cls, wall_ms);
    auto stored = e->cls == record_class::owned ? find_own(txn, *e, row_key)
                                                : txn.get(family::shared, row_key);
    if (!stored)
      return stored.err();
    row before;
    std::optional<op> o; // nothing for a new record of plain values
    if (*stored || !makes_op(*e) || !inserts_plain(*e)) {
      if (*stored) {
        auto parsed = read_row(txn, e->cls, row_key, **stored);
        if (!parsed)
          return parsed.err();
        before = std::move(*parsed);
      }
      auto made = make_op(txn, *e, stamp, before);
      if (!made)
        return made.err();
      o = std::move(*made);
    }
    if (!makes_op(*e)) {
      const auto standing = view_of(before, e->cls, e->model, e->id, std::nullopt);
      if (auto kept = keep_local(txn, *e, row_key); !kept)
        return kept.err();
      out.results.push_back({e->model, e->id, standing.stamp, standing.newest.seq});
      ++e;
      continue;
    }
    rest -= rest > 0 ? 1 : 0;
    if (o) {
      o->seq = seq + 1;
      o->batch_rest = static_cast<uint32_t>(rest);
      encoded = encode_op(*o);
    } else {
      in_place.seq = seq + 1;
      in_place.batch_rest = static_cast<uint32_t>(rest);
      in_place.stamp = stamp;
      if (auto written = write_fresh(txn, *e, in_place, encoded); !written)
        return written.err();
    }
    // What every peer would refuse for good must not be committed here.
    const bool plain = read_plain_insert(encoded, self_, in_place);
    if (!plain) {
      reader check(encoded);
      read_op(check, self_);
      if (check.failed())
        return {ec::too_big, name_of(*e) + ": beyond what an op can carry: " + check.err().message};
    }
    if (encoded.size() > options_.max_record_bytes)
      return {ec::too_big, name_of(*e) + ": " + std::to_string(encoded.size())
                               + " bytes encoded; at most "
                               + std::to_string(options_.max_record_bytes)};
    bool applied = false;
    if (plain && before.empty()) {
      auto done = apply_plain(txn, in_place, stream, true, row_key);
      if (!done)
        return done.err();
      applied = *done;
    }
    if (!applied) {
      if (!o) {
        reader in(encoded);
        o = read_op(in, self_);
      }
      if (auto done = apply_op(txn, *o, stream, encoded, true, &before); !done)
        return done.err();
    }
    ++seq;
    out.covered.ops += encoded;
    out.covered.count += 1;
    (e->cls == record_class::owned ? out.any_owned : out.any_shared) = true;
    if (o && o->kind == op_kind::remove && !e->remove) {
      ++revived; // and now the insert
      continue;
    }
    if (auto kept = keep_local(txn, *e, row_key); !kept)
      return kept.err();
    out.results.push_back({e->model, e->id, stamp, seq});
    ++e;
  }
  if (out.covered.count > wire_limits::batch_ops)
    return {ec::too_big, "a batch of " + std::to_string(out.covered.count)
                             + " ops, those included that delete what a cascade took; at most "
                             + std::to_string(wire_limits::batch_ops)};
  if (out.covered.ops.size() > wire_limits::batch_bytes)
    return {ec::too_big, "a batch of " + std::to_string(out.covered.ops.size())
                             + " bytes encoded; at most "
                             + std::to_string(wire_limits::batch_bytes)};
  out.covered.to = seq;
  if (seq == 0)
    held_.erase(stream); // no write yet that anyone could lack
  else if (out.covered.count > 0)
    move_frontier(txn, stream);
  return out;
}

result<committed> replica::commit(kv_transaction& txn, std::span<const edit> edits,
                                  uint64_t wall_ms, const std::optional<once_key>& once) {
  // One of no edits is there for its key alone, which is taken from then on.
  if ((edits.empty() && !once) || edits.size() > wire_limits::batch_ops)
    return {ec::bad_request, "a batch has 1 to " + std::to_string(wire_limits::batch_ops) + " ops"};
  if (once) {
    auto again = answer_again(txn, *once, wall_ms);
    if (!again)
      return again.err();
    if (*again)
      return std::move(**again);
  }
  const bool any_shared = std::any_of(edits.begin(), edits.end(),
                                      [](const edit& e) { return e.cls == record_class::shared; });
  if (any_shared && too_far_ahead(clock_.last(), wall_ms))
    return {ec::clock,
            "this node's stamps are " + std::to_string((clock_.last().wall_ms - wall_ms) / 1000)
                + " s ahead of its clock, and other members merge at most "
                + std::to_string(options_.max_drift_ms / 1000)
                + " s: set the clock right, or rebuild this node if the clock was wrong before"};
  wall_ms_ = wall_ms;
  auto before = save(txn);
  size_t revived = 0;
  auto out =
      edits.empty() ? result<committed>(committed{}) : commit_now(txn, edits, wall_ms, revived);
  if (out && revived > 0) { // each op says how many of its batch follow: now that is known
    restore(txn, std::move(before));
    before = save(txn);
    out = commit_now(txn, edits, wall_ms, revived);
  }
  if (!out) {
    const auto stamp = clock_; // stamps may be skipped, never used twice
    restore(txn, std::move(before));
    clock_ = stamp;
    return out;
  }
  if (once)
    keep_answer(txn, *once, wall_ms, out->results);
  return out;
}

} // namespace shoal
