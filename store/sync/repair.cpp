// Making this node's records equal to a peer's, interval by interval, after a comparison has found
// a difference; and the state of a node that must compare all it holds.

#include "store/sync/by_seq.hpp"
#include "store/sync/marks.hpp"
#include "store/sync/replica.hpp"
#include "store/sync/stored_row.hpp"

#include <algorithm>
#include <set>

namespace shoal {

static const std::string resync_key = "resync";

status replica::load_resync(const kv_view& store) {
  auto raw = store.get(family::checkpoints, resync_key);
  if (!raw)
    return raw.err();
  if (!*raw)
    return success();
  reader in(**raw);
  const auto items = in.array(4, "resync");
  resync_state state;
  for (auto* f : {&state.base, &state.compared, &state.deletes_from})
    *f = read_frontier(in);
  if (items > 3)
    state.owner = in.id<device_id>("resync owner");
  in.finish("resync");
  if (in.failed())
    return error{ec::corrupt, "checkpoint on disk: " + in.err().message};
  resync_ = std::move(state);
  return success();
}

status replica::set_resync(kv_transaction& txn, const std::optional<resync_state>& state) {
  const bool begins = !resync_;
  resync_ = state;
  if (!state) {
    txn.erase(family::checkpoints, resync_key);
    if (std::exchange(fell_back_, false))
      txn.erase(family::meta, "fell_back");
    check_all_tips();
    return success();
  }
  if (state->owner && begins)
    if (auto dropped = drop_owned(txn, *state->owner); !dropped)
      return dropped;
  std::string raw;
  writer w(raw);
  w.array(state->owner ? 4 : 3);
  for (const auto* f : {&state->base, &state->compared, &state->deletes_from})
    encode(w, *f);
  if (state->owner)
    w.bin(state->owner->view());
  txn.put(family::checkpoints, resync_key, std::move(raw));
  return success();
}

void replica::set_filled(kv_transaction& txn) {
  filling_ = false;
  txn.put(family::meta, "filled", "1");
}

void replica::lower_until(kv_transaction& txn, const std::vector<stream_id>& lost) {
  for (const auto& stream : lost) {
    const auto held = seq_of(held_, stream);
    const auto it = until_.find(stream);
    if (it == until_.end() || it->second <= held)
      continue;
    it->second = held;
    auto key = keys::tagged('u', keys::stream(stream));
    sealed_.erase({family::frontiers, key}); // the same seq may be waited for again
    txn.put(family::frontiers, std::move(key), keys::u64(held));
  }
}

status replica::reindex(kv_transaction& txn) {
  digest_ = {};
  for (auto& [owner, digest] : owner_digests_) {
    owner_moves_.emplace_back(owner, digest);
    digest = {};
  }
  counts_.clear();
  counted_ = nullptr;
  tombstones_ = 0;
  const auto put_missing = [&](family f, std::string key, std::string value) -> status {
    auto there = txn.get(f, key);
    if (!there)
      return there.err();
    if (!*there)
      txn.put(f, std::move(key), std::move(value));
    return success();
  };
  for (auto cls : {record_class::owned, record_class::shared}) {
    const auto rows = cls == record_class::owned ? family::owned : family::shared;
    const auto by_seq = cls == record_class::owned ? family::owned_by_seq : family::shared_by_seq;
    status fault = success();
    auto scanned =
        scan_prefix(txn, rows, "", "", [&](std::string_view key, std::string_view value) {
          auto r = read_row(txn, cls, key, value);
          const auto name = keys::parse_row(cls, key);
          if (!r || !name) {
            fault = r ? error{ec::corrupt, "row key on disk"} : r.err();
            return false;
          }
          count(row{}, *r, cls, key);
          const auto entry = name_entry(0, name->model, name->id);
          for (const auto& d : standing(*r))
            if (fault.ok())
              fault = put_missing(by_seq, keys::by_seq(d.stream(), d.seq), entry);
          for (const auto& m : marks(*r))
            if (fault.ok())
              fault = put_missing(family::index, keys::mark(m.stamp.wall_ms, m.at(), cls, key), "");
          for (const auto& p : parents(*r))
            if (fault.ok())
              fault = put_missing(
                  family::index, keys::parent('p', cls, parent_key(cls, p, key)) + std::string(key),
                  "");
          return fault.ok();
        });
    if (!fault)
      return fault;
    if (!scanned)
      return scanned;
    // What each entry is to be, where it is not that; nothing: it goes.
    std::vector<std::pair<std::string, std::optional<std::string>>> others;
    scanned = scan_prefix(txn, by_seq, "", "", [&](std::string_view key, std::string_view value) {
      const auto stream = keys::parse_stream(key);
      const dot at{stream.origin, stream.epoch, keys::read_u64(key.substr(24))};
      auto named = read_by_seq_entry(value);
      auto r = named ? row_of(txn, cls, stream.origin, *named) : result<row>(named.err());
      const auto all = r ? standing(*r) : std::vector<dot>{};
      if (!std::binary_search(all.begin(), all.end(), at)) {
        others.emplace_back(key, std::nullopt);
      } else if (is_kept_op(value)) {
        const auto kept =
            is_kept_at(txn, keys::row(cls, named->model, named->id, stream.origin), at);
        if (!kept)
          fault = kept.err();
        else if (!*kept)
          others.emplace_back(key, name_entry(named->batch_rest, named->model, named->id));
      }
      return fault.ok();
    });
    if (!fault)
      return fault;
    if (!scanned)
      return scanned;
    for (auto& [key, entry] : others)
      if (entry)
        txn.put(by_seq, std::move(key), std::move(*entry));
      else
        txn.erase(by_seq, std::move(key));
  }
  return success();
}

/// What this device wrote of its own records, nobody else knows better.
result<bool> replica::is_own_and_here(const kv_view& view, const op& theirs,
                                      const stream_id& stream) const {
  if (theirs.cls != record_class::owned || stream.origin != self_)
    return false;
  const auto key = keys::row(record_class::owned, theirs.model, theirs.id, stream.origin);
  auto raw = view.get(family::owned, key);
  if (!raw || !*raw)
    return raw ? result<bool>(false) : raw.err();
  auto here = read_row(view, record_class::owned, key, **raw);
  if (!here)
    return here.err();
  return !says_nothing(content(*here, {stream.origin, stream.epoch, theirs.seq}));
}

/// The marks here that hide some of what stands at the peer, though that says it holds what made
/// them: it has lost them, or the op would not stand there.
std::vector<version> replica::masks_over(const row& mine, const op& theirs, const version& at,
                                         const range& last) {
  auto masks = marks_over(mine, theirs, at.at());
  std::erase_if(masks, [&](const version& m) {
    return m.stamp <= theirs.stamp || m.seq > seq_of(last.until, m.at().stream())
           || std::find(last.unmerged.begin(), last.unmerged.end(), m.at()) != last.unmerged.end();
  });
  if (masks.empty())
    return masks;
  const auto shown_without = [&](const std::vector<version>& some) {
    row r = mine;
    for (const auto& m : some)
      drop_marks(r, m);
    merge(r, theirs, at);
    return content(r, at.at());
  };
  const auto most = shown_without(masks);
  if (shown_without({}) == most)
    return {};
  // Those that hide nothing of it are left alone.
  for (size_t i = masks.size(); i-- > 0;) {
    auto fewer = masks;
    fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(i));
    if (shown_without(fewer) == most)
      masks = std::move(fewer);
  }
  return masks;
}

