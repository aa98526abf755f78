// Disk form of a row, MessagePack:
//   [visible, [[origin, epoch, seq, wall_ms, counter]…], insert, removed, [field…]]
// `insert`, `removed` and every version below are indexes into the table of versions, nil where
// there is none.
//   lww     [name, 0, value, version]
//   set     [name, 1, [[element, [version…], [[dot, version]…]]…]]
//   counter [name, 2, [[added, subtracted, version]…]]
//   map     [name, 3, [[key, value, version]…]]
//   parent  [name, 4, value, version, parent model]

#include "store/sync/row.hpp"

#include <xxhash.h>

#include <algorithm>

namespace shoal {

namespace {

class version_table {
public:
  void add(const version& v) { all_.push_back(v); }
  void close() {
    std::sort(all_.begin(), all_.end(), less);
    all_.erase(std::unique(all_.begin(), all_.end()), all_.end());
  }
  size_t index(const version& v) const {
    return static_cast<size_t>(std::lower_bound(all_.begin(), all_.end(), v, less) - all_.begin());
  }
  const std::vector<version>& all() const { return all_; }

private:
  static bool less(const version& a, const version& b) { return a < b; }
  std::vector<version> all_;
};

// `live_only` leaves out what nodes may drop at different times: the digest's view of a row.
template <class On>
void each_used(const row& r, bool live_only, On on) {
  const auto cleared = [&](const lww_state& s) { return live_only && s.value == "\xc0"; };
  if (r.insert)
    on(*r.insert);
  if (r.removed && !live_only)
    on(*r.removed);
  for (const auto& [name, state] : r.fields) {
    switch (name.kind) {
    case field_kind::lww:
    case field_kind::parent:
      if (!cleared(state.lww))
        on(state.lww.at);
      break;
    case field_kind::set:
      for (const auto& [element, e] : state.elements) {
        for (const auto& [d, v] : e.live)
          on(v);
        if (!live_only)
          for (const auto& [d, v] : e.removed)
            on(v);
      }
      break;
    case field_kind::counter:
      for (const auto& [stream, slot] : state.slots)
        on(slot.at);
      break;
    case field_kind::map:
      for (const auto& [key, k] : state.keys)
        if (!cleared(k))
          on(k.at);
      break;
    }
  }
}

void write_field(writer& w, const field_name& name, const field_state& s, const version_table& t,
                 bool live_only) {
  const auto kind = static_cast<uint64_t>(name.kind);
  switch (name.kind) {
  case field_kind::lww:
  case field_kind::parent:
    w.array(name.kind == field_kind::lww ? 4 : 5);
    w.str(name.name), w.uint(kind), w.raw(s.lww.value), w.uint(t.index(s.lww.at));
    if (name.kind == field_kind::parent)
      w.str(s.parent_model);
    return;
  case field_kind::set:
    w.array(3), w.str(name.name), w.uint(kind);
    w.array(s.elements.size());
    for (const auto& [element, e] : s.elements) {
      w.array(3), w.raw(element);
      w.array(e.live.size());
      for (const auto& [d, v] : e.live)
        w.uint(t.index(v));
      w.array(live_only ? 0 : e.removed.size());
      if (!live_only)
        for (const auto& [d, v] : e.removed)
          w.array(2), encode(w, d), w.uint(t.index(v));
    }
    return;
  case field_kind::counter:
    w.array(3), w.str(name.name), w.uint(kind);
    w.array(s.slots.size());
    for (const auto& [stream, slot] : s.slots)
      w.array(3), w.uint(slot.added), w.uint(slot.subtracted), w.uint(t.index(slot.at));
    return;
  case field_kind::map:
    w.array(3), w.str(name.name), w.uint(kind);
    w.array(s.keys.size());
    for (const auto& [key, k] : s.keys)
      w.array(3), w.str(key), w.raw(k.value), w.uint(t.index(k.at));
    return;
  }
}

void write_table(writer& w, const version_table& t) {
  w.array(t.all().size());
  for (const auto& v : t.all()) {
    w.array(5);
    w.bin(v.stamp.device.view());
    w.uint(v.epoch), w.uint(v.seq), w.uint(v.stamp.wall_ms), w.uint(v.stamp.counter);
  }
}

void write_mark(writer& w, const std::optional<version>& v, const version_table& t) {
  if (v)
    w.uint(t.index(*v));
  else
    w.nil();
}

} // namespace

std::string encode_row(const row& r) {
  version_table table;
  each_used(r, false, [&](const version& v) { table.add(v); });
  table.close();
  std::string out;
  writer w(out);
  w.array(5);
  w.boolean(r.visible);
  write_table(w, table);
  write_mark(w, r.insert, table);
  write_mark(w, r.removed, table);
  w.array(r.fields.size());
  for (const auto& [name, state] : r.fields)
    write_field(w, name, state, table, false);
  return out;
}

namespace {

struct row_reader {
  reader in;
  std::vector<version> table;

