#include "store/sync/changes.hpp"

#include "messages/members.hpp"
#include "store/sync/held.hpp"

#include <algorithm>

namespace shoal {

static const std::string rewritten_key = "rewritten";

void put_rewritten(kv_transaction& txn, uint64_t number, const frontier& held) {
  std::string raw;
  writer w(raw);
  w.array(2), w.uint(number);
  encode(w, held);
  txn.put(family::meta, rewritten_key, std::move(raw));
}

result<rewritten> read_rewritten(const kv_view& view) {
  auto raw = view.get(family::meta, rewritten_key);
  if (!raw)
    return raw.err();
  rewritten out;
  if (!*raw)
    return out;
  reader in(**raw);
  in.array(2, "rewritten");
  out.number = in.uint("rewritten");
  out.held = read_frontier(in);
  in.finish("rewritten");
  if (in.failed())
    return error{ec::corrupt, "meta rewritten: " + in.err().message};
  return out;
}

static status read_ended(const kv_view& view, std::map<device_id, uint64_t>& into) {
  return scan_prefix(
      view, family::frontiers, "e", "e", [&](std::string_view key, std::string_view value) {
        into[device_id::from_bytes(key.substr(1)).value_or(device_id{})] = keys::read_u64(value);
        return true;
      });
}

/// Lowers `merged` below the first op of each stream that is held and not merged.
static status stop_short(const kv_view& view, frontier& merged) {
  auto c = view.cursor(family::deadletter);
  for (c->seek("h"); c->valid() && c->key().size() == 33 && c->key()[0] == 'h';) {
    const auto stream = keys::parse_stream(c->key().substr(1));
    const auto seq = keys::read_u64(c->key().substr(25));
    if (const auto it = merged.find(stream); it != merged.end() && it->second >= seq)
      it->second = seq - 1;
    c->seek(keys::tagged('h', keys::by_seq(stream, UINT64_MAX)));
  }
  drop_absent(merged);
  return c->state();
}

result<change_bounds> read_change_bounds(const kv_view& view) {
  change_bounds out;
  frontier until;
  const std::pair<std::string_view, frontier*> kept[] = {
      {"f", &out.held}, {"u", &until}, {"d", &out.deletes_from}};
  for (const auto& [tag, into] : kept) {
    auto read = read_frontiers(view, tag);
    if (!read)
      return read.err();
    *into = std::move(*read);
  }
  out.merged = out.held;
  if (auto ended = read_ended(view, out.ended); !ended)
    return ended.err();
  if (auto stopped = stop_short(view, out.merged); !stopped)
    return stopped.err();
  auto told = read_rewritten(view);
  if (!told)
    return told.err();
  out.rewrites = told->number;
  out.rewritten = std::move(told->held);
  auto comparing = view.get(family::checkpoints, "resync");
  if (!comparing)
    return comparing.err();
  out.comparing = comparing->has_value();
  auto members = view.get(family::meta, "members");
  if (!members)
    return members.err();
  if (*members) {
    reader in(**members);
    out.purges = purge_hash(read_member_set(in));
    in.finish("members");
    if (in.failed())
      return error{ec::corrupt, "meta members: " + in.err().message};
  }
  auto counts = view.get(family::meta, "held");
  if (!counts)
    return counts.err();
  uint64_t incomplete = 0;
  if (*counts) {
    auto parsed = read_held_counts(**counts);
    if (!parsed)
      return parsed.err();
    incomplete = parsed->incomplete;
    out.held_back = parsed->hash;
  }
  out.settled = !out.comparing && incomplete == 0 && covers(out.held, until);
  return out;
}

folded_frontier token_frontier(const frontier& told, const change_bounds& bounds) {
  auto before = bounds.ended;
  std::erase_if(before, [&](const auto& e) {
    const auto& [origin, epoch] = e;
    for (auto it = bounds.held.lower_bound({origin, 0});
         it != bounds.held.end() && it->first.origin == origin && it->first.epoch < epoch; ++it)
      if (seq_of(told, it->first) != it->second)
        return true;
    return false;
  });
  return fold(told, before);
}

change_scan::change_scan(std::shared_ptr<const kv_view> view, frontier from, frontier to,
                         std::string model)
    : view_(std::move(view)), from_(std::move(from)), to_(std::move(to)), reached_(from_),
      model_(std::move(model)) {}

void change_scan::read_from(std::shared_ptr<const kv_view> later, frontier to) {
  view_ = std::move(later);
  to_ = std::move(to);
}

result<bool> change_scan::go_on(const std::function<void(const record_view&)>& tell,
                                const std::function<bool()>& enough) {
  for (;;) {
    while (!parents_.empty()) {
      if (auto told = descend(tell); !told)
        return told.err();
      if (parents_.empty())
        reached_[stream_] = looking_;
      if (enough())
        return false;
    }
    const auto it = to_.lower_bound(stream_);
    if (it == to_.end())
      return true;
    stream_ = it->first;
    const auto last = it->second;
    if (seq_of(reached_, stream_) < last) {
      auto all = scan_stream(last, tell, enough);
      if (!all)
        return all.err();
      if (!*all) {
        if (!parents_.empty())
          continue;
        return false;
      }
      reached_[stream_] = last;
    }
    const auto next = std::next(it);
    if (next == to_.end()) {
      // Behind all of them: what a later view adds here waits for the next scan.
      stream_ = {device_id::from_bytes(std::string(16, '\xff')).value_or(device_id{}), UINT64_MAX};
      return true;
    }
    stream_ = next->first;
  }
}

/// True when the stream is told up to `to`; false when it was enough, or children come first.
result<bool> change_scan::scan_stream(uint64_t to,
                                      const std::function<void(const record_view&)>& tell,
                                      const std::function<bool()>& enough) {
  status fault = success();
  bool stopped = false;
  auto scanned = each_standing(*view_, stream_, seq_of(reached_, stream_), to,
                               [&](uint64_t seq, record_class cls, std::string_view raw) {
                                 fault = look(seq, cls, raw, tell);
                                 stopped = !fault || !parents_.empty();
                                 if (stopped)
                                   return false;
                                 reached_[stream_] = seq;
                                 stopped = enough();
                                 return !stopped;
                               });
  if (!fault)
    return fault.err();
  if (!scanned)
    return scanned.err();
  return !stopped;
}

// A row without a delete mark and without an insert is only waiting for one: no record yet.
static bool is_record(const row& r) { return r.exists() || r.removed; }

static record_view view_of_row(const row& r, record_class cls, const keys::row_name& name) {
  return view_of(r, cls, name.model, name.id,
                 cls == record_class::owned ? std::optional(name.owner) : std::nullopt);
}

status change_scan::look(uint64_t seq, record_class cls, std::string_view raw,
                         const std::function<void(const record_view&)>& tell) {
  auto entry = read_by_seq_entry(raw);
  if (!entry)
    return entry.err();
  const dot at{stream_.origin, stream_.epoch, seq};
  const auto key = keys::row(cls, entry->model, entry->id, stream_.origin);
  const bool wanted = model_.empty() || entry->model == model_;
  if (!wanted) {
    auto parent = has_children(cls, key);
    if (!parent)
      return parent.err();
    if (!*parent)
      return success();
  }
  auto r = row_of(*view_, cls, stream_.origin, *entry);
  if (!r)
    return r.err();
  looking_ = seq;
  if (wanted && is_record(*r) && !comes_later(standing(*r)))
    tell(view_of_row(*r, cls, {entry->model, entry->id, stream_.origin}));
  if (moves_children(*r, at, cls))
    parents_.push_back({cls, key, {}});
  return success();
}

bool change_scan::comes_later(const std::vector<dot>& standing) const {
  return std::any_of(standing.begin(), standing.end(), [&](const dot& d) {
    const auto s = d.stream();
    if (s < stream_)
      return false;
    const auto told = s == stream_ ? std::max(looking_, seq_of(reached_, s)) : seq_of(reached_, s);
    return d.seq > told && d.seq <= seq_of(to_, s);
  });
}

/// Whether the op at `at` may have made the row's children appear or go.
bool change_scan::moves_children(const row& r, const dot& at, record_class cls) const {
  if (from_.empty()) // everything is told under its own versions
    return false;
  const bool removed = r.removed && r.removed->at() == at;
  const bool moved = std::any_of(r.fields.begin(), r.fields.end(), [&](const auto& f) {
    return !f.second.parent_model.empty() && f.second.lww.at.at() == at;
  });
  if (removed)
    return true;
  if (!moved && !(r.insert && r.insert->at() == at))
    return false;
  if (r.removed || cls == record_class::shared)
    return true;
  // An owner writes a record before what hangs on it. Unless a later epoch came first, `from` has
  // no child of a record that it has not itself; and one that it has was there before as well.
  const auto later = from_.upper_bound(at.stream());
  if (later != from_.end() && later->first.origin == at.origin)
    return true;
  const auto all = standing(r);
  return moved && std::any_of(all.begin(), all.end(), [&](const dot& d) {
           return d.seq <= seq_of(from_, d.stream());
         });
}

result<bool> change_scan::has_children(record_class cls, const std::string& key) const {
  bool any = false;
  const auto prefix = keys::parent('p', cls, key);
  auto scanned =
      scan_prefix(*view_, family::index, prefix, prefix, [&](std::string_view k, std::string_view) {
        any = keys::parse_row(cls, k.substr(prefix.size())).has_value();
        return !any;
      });
  if (!scanned)
    return scanned.err();
  return any;
}

status change_scan::descend(const std::function<void(const record_view&)>& tell) {
  auto& parent = parents_.back();
  const auto cls = parent.cls;
  const auto prefix = keys::parent('p', cls, parent.key);
  std::string child;
  auto from = prefix + parent.last;
  if (!parent.last.empty())
    from += '\0'; // the first key behind it
  auto scanned =
      scan_prefix(*view_, family::index, prefix, from, [&](std::string_view k, std::string_view) {
        // A longer parent key may share this prefix.
        if (!keys::parse_row(cls, k.substr(prefix.size())))
          return true;
        child = k.substr(prefix.size());
        return false;
      });
  if (!scanned)
    return scanned;
  if (child.empty()) {
    parents_.pop_back();
    return success();
  }
  parent.last = child;
  auto raw = view_->get(cls == record_class::owned ? family::owned : family::shared, child);
  if (!raw)
    return raw.err();
  if (!*raw)
    return {ec::corrupt, "index of parents names a row that is not there"};
  auto r = read_row(*view_, cls, child, **raw);
  if (!r)
    return r.err();
  const auto name = *keys::parse_row(cls, child);
  if ((model_.empty() || name.model == model_) && is_record(*r) && !comes_later(standing(*r)))
    tell(view_of_row(*r, cls, name));
  // References can go round in a circle.
  if (std::none_of(parents_.begin(), parents_.end(),
                   [&](const family_tree& p) { return p.key == child; }))
    parents_.push_back({cls, std::move(child), {}});
  return success();
}

} // namespace shoal
