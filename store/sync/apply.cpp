// Applying ops, one's own and those of others: the same function for live ops, catch-up and rows.

#include "messages/range_walk.hpp"
#include "store/sync/keys.hpp"
#include "store/sync/replica.hpp"
#include "store/sync/stored_row.hpp"

#include <algorithm>

namespace shoal {

status replica::apply_op(kv_transaction& txn, const op& o, const stream_id& stream,
                         std::string_view encoded, bool into_log, row* known) {
  const bool owned = o.cls == record_class::owned;
  if (owned && is_purged(stream.origin))
    return success();
  if (!owned && !unread_batches_.empty())
    if (auto marked = mark_unread_batches(txn, o, stream); !marked)
      return marked;
  const auto rows = owned ? family::owned : family::shared;
  const auto by_seq = owned ? family::owned_by_seq : family::shared_by_seq;
  const auto key = keys::row(o.cls, o.model, o.id, stream.origin);
  row before;
  if (known) {
    before = std::move(*known);
  } else {
    auto raw = txn.get(rows, key);
    if (!raw)
      return raw.err();
    if (*raw) {
      auto parsed = read_row(txn, o.cls, key, **raw);
      if (!parsed)
        return parsed.err();
      before = std::move(*parsed);
    }
  }
  if (!owned && !known)
    if (auto watched = watch_conflicts(txn, key, before, o); !watched)
      return watched;
  if (!owned && !open_conflicts_.empty())
    if (auto resolved = resolve_conflicts(txn, key, o); !resolved)
      return resolved;
  row after = before;
  const dot at{stream.origin, stream.epoch, o.seq};
  if (merge(after, o, {o.stamp, stream.epoch, o.seq})) {
    // The index has one entry per standing version, so that a range can be read from rows by seq.
    const auto old_dots = standing(before);
    const auto new_dots = standing(after);
    for (const auto& d : old_dots)
      if (!std::binary_search(new_dots.begin(), new_dots.end(), d))
        txn.erase(by_seq, keys::by_seq(d.stream(), d.seq));
    if (std::binary_search(new_dots.begin(), new_dots.end(), at))
      txn.put(by_seq, keys::by_seq(stream, o.seq), name_entry(o.batch_rest, o.model, o.id));
    if (auto written = write_row(txn, o.cls, key, before, after); !written)
      return written;
  }
  if (into_log && !owned) {
    std::string stamp;
    append_hlc(stamp, o.stamp);
    txn.put(family::log, keys::log(o.stamp, at), std::string(encoded));
    txn.put(family::log_by_seq, keys::by_seq(stream, o.seq), std::move(stamp));
    ++log_entries_;
  }
  return success();
}

/// Keys and values are those that apply_op() would come to.
result<bool> replica::apply_plain(kv_transaction& txn, const plain_op& o, const stream_id& stream,
                                  bool into_log, std::optional<std::string> absent) {
  const bool owned = o.cls == record_class::owned;
  if ((owned && is_purged(stream.origin)) || !open_conflicts_.empty()
      || (!owned && unread_batches_.contains(stream)))
    return false;
  const auto rows = owned ? family::owned : family::shared;
  const auto key = absent ? std::move(*absent) : keys::row(o.cls, o.model, o.id, stream.origin);
  if (!absent) {
    auto raw = txn.get(rows, key);
    if (!raw)
      return raw.err();
    if (*raw)
      return false;
  }
  const dot at{stream.origin, stream.epoch, o.seq};
  const version v{o.stamp, stream.epoch, o.seq};
  std::vector<parent_ref> named;
  for (const auto& f : o.fields) {
    if (f.kind != field_kind::parent)
      continue;
    reader in(f.value);
    const auto id = in.id<record_id>("parent");
    if (!in.failed())
      named.push_back({std::string(f.parent_model), id, v});
  }
  auto visible = parents_live(txn, o.cls, key, named);
  if (!visible)
    return visible.err();
  auto made = fresh_row_of(o, v, *visible, key);
  if (*visible) {
    add(digest_, made.digest);
    if (owned)
      move_owner_digest(stream.origin, {}, made.digest);
    count_of(o.model) += 1;
  }
  for (const auto& p : named)
    txn.put(family::index, keys::parent('p', o.cls, parent_key(o.cls, p, key)) + key, "");
  if (owned) {
    txn.put(rows, key, encode_place({*visible, stream.epoch, o.seq}));
    txn.put(family::owned_by_seq, keys::by_seq(stream, o.seq), std::move(made.encoded));
  } else {
    txn.put(rows, key, std::move(made.encoded));
    txn.put(family::shared_by_seq, keys::by_seq(stream, o.seq),
            name_entry(o.batch_rest, o.model, o.id));
  }
  if (into_log && !owned) {
    std::string stamp;
    append_hlc(stamp, o.stamp);
    txn.put(family::log, keys::log(o.stamp, at), std::string(o.bytes));
    txn.put(family::log_by_seq, keys::by_seq(stream, o.seq), std::move(stamp));
    ++log_entries_;
  }
  if (auto told = new_to_children(txn, o.cls, key, *visible); !told)
    return told.err();
  return true;
}

/// The bound is per origin: no member can take the room of others. A range that by itself has more
/// than the bound is taken when nothing else is held, or it would never be. Ops that this version
/// cannot read are not counted: they have no time that will come, and must be passed on.
bool replica::has_room(std::span<const range> parts, uint64_t wall_ms) const {
  const auto stream = parts.front().stream;
  const auto here = quarantined_of_.find(stream.origin);
  if (here == quarantined_of_.end())
    return true;
  const auto held = seq_of(held_, stream);
  bool waits = quarantined_.contains(stream);
  uint64_t more = 0;
  const auto look = [&](record_class cls, const hlc& stamp) {
    waits = waits || (cls == record_class::shared && too_far_ahead(stamp, wall_ms));
    more += cls == record_class::shared && waits;
  };
  for (const auto& part : parts) {
    range_walk ops(part);
    for (auto next = ops.next(); next && *next; next = ops.next()) {
      if (ops.seq() <= held)
        continue;
      if (const auto* p = ops.plain())
        look(p->cls, p->stamp);
      else if (const auto& o = ops.whole(); !o.fault)
        look(o.decoded.cls, o.decoded.stamp);
    }
  }
  return more == 0 || here->second + more <= options_.max_quarantined;
}

/// Before `asked` device-owned records are looked for. Names are kept once so many new ones have
/// been looked for in vain that taking in all names costs no more than that did: an eighth of them.
void replica::use_names(kv_transaction& txn, size_t asked) {
  constexpr size_t per_new = 8;
  constexpr size_t rows_max = 8'000'000;
  names_idle_ = 0;
  const bool begins = !names_.on();
  if (begins) {
    if (new_names_ < options_.names_known_after)
      return;
    size_t rows = 0;
    for (const auto& [model, n] : counts_)
      rows += n > 0 ? static_cast<size_t>(n) : 0;
    if (new_names_ < rows / per_new || rows > rows_max)
      return;
    names_.begin();
    new_names_ = 0; // should they go, by a fault of the store or as too many, it is as at first
    names_due_ = options_.names_at_once;
  }
  txn.tell(family::owned, names_, begins);
  if (names_.complete())
    return;
  names_due_ += per_new * asked;
  if (names_due_ >= options_.names_at_once)
    txn.without_limit([&] { names_.take_in(txn, std::exchange(names_due_, 0)); });
}

/// Each group's end: what it wrote is known from here on. Memory is given back when a while has
/// passed in which nobody asked.
void replica::seal_names(kv_transaction& txn) {
  if (!names_.on())
    return;
  if (++names_idle_ > options_.names_idle_groups)
    names_.forget();
  else
    txn.tell(family::owned, names_);
}

/// Of keys that ascend: which of them have no row, neither in the store nor in this group.
result<std::vector<bool>> replica::find_absent(kv_transaction& txn, record_class cls,
                                               const std::vector<std::string>& keys) {
  std::vector<bool> absent(keys.size());
  std::vector<std::string> asked;
  std::vector<size_t> asked_at;
  if (cls == record_class::owned)
    use_names(txn, keys.size());
  constexpr size_t ahead = 8; // fetches from memory at once
  for (size_t i = 0; i < keys.size(); ++i) {
    if (cls == record_class::owned && i + ahead < keys.size())
      names_.will_ask(keys[i + ahead]);
    absent[i] = cls == record_class::owned && !names_.may_have(keys[i]);
    if (!absent[i]) {
      asked.push_back(keys[i]);
      asked_at.push_back(i);
    }
  }
  if (!asked.empty()) {
    auto stored = txn.get_many(cls == record_class::owned ? family::owned : family::shared, asked);
    if (!stored)
      return stored.err();
    for (size_t i = 0; i < asked.size(); ++i)
      absent[asked_at[i]] = !(*stored)[i];
  }
  if (cls == record_class::owned && !names_.on())
    new_names_ += static_cast<size_t>(std::count(absent.begin(), absent.end(), true));
  return absent;
}

status replica::apply_run(kv_transaction& txn, std::vector<plain_op>& run, size_t count,
                          const stream_id& stream, bool into_log) {
  const auto cls = run.front().cls;
  std::vector<std::pair<std::string, size_t>> named(count); // row key → place in the run
  for (size_t i = 0; i < count; ++i)
    named[i] = {keys::row(cls, run[i].model, run[i].id, stream.origin), i};
  std::sort(named.begin(), named.end());
  std::vector<std::string> keys(count);
  for (size_t i = 0; i < count; ++i)
    keys[i] = named[i].first;
  const auto found = find_absent(txn, cls, keys);
  if (!found)
    return found.err();
  std::vector<std::optional<std::string>> absent(count);
  for (size_t i = 0; i < count; ++i) {
    const bool twice = i > 0 && keys[i] == keys[i - 1]; // the first of the run's may be there then
    if (!twice && (*found)[i])
      absent[named[i].second] = std::move(named[i].first);
  }
  for (size_t i = 0; i < count; ++i) {
    auto done = apply_plain(txn, run[i], stream, into_log, std::move(absent[i]));
    if (!done)
      return done.err();
    if (*done)
      continue;
    reader in(run[i].bytes);
    if (auto applied = apply_op(txn, read_op(in, stream.origin), stream, run[i].bytes, into_log);
        !applied)
      return applied.err();
  }
  return success();
}

result<applied_as> replica::apply(kv_transaction& txn, std::span<const range> parts,
                                  uint64_t wall_ms) {
  if (parts.empty())
    return applied_as::duplicate;
  const auto stream = parts.front().stream;
  const uint64_t from = parts.front().from;
  const uint64_t to = parts.front().to;
  const uint64_t held = seq_of(held_, stream);
  if (to <= held)
    return applied_as::duplicate;
  if (from > held)
    return applied_as::gap;
  if (!has_room(parts, wall_ms))
    return applied_as::no_room;
  wall_ms_ = wall_ms;
  auto before = save_ranges(txn);
  const auto fail = [&](const error& e) { return undo(txn, std::move(before), e); };
  for (const auto& part : parts)
    if (auto heeded = heed_until(txn, part.until); !heeded)
      return fail(heeded.err());
  if (auto heeded = heed_rows(txn, parts.back()); !heeded)
    return fail(heeded.err());
  bool log_complete = true;
  std::vector<dot> waiting;
  // Plain inserts that follow one another: whether their records are here is asked for all at once.
  constexpr size_t run_max = 512;
  std::vector<plain_op> run;
  size_t in_run = 0;
  for (const auto& part : parts) {
    log_complete = log_complete && part.log_complete;
    range_walk ops(part);
    for (;;) {
      const auto more = ops.next();
      if (!more)
        return fail(more.err());
      if (*more && ops.seq() <= held)
        continue; // held already, or superseded by what is held
      auto* p = *more ? ops.plain() : nullptr;
      const bool joins = p && !must_wait(p->cls, p->stamp, stream, wall_ms);
      if (in_run > 0 && (!joins || in_run == run_max || run.front().cls != p->cls)) {
        if (auto done = apply_run(txn, run, in_run, stream, part.log_complete); !done)
          return fail(done.err());
        in_run = 0;
      }
      if (!*more)
        break;
      if (joins) {
        if (in_run == run.size())
          run.emplace_back();
        observe(p->cls, p->stamp, wall_ms);
        std::swap(run[in_run++], *p); // both keep their memory
        continue;
      }
      const auto& o = ops.whole();
      if (hold_back(txn, o, part, wall_ms)) {
        waiting.push_back({stream.origin, stream.epoch, o.decoded.seq});
        continue;
      }
      if (auto done = apply_op(txn, o.decoded, stream, o.bytes, part.log_complete); !done)
        return fail(done.err());
      observe(o.decoded.cls, o.decoded.stamp, wall_ms);
    }
  }
  if (!waiting.empty())
    if (auto marked = mark_halves(txn, parts, waiting); !marked)
      return fail(marked.err());
  held_[stream] = to;
  if (!log_complete)
    log_from_[stream] =
        to; // what came from rows lacks superseded ops: it cannot be served as a log
  move_frontier(txn, stream);
  if (stream.origin == self_ && !own_fetched_) {
    own_fetched_ = true;
    txn.put(family::meta, "own_fetched", "1");
  }
  check_tip(stream.origin);
  return applied_as::applied;
}

} // namespace shoal