/// Of a shared record anyone may have deleted something, and has: the peer is to be told again. Of
/// a device's own records its signature decides, not who remembers what: whoever adopts gives way.
status replica::heed_masks(kv_transaction& txn, const op& theirs, const stream_id& stream,
                           const range& last, bool adopt, std::set<dot>& lost_there) {
  const bool owned = theirs.cls == record_class::owned;
  if (owned && !adopt)
    return success();
  const auto key = keys::row(theirs.cls, theirs.model, theirs.id, stream.origin);
  auto raw = txn.get(owned ? family::owned : family::shared, key);
  if (!raw || !*raw)
    return raw ? success() : raw.err();
  auto mine = read_row(txn, theirs.cls, key, **raw);
  if (!mine)
    return mine.err();
  const auto masks = masks_over(*mine, theirs, {theirs.stamp, stream.epoch, theirs.seq}, last);
  if (!owned) {
    for (const auto& m : masks)
      lost_there.insert(m.at());
    return success();
  }
  if (masks.empty())
    return success();
  row after = *mine;
  for (const auto& m : masks)
    drop_marks(after, m);
  return shrink_row(txn, theirs.cls, key, *mine, after);
}

result<replica::repair_outcome> replica::repair(kv_transaction& txn, std::span<const range> parts,
                                                repair_goal goal, uint64_t wall_ms) {
  repair_outcome out;
  if (parts.empty())
    return out;
  const bool adopt = goal == repair_goal::adopt;
  // An op that the sender cannot read counts in its statements, so the marks of what it deletes may
  // be gone here, while what it deletes stands there.
  if (const auto unread = parts.back().unread;
      !adopt && unread != 0 && unread != held_counts_.unread)
    return out;
  wall_ms_ = wall_ms;
  const auto stream = parts.front().stream;
  const auto from = parts.front().from;
  const auto to = std::min(parts.front().to, seq_of(held_, stream));
  auto before = save_ranges(txn);
  const auto fail = [&](const error& e) { return undo(txn, std::move(before), e); };
  auto& changed = out.changed;
  std::set<dot> lost_there;
  std::map<uint64_t, op> theirs;
  std::vector<std::vector<ranged_op>> decoded;
  for (const auto& part : parts) {
    auto ops = frame_ops(part);
    if (!ops)
      return fail(ops.err());
    std::erase_if(*ops, [](const ranged_op& o) { return o.fault.has_value(); });
    decoded.push_back(std::move(*ops));
  }
  if (adopt) {
    // What goes may have been superseded by an op that is held here.
    if (auto heeded = heed_rows(txn, parts.back()); !heeded)
      return fail(heeded.err());
    // A version that both have seen stands on both sides, or was superseded.
    for (const auto& ops : decoded)
      for (const auto& o : ops)
        theirs[o.decoded.seq] = o.decoded;
    struct local {
      uint64_t seq;
      record_class cls;
      by_seq_entry entry;
    };
    std::vector<local> here;
    status fault = success();
    auto scanned = each_standing(txn, stream, from, to,
                                 [&](uint64_t seq, record_class cls, std::string_view raw) {
                                   auto entry = read_by_seq_entry(raw);
                                   if (!entry)
                                     fault = entry.err();
                                   else
                                     here.push_back({seq, cls, std::move(*entry)});
                                   return fault.ok();
                                 });
    if (!scanned)
      return fail(scanned.err());
    if (!fault)
      return fail(fault.err());
    for (const auto& [seq, cls, entry] : here) {
      auto mine = row_of(txn, cls, stream.origin, entry);
      if (!mine)
        return fail(mine.err());
      const dot at{stream.origin, stream.epoch, seq};
      const auto stands = content(*mine, at);
      if (says_nothing(stands))
        continue;
      // Merging theirs into an empty row and taking the content again drops its marks.
      op kept;
      kept.kind = op_kind::update; // says nothing
      if (const auto it = theirs.find(seq); it != theirs.end()) {
        row alone;
        merge(alone, it->second, {it->second.stamp, stream.epoch, seq});
        kept = content(alone, at);
        if (kept == stands)
          continue;
      }
      row after = *mine;
      if (!keep_content(after, at, kept))
        continue;
      const auto key = keys::row(cls, entry.model, entry.id, stream.origin);
      if (auto written = shrink_row(txn, cls, key, *mine, after); !written)
        return fail(written.err());
      ++changed;
    }
  }
  for (auto& ops : decoded)
    for (auto& o : ops) {
      if (o.decoded.seq > to)
        continue; // comes in its own range
      auto aside = is_set_aside(txn, o, stream, wall_ms);
      if (!aside)
        return fail(aside.err());
      if (*aside)
        continue;
      // What came back from others may be a part of it: its sender had a later op, which is lost.
      if (!adopt || !own_fetched_ || stream.epoch == epoch_) {
        auto mine = is_own_and_here(txn, o.decoded, stream);
        if (!mine)
          return fail(mine.err());
        if (*mine)
          continue;
      }
      if (goal != repair_goal::remind) {
        if (auto heeded = heed_masks(txn, o.decoded, stream, parts.back(), adopt, lost_there);
            !heeded)
          return fail(heeded.err());
      } else if (o.decoded.cls == record_class::owned || !keep_marks(o.decoded)) {
        // Of an op that is held, what it hides may be hidden again at any time; what it wrote may
        // have been deleted and forgotten since it was read. A device's own records nobody mends
        // unasked.
        continue;
      }
      const auto digest = digest_;
      if (auto done = apply_op(txn, o.decoded, stream, o.bytes, false); !done)
        return fail(done.err());
      changed += digest == digest_ ? 0 : 1;
      observe(o.decoded.cls, o.decoded.stamp, wall_ms);
    }
  if (goal != repair_goal::remind) // which leaves out nothing that was superseded
    for (const auto& part : parts)
      if (auto heeded = heed_until(txn, part.until); !heeded)
        return fail(heeded.err());
  // While it compares all it held, or is being filled, nobody is told changes by this node.
  if (changed > 0 && !resync_ && !filling_)
    if (auto told = change_below(txn); !told)
      return fail(told.err());
  out.lost_there.assign(lost_there.begin(), lost_there.end());
  return out;
}

} // namespace shoal
