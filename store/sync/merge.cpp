// The merge rules. Each piece of a row is a join-semilattice: a maximum by version (lww, map key,
// slot, marks), or a pair of grow-only dot maps of which one hides the other (sets). A delete is a
// maximum too, and masking is the test "older than the mark", which gives the same answer whether
// the mark or the write came first. So the state is a function of the set of ops delivered (Shapiro
// et al., "A comprehensive study of CRDTs", 2011).

#include "store/sync/row.hpp"

#include <algorithm>

namespace shoal {

static const std::string nil_value = "\xc0";

static bool merge_lww(lww_state& into, bool fresh, const std::string& value, const version& v) {
  if (!fresh && std::tie(v, value) <= std::tie(into.at, into.value))
    return false;
  into.value = value;
  into.at = v;
  return true;
}

static bool merge_element(element_state& into, const set_change& change, const version& v) {
  bool changed = false;
  for (const auto& d : change.removes) {
    changed |= into.live.erase(d) > 0;
    auto [it, fresh] = into.removed.try_emplace(d, v);
    if (!fresh && v > it->second) {
      it->second = v;
      changed = true;
    }
    changed |= fresh;
  }
  if (change.adds && !into.removed.contains(v.at()))
    changed |= into.live.try_emplace(v.at(), v).second;
  return changed;
}

static bool merge_field(row& into, const field_op& f, const version& v) {
  auto [it, fresh] = into.fields.try_emplace(field_name{f.name, f.kind});
  auto& state = it->second;
  bool changed = false;
  switch (f.kind) {
  case field_kind::lww:
  case field_kind::parent:
    changed = merge_lww(state.lww, fresh, f.value, v);
    if (changed)
      state.parent_model = f.parent_model;
    break;
  case field_kind::set:
    for (const auto& e : f.elements) {
      auto& element = state.elements[e.element];
      changed |= merge_element(element, e, v);
      if (element.live.empty() && element.removed.empty())
        state.elements.erase(e.element);
    }
    if (state.elements.empty())
      into.fields.erase(it);
    break;
  case field_kind::counter: {
    auto [slot, fresh_slot] = state.slots.try_emplace(v.at().stream());
    if (fresh_slot || v.seq > slot->second.at.seq) {
      slot->second = {f.added, f.subtracted, v};
      changed = true;
    }
    break;
  }
  case field_kind::map:
    for (const auto& k : f.keys) {
      auto [key, fresh_key] = state.keys.try_emplace(k.key);
      changed |= merge_lww(key->second, fresh_key, k.value, v);
    }
    if (state.keys.empty())
      into.fields.erase(it);
    break;
  }
  return changed;
}

// Drops what is older than the mark. A removed dot goes with its remover: the add it waits for is
// older still.
static void mask(row& r, const version& mark) {
  if (r.insert && *r.insert < mark)
    r.insert.reset();
  for (auto field = r.fields.begin(); field != r.fields.end();) {
    auto& state = field->second;
    bool keep = false;
    switch (field->first.kind) {
    case field_kind::lww:
    case field_kind::parent: keep = state.lww.at > mark; break;
    case field_kind::set:
      for (auto& [element, e] : state.elements) {
        std::erase_if(e.live, [&](const auto& d) { return d.second < mark; });
        std::erase_if(e.removed, [&](const auto& d) { return d.second < mark; });
      }
      std::erase_if(state.elements, [](const auto& e) {
        return e.second.live.empty() && e.second.removed.empty();
      });
      keep = !state.elements.empty();
      break;
    case field_kind::counter:
      std::erase_if(state.slots, [&](const auto& s) { return s.second.at < mark; });
      keep = !state.slots.empty();
      break;
    case field_kind::map:
      std::erase_if(state.keys, [&](const auto& k) { return k.second.at < mark; });
      keep = !state.keys.empty();
      break;
    }
    field = keep ? std::next(field) : r.fields.erase(field);
  }
}

bool merge(row& into, const op& o, const version& v) {
  if (o.kind == op_kind::remove) {
    if (into.removed && *into.removed >= v)
      return false;
    into.removed = v;
    mask(into, v);
    return true;
  }
  if (into.removed && v < *into.removed)
    return false;
  bool changed = false;
  if (o.kind == op_kind::insert && (!into.insert || *into.insert < v)) {
    into.insert = v;
    changed = true;
  }
  for (const auto& f : o.fields)
    changed |= merge_field(into, f, v);
  return changed;
}

/// Calls `on(version, is a mark)` for each version that stands.
template <class On>
static void each_version(const row& r, On on) {
  if (r.insert)
    on(*r.insert, false);
  if (r.removed)
    on(*r.removed, true);
  for (const auto& [name, state] : r.fields) {
    switch (name.kind) {
    case field_kind::lww:
    case field_kind::parent: on(state.lww.at, state.lww.value == nil_value); break;
    case field_kind::set:
      for (const auto& [element, e] : state.elements) {
        for (const auto& [d, v] : e.live)
          on(v, false);
        for (const auto& [d, v] : e.removed)
          on(v, true);
      }
      break;
    case field_kind::counter:
      for (const auto& [stream, slot] : state.slots)
        on(slot.at, false);
      break;
    case field_kind::map:
      for (const auto& [key, k] : state.keys)
        on(k.at, k.value == nil_value);
      break;
    }
  }
}

hlc newest_stamp(const row& r) {
  hlc newest;
  each_version(r, [&](const version& v, bool) { newest = std::max(newest, v.stamp); });
  return newest;
}

std::vector<dot> standing(const row& r) {
  std::vector<dot> out;
  each_version(r, [&](const version& v, bool) {
    if (out.empty() || out.back() != v.at())
      out.push_back(v.at());
  });
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

op extract(const row& r, const dot& at, record_class cls, std::string_view model,
           const record_id& id) {
  op o;
  o.seq = at.seq;
  o.cls = cls;
  o.model = model;
  o.id = id;
  o.kind = op_kind::update;
  each_version(r, [&](const version& v, bool) {
    if (v.at() == at)
      o.stamp = v.stamp;
  });
  if (r.removed && r.removed->at() == at)
    o.kind = op_kind::remove;
  if (r.insert && r.insert->at() == at)
    o.kind = op_kind::insert;
  previous unknown;
  unknown.known = previous::state::unknown;
  for (const auto& [name, state] : r.fields) {
    field_op f;
    f.name = name.name;
    f.kind = name.kind;
    bool any = false;
    switch (name.kind) {
    case field_kind::lww:
    case field_kind::parent:
      any = state.lww.at.at() == at;
      f.value = state.lww.value;
      f.prev = unknown;
      f.parent_model = state.parent_model;
      break;
    case field_kind::set:
      for (const auto& [element, e] : state.elements) {
        set_change change{element, e.live.contains(at), {}};
        for (const auto& [d, v] : e.removed)
          if (v.at() == at)
            change.removes.push_back(d);
        if (change.adds || !change.removes.empty())
          f.elements.push_back(std::move(change));
      }
      any = !f.elements.empty();
      break;
    case field_kind::counter:
      for (const auto& [stream, slot] : state.slots)
        if (slot.at.at() == at) {
          f.added = slot.added;
          f.subtracted = slot.subtracted;
          any = true;
        }
      break;
    case field_kind::map:
      for (const auto& [key, k] : state.keys)
        if (k.at.at() == at)
          f.keys.push_back({key, k.value, unknown});
      any = !f.keys.empty();
      break;
    }
    if (any)
      o.fields.push_back(std::move(f));
  }
  return o;
}

std::vector<parent_ref> parents(const row& r) {
  std::vector<parent_ref> out;
  for (const auto& [name, state] : r.fields) {
    if (name.kind != field_kind::parent)
      continue;
    reader in(state.lww.value);
    if (in.take_nil())
      continue;
    const auto id = in.id<record_id>("parent");
    if (!in.failed())
      out.push_back({state.parent_model, id, state.lww.at});
  }
  return out;
}

static std::optional<std::string> rendered(const field_name& name, const field_state& state,
                                           version& newest) {
  std::string out;
  writer w(out);
  switch (name.kind) {
  case field_kind::lww:
  case field_kind::parent:
    newest = state.lww.at;
    if (state.lww.value == nil_value)
      return std::nullopt;
    return state.lww.value;
  case field_kind::set: {
    size_t n = 0;
    for (const auto& [element, e] : state.elements) {
      n += !e.live.empty();
      for (const auto& [d, v] : e.live)
        newest = std::max(newest, v);
    }
    if (n == 0) // like a cleared field: removed dots are dropped one day, and nothing may show it
      return std::nullopt;
    w.array(n);
    for (const auto& [element, e] : state.elements)
      if (!e.live.empty())
        w.raw(element);
    return out;
  }
  case field_kind::counter: {
    uint64_t sum = 0; // wraps like two's complement
    for (const auto& [stream, slot] : state.slots) {
      sum += slot.added - slot.subtracted;
      newest = std::max(newest, slot.at);
    }
    w.integer(static_cast<int64_t>(sum));
    return out;
  }
  case field_kind::map: {
    size_t n = 0;
    for (const auto& [key, k] : state.keys) {
      n += k.value != nil_value;
      newest = std::max(newest, k.at);
    }
    if (n == 0)
      return std::nullopt;
    w.map(n);
    for (const auto& [key, k] : state.keys)
      if (k.value != nil_value)
        w.str(key), w.raw(k.value);
    return out;
  }
  }
  return std::nullopt;
}

record_view view_of(const row& r, record_class cls, std::string_view model, const record_id& id,
                    std::optional<device_id> owner) {
  record_view out;
  out.cls = cls;
  out.model = model;
  out.id = id;
  out.owner = owner;
  out.deleted = !r.visible;
  version newest;
  // Marks of a record that lives do not show: nodes drop them at different times.
  each_version(r, [&](const version& v, bool mark) {
    if (!mark || out.deleted)
      newest = std::max(newest, v);
  });
  out.newest = newest.at();
  out.stamp = newest.stamp;
  std::string_view last_name;
  version last_newest;
  for (const auto& [name, state] : r.fields) {
    version at;
    auto value = rendered(name, state, at);
    if (name.name == last_name && at < last_newest)
      continue;
    last_name = name.name;
    last_newest = at;
    if (value)
      out.fields.insert_or_assign(name.name, std::move(*value));
    else
      out.fields.erase(name.name);
  }
  return out;
}

} // namespace shoal