  version at() {
    const auto i = in.uint("row version");
    if (!in.failed() && i >= table.size())
      in.fail(ec::bad_value, "row version");
    return in.failed() ? version{} : table[static_cast<size_t>(i)];
  }
  std::optional<version> mark() {
    if (in.take_nil())
      return std::nullopt;
    return at();
  }
  void items(size_t n) {
    if (in.array(n, "row item") != n)
      in.fail(ec::bad_value, "row item");
  }
  void field(row& r, size_t max) {
    const size_t n = in.array(5, "row field");
    field_name name;
    name.name = in.str(wire_limits::name_bytes, "row field name");
    name.kind = static_cast<field_kind>(in.uint_max(4, "row field kind"));
    if (n != (name.kind == field_kind::lww ? 4U : name.kind == field_kind::parent ? 5U : 3U))
      in.fail(ec::bad_value, "row field");
    field_state s;
    switch (name.kind) {
    case field_kind::lww:
    case field_kind::parent:
      s.lww.value = in.value("row value");
      s.lww.at = at();
      if (name.kind == field_kind::parent)
        s.parent_model = in.str(wire_limits::name_bytes, "row parent");
      break;
    case field_kind::set:
      for (size_t i = in.array(max, "row elements"); i > 0 && !in.failed(); --i) {
        items(3);
        auto& e = s.elements[std::string(in.value("row element"))];
        for (size_t k = in.array(max, "row dots"); k > 0 && !in.failed(); --k) {
          const auto v = at();
          e.live.emplace(v.at(), v);
        }
        for (size_t k = in.array(max, "row removed"); k > 0 && !in.failed(); --k) {
          items(2);
          const auto d = read_dot(in);
          e.removed.emplace(d, at());
        }
      }
      break;
    case field_kind::counter:
      for (size_t i = in.array(max, "row slots"); i > 0 && !in.failed(); --i) {
        items(3);
        slot_state slot;
        slot.added = in.uint("row slot");
        slot.subtracted = in.uint("row slot");
        slot.at = at();
        s.slots.emplace(slot.at.at().stream(), slot);
      }
      break;
    case field_kind::map:
      for (size_t i = in.array(max, "row keys"); i > 0 && !in.failed(); --i) {
        items(3);
        auto& k = s.keys[std::string(in.str(max, "row key"))];
        k.value = in.value("row value");
        k.at = at();
      }
      break;
    }
    r.fields.emplace_hint(r.fields.end(), std::move(name), std::move(s));
  }
};

} // namespace

result<row> decode_row(std::string_view raw) {
  row_reader rr{reader(raw), {}};
  reader& in = rr.in;
  row r;
  rr.items(5);
  r.visible = in.boolean("row visible");
  rr.table.resize(in.array(raw.size(), "row versions"));
  for (auto& v : rr.table) {
    rr.items(5);
    v.stamp.device = in.id<device_id>("row origin");
    v.epoch = in.uint("row epoch");
    v.seq = in.uint("row seq");
    v.stamp.wall_ms = in.uint("row wall");
    v.stamp.counter = static_cast<uint32_t>(in.uint_max(UINT32_MAX, "row counter"));
    if (in.failed())
      break;
  }
  r.insert = rr.mark();
  r.removed = rr.mark();
  for (size_t n = in.array(raw.size(), "row fields"); n > 0 && !in.failed(); --n)
    rr.field(r, raw.size());
  in.finish("row");
  if (in.failed())
    return error{ec::corrupt, "row on disk: " + in.err().message};
  return r;
}

digest_value digest_of(const row& r, record_class cls, std::string_view row_key) {
  version_table table;
  each_used(r, true, [&](const version& v) { table.add(v); });
  table.close();
  std::string bytes;
  writer w(bytes);
  w.uint(static_cast<uint64_t>(cls));
  w.bin(row_key);
  write_table(w, table);
  write_mark(w, r.insert, table);
  for (const auto& [name, state] : r.fields) {
    if (name.kind == field_kind::lww || name.kind == field_kind::parent) {
      if (state.lww.value != "\xc0")
        write_field(w, name, state, table, true);
    } else if (name.kind == field_kind::counter) {
      write_field(w, name, state, table, true);
    } else {
      field_state live = state;
      std::erase_if(live.elements, [](const auto& e) { return e.second.live.empty(); });
      std::erase_if(live.keys, [](const auto& k) { return k.second.value == "\xc0"; });
      if (!live.elements.empty() || !live.keys.empty())
        write_field(w, name, live, table, true);
    }
  }
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), bytes.size());
  return {h.low64, h.high64};
}

void add(digest_value& to, const digest_value& what) {
  to.low += what.low;
  to.high += what.high;
}

void subtract(digest_value& from, const digest_value& what) {
  from.low -= what.low;
  from.high -= what.high;
}

std::string digest_bytes(const digest_value& d) {
  std::string out;
  for (uint64_t lane : {d.high, d.low})
    for (int shift = 56; shift >= 0; shift -= 8)
      out += static_cast<char>(lane >> shift);
  return out;
}

std::string to_string(const digest_value& d) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (uint64_t lane : {d.high, d.low})
    for (int shift = 60; shift >= 0; shift -= 4)
      out += digits[(lane >> shift) & 15];
  return out;
}

} // namespace shoal
