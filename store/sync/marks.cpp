#include "store/sync/marks.hpp"

#include <algorithm>

namespace shoal {

static bool is_nil(const std::string& value) { return value == "\xc0"; }

std::vector<version> marks(const row& r) {
  std::vector<version> out;
  if (r.removed)
    out.push_back(*r.removed);
  for (const auto& [name, state] : r.fields) {
    switch (name.kind) {
    case field_kind::lww:
    case field_kind::parent:
      if (is_nil(state.lww.value))
        out.push_back(state.lww.at);
      break;
    case field_kind::set:
      for (const auto& [element, e] : state.elements)
        for (const auto& [d, v] : e.removed)
          out.push_back(v);
      break;
    case field_kind::counter: break;
    case field_kind::map:
      for (const auto& [key, k] : state.keys)
        if (is_nil(k.value))
          out.push_back(k.at);
      break;
    }
  }
  if (out.size() > 1) {
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
  }
  return out;
}

std::vector<version> marks_over(const row& r, const op& o, const dot& at) {
  row part; // of the row, what the op could have written to
  part.removed = r.removed;
  for (const auto& f : o.fields) {
    const field_name name{f.name, f.kind};
    const auto here = r.fields.find(name);
    if (here == r.fields.end())
      continue;
    auto& state = part.fields[name];
    state.lww = here->second.lww;
    for (const auto& e : f.elements)
      if (const auto element = here->second.elements.find(e.element);
          element != here->second.elements.end())
        if (const auto gone = element->second.removed.find(at);
            gone != element->second.removed.end())
          state.elements[e.element].removed.insert(*gone);
    for (const auto& k : f.keys)
      if (const auto key = here->second.keys.find(k.key); key != here->second.keys.end())
        state.keys.insert(*key);
  }
  return marks(part);
}

// A field of which nothing is left goes.
static bool is_bare(const field_name& name, const field_state& state) {
  switch (name.kind) {
  case field_kind::lww:
  case field_kind::parent: return false; // its callers decide
  case field_kind::set: return state.elements.empty();
  case field_kind::counter: return state.slots.empty();
  case field_kind::map: return state.keys.empty();
  }
  return false;
}

// Writers that disagree on a field's kind each keep a state of it; the newest shows, so this one
// may be what keeps another from showing.
static bool hides(const row& r, const field_name& name) {
  const auto first = r.fields.lower_bound(field_name{name.name, field_kind::lww});
  return first->first != name
         || (std::next(first) != r.fields.end() && std::next(first)->first.name == name.name);
}

bool drop_marks(row& r, const version& at) {
  bool dropped = false;
  if (r.removed == at) {
    r.removed.reset();
    dropped = true;
  }
  for (auto it = r.fields.begin(); it != r.fields.end();) {
    auto& state = it->second;
    bool gone = false;
    switch (it->first.kind) {
    case field_kind::lww:
    case field_kind::parent:
      gone = is_nil(state.lww.value) && state.lww.at == at && !hides(r, it->first);
      break;
    case field_kind::set:
      for (auto& [element, e] : state.elements)
        dropped |= std::erase_if(e.removed, [&](const auto& d) { return d.second == at; }) > 0;
      std::erase_if(state.elements, [](const auto& e) {
        return e.second.live.empty() && e.second.removed.empty();
      });
      break;
    case field_kind::counter: break;
    case field_kind::map:
      dropped |=
          std::erase_if(state.keys,
                        [&](const auto& k) { return is_nil(k.second.value) && k.second.at == at; })
          > 0;
      break;
    }
    dropped |= gone;
    it = gone || is_bare(it->first, state) ? r.fields.erase(it) : std::next(it);
  }
  return dropped;
}

op content(const row& r, const dot& at) {
  op o = extract(r, at, record_class::shared, {}, {});
  o.seq = 0;
  if (o.kind == op_kind::remove)
    o.kind = op_kind::update;
  std::erase_if(o.fields, [](field_op& f) {
    switch (f.kind) {
    case field_kind::lww:
    case field_kind::parent: return is_nil(f.value);
    case field_kind::set:
      for (auto& e : f.elements)
        e.removes.clear();
      std::erase_if(f.elements, [](const set_change& e) { return !e.adds; });
      return f.elements.empty();
    case field_kind::counter: return false;
    case field_kind::map:
      std::erase_if(f.keys, [](const map_change& k) { return is_nil(k.value); });
      return f.keys.empty();
    }
    return true;
  });
  return o;
}

bool keep_marks(op& o) {
  if (o.kind == op_kind::remove)
    return true;
  o.kind = op_kind::update;
  std::erase_if(o.fields, [](field_op& f) {
    switch (f.kind) {
    case field_kind::lww:
    case field_kind::parent: return !is_nil(f.value);
    case field_kind::set:
      for (auto& e : f.elements)
        e.adds = false;
      std::erase_if(f.elements, [](const set_change& e) { return e.removes.empty(); });
      return f.elements.empty();
    case field_kind::counter: return true;
    case field_kind::map:
      std::erase_if(f.keys, [](const map_change& k) { return !is_nil(k.value); });
      return f.keys.empty();
    }
    return true;
  });
  return !o.fields.empty();
}

bool says_nothing(const op& o) { return o.kind != op_kind::insert && o.fields.empty(); }

bool keep_content(row& r, const dot& at, const op& kept) {
  bool dropped = false;
  if (r.insert && r.insert->at() == at && kept.kind != op_kind::insert) {
    r.insert.reset();
    dropped = true;
  }
  for (auto it = r.fields.begin(); it != r.fields.end();) {
    const auto& name = it->first;
    auto& state = it->second;
    const auto same = std::find_if(kept.fields.begin(), kept.fields.end(), [&](const field_op& f) {
      return f.name == name.name && f.kind == name.kind;
    });
    const field_op* theirs = same == kept.fields.end() ? nullptr : &*same;
    bool gone = false;
    switch (name.kind) {
    case field_kind::lww:
    case field_kind::parent:
      gone = !theirs && !is_nil(state.lww.value) && state.lww.at.at() == at;
      break;
    case field_kind::set:
      for (auto& element : state.elements) {
        const auto has = [&](const set_change& c) { return c.element == element.first; };
        if (!theirs || std::none_of(theirs->elements.begin(), theirs->elements.end(), has))
          dropped |= element.second.live.erase(at) > 0;
      }
      std::erase_if(state.elements, [](const auto& e) {
        return e.second.live.empty() && e.second.removed.empty();
      });
      break;
    case field_kind::counter:
      if (!theirs)
        dropped |=
            std::erase_if(state.slots, [&](const auto& s) { return s.second.at.at() == at; }) > 0;
      break;
    case field_kind::map:
      dropped |=
          std::erase_if(
              state.keys,
              [&](const auto& k) {
                const auto has = [&](const map_change& c) { return c.key == k.first; };
                return !is_nil(k.second.value) && k.second.at.at() == at
                       && (!theirs || std::none_of(theirs->keys.begin(), theirs->keys.end(), has));
              })
          > 0;
      break;
    }
    dropped |= gone;
    it = gone || is_bare(name, state) ? r.fields.erase(it) : std::next(it);
  }
  return dropped;
}

} // namespace shoal
