// What leaves the store once every member has it: log entries by one round of statements, marks of
// deletes by two (see actors/protocol/statements.cpp, which says when).

#include "store/sync/keys.hpp"
#include "store/sync/marks.hpp"
#include "store/sync/replica.hpp"
#include "store/sync/stored_row.hpp"

#include <algorithm>
#include <functional>

namespace shoal {

status replica::load_oldest(const kv_view& view) {
  oldest_log_ms_ = 0;
  auto c = view.cursor(family::log);
  c->seek("");
  if (c->valid())
    oldest_log_ms_ = keys::read_u64(c->key());
  return c->state();
}

result<uint64_t> replica::prune(kv_transaction& txn, const frontier& stable, uint64_t max) {
  uint64_t removed = 0;
  for (const auto& covered : stable) {
    const stream_id& stream = covered.first;
    const uint64_t seq = covered.second;
    if (removed >= max)
      break;
    // Not from log_from: a range read from rows moves that past entries that are still here.
    const uint64_t from = seq_of(pruned_, stream);
    if (from >= seq)
      continue;
    uint64_t reached = seq;
    bool damaged = false;
    std::vector<std::pair<std::string, std::string>> gone; // log_by_seq key, log key
    const auto prefix = keys::stream(stream);
    auto scanned = scan_prefix(
        txn, family::log_by_seq, prefix, keys::by_seq(stream, from + 1),
        [&](std::string_view key, std::string_view value) {
          const uint64_t at = keys::read_u64(key.substr(prefix.size()));
          if (at > seq)
            return false;
          if (removed + gone.size() >= max) {
            reached = at - 1;
            return false;
          }
          auto stamp = decode_hlc(value);
          damaged = !stamp;
          if (stamp)
            gone.emplace_back(key, keys::log(*stamp, {stream.origin, stream.epoch, at}));
          return !damaged;
        });
    if (!scanned)
      return scanned.err();
    if (damaged)
      return {ec::corrupt, "log_by_seq of " + to_string(stream) + ": not a stamp"};
    for (auto& [by_seq, log] : gone) {
      txn.erase(family::log_by_seq, std::move(by_seq));
      txn.erase(family::log, std::move(log));
    }
    removed += gone.size();
    log_entries_ -= static_cast<int64_t>(gone.size());
    if (reached > from)
      pruned_[stream] = reached;
    if (auto& log_from = log_from_[stream]; reached > log_from) {
      log_from = reached;
      dirty_.insert(stream);
    }
  }
  if (removed > 0)
    if (auto oldest = load_oldest(txn); !oldest)
      return oldest.err();
  return removed;
}

static family rows_of(record_class cls) {
  return cls == record_class::owned ? family::owned : family::shared;
}

/// Calls `on(mark) → bool` for each mark older than `before_ms` that `stable` covers, oldest first.
template <class On>
static status each_old_mark(const kv_view& view, const frontier& stable, uint64_t before_ms,
                            On on) {
  bool damaged = false;
  auto scanned =
      scan_prefix(view, family::index, "m", "m", [&](std::string_view key, std::string_view) {
        const auto mark = keys::parse_mark(key);
        damaged = !mark;
        if (damaged || mark->wall_ms >= before_ms)
          return false;
        return mark->at.seq > seq_of(stable, mark->at.stream()) || on(*mark);
      });
  if (damaged)
    return {ec::corrupt, "index of marks: not such a key"};
  return scanned;
}

/// A child that refers to the record from before its delete.
template <class On>
static status each_dead_child(const kv_view& view, record_class cls, const std::string& key,
                              const version& removed, On on) {
  const auto prefix = keys::parent('p', cls, key);
  status fault = success();
  auto scanned =
      scan_prefix(view, family::index, prefix, prefix, [&](std::string_view k, std::string_view) {
        const std::string child(k.substr(prefix.size()));
        if (!keys::parse_row(cls, child))
          return true; // of a longer key that begins like this one
        auto raw = view.get(rows_of(cls), child);
        if (!raw || !*raw) {
          fault = raw ? error{ec::corrupt, "index of parents names a row that is not there"}
                      : raw.err();
          return false;
        }
        auto r = read_row(view, cls, child, **raw);
        if (!r) {
          fault = r.err();
          return false;
        }
        for (const auto& p : parents(*r)) {
          const auto name = keys::row(
              cls, p.model, p.id,
              cls == record_class::owned ? keys::parse_row(cls, child)->owner : device_id{});
          if (name == key && p.at < removed)
            return on(child, *r);
        }
        return true;
      });
  return fault.ok() ? scanned : fault;
}

result<bool> replica::has_buried(const kv_view& view, record_class cls, const std::string& key,
                                 const version& removed) const {
  bool any = false;
  auto scanned = each_dead_child(view, cls, key, removed, [&](const std::string&, const row&) {
    any = true;
    return false;
  });
  if (!scanned)
    return scanned.err();
  return any;
}

result<uint64_t> replica::prune_marks(kv_transaction& txn, const frontier& stable,
                                      uint64_t before_ms, size_t max) {
  // A dead letter may be older than a mark, and is merged one day: then the mark must be here.
  if (held_counts_.unmergeable > 0)
    return uint64_t{0};
  // The log first: what a forgotten delete had masked must not be told from there.
  constexpr uint64_t log_entries_max = 10'000;
  auto logged = prune(txn, stable, log_entries_max);
  if (!logged)
    return logged.err();
  if (*logged == log_entries_max)
    return uint64_t{0};
  std::vector<std::string> old; // keys of marks; the scan ends before the writes begin
  auto scanned = each_old_mark(txn, stable, before_ms, [&](const keys::mark_name& m) {
    old.push_back(keys::mark(m.wall_ms, m.at, m.cls, m.row_key));
    return old.size() < max;
  });
  if (!scanned)
    return scanned.err();
  uint64_t gone = 0;
  frontier moved;
  for (const auto& mark_key : old) {
    const auto m = *keys::parse_mark(mark_key);
    const std::string key(m.row_key);
    auto raw = txn.get(rows_of(m.cls), key);
    if (!raw)
      return raw.err();
    if (!*raw)
      return {ec::corrupt, "index of marks names a row that is not there"};
    auto before = read_row(txn, m.cls, key, **raw);
    if (!before)
      return before.err();
    std::optional<version> at;
    for (const auto& v : marks(*before))
      if (v.at() == m.at && v.stamp.wall_ms == m.wall_ms)
        at = v;
    if (!at)
      return {ec::corrupt, "index of marks names a mark that is not there"};
    if (before->removed == at) {
      auto kept = has_buried(txn, m.cls, key, *at);
      if (!kept)
        return kept.err();
      if (*kept)
        continue;
    }
    row after = *before;
    if (!drop_marks(after, *at))
      continue;
    if (auto written = shrink_row(txn, m.cls, key, *before, after); !written)
      return written.err();
    auto& deletes = moved[m.at.stream()];
    deletes = std::max(deletes, m.at.seq);
    ++gone;
  }
  raise_deletes_from(txn, moved);
  return gone;
}

result<std::vector<edit>> replica::buried(const kv_transaction& txn, const frontier& stable,
                                          uint64_t before_ms, size_t max) const {
  std::vector<edit> out;
  constexpr size_t looked_at_max = 1000; // marks in one pass
  size_t looked_at = 0;
  status fault = success();
  // Depth first, so that no record is deleted before those that hang on it.
  const std::function<bool(record_class, const std::string&, const version&)> descend =
      [&](record_class cls, const std::string& key, const version& removed) {
        std::vector<std::string> children;
        fault = each_dead_child(txn, cls, key, removed, [&](const std::string& child, const row&) {
          children.push_back(child);
          return out.size() + children.size() < max;
        });
        if (!fault)
          return false;
        // What a dead child's own children refer to is dead however new the reference is.
        const version any{{UINT64_MAX, UINT32_MAX, {}}, UINT64_MAX, UINT64_MAX};
        for (const auto& child : children) {
          if (out.size() >= max || !descend(cls, child, any))
            return false;
          const auto name = *keys::parse_row(cls, child);
          edit e;
          e.cls = cls;
          e.model = name.model;
          e.id = name.id;
          e.remove = e.hidden_too = true;
          out.push_back(std::move(e));
        }
        return true;
      };
  auto scanned = each_old_mark(txn, stable, before_ms, [&](const keys::mark_name& m) {
    if (m.at.origin != self_)
      return true;
    const std::string key(m.row_key);
    auto raw = txn.get(rows_of(m.cls), key);
    if (!raw || !*raw) {
      fault = raw ? error{ec::corrupt, "index of marks names a row that is not there"} : raw.err();
      return false;
    }
    auto r = read_row(txn, m.cls, key, **raw);
    if (!r) {
      fault = r.err();
      return false;
    }
    if (r->removed && r->removed->at() == m.at)
      descend(m.cls, key, *r->removed);
    return fault.ok() && out.size() < max && ++looked_at < looked_at_max;
  });
  if (!fault)
    return fault.err();
  if (!scanned)
    return scanned.err();
  return out;
}

void replica::raise_deletes_from(kv_transaction& txn, const frontier& other) {
  for (const auto& [stream, seq] : other)
    if (auto& at = deletes_from_[stream]; at < seq) {
      at = seq;
      txn.put(family::frontiers, keys::tagged('d', keys::stream(stream)), keys::u64(seq));
    }
}

void replica::set_passed_over(kv_transaction& txn, const device_id& member,
                              std::optional<uint64_t> since) {
  const auto key = keys::tagged('n', member.view());
  if (since) {
    passed_over_[member] = *since;
    txn.put(family::frontiers, key, keys::u64(*since));
  } else if (passed_over_.erase(member) > 0) {
    txn.erase(family::frontiers, key);
  }
}

} // namespace shoal
