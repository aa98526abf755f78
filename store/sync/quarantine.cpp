// Which ops are held back, and when they are merged after all.

#include "store/sync/keys.hpp"
#include "store/sync/replica.hpp"

#include <xxhash.h>

#include <algorithm>

namespace shoal {

namespace {

constexpr size_t excused_max = 16'384; // more are taken for needed

std::string time_key(const held_op& h) {
  return keys::tagged('t', keys::u64(h.stamp.wall_ms) + keys::by_seq(h.at.stream(), h.at.seq));
}
std::string dead_key(const dot& at) { return keys::tagged('d', keys::by_seq(at.stream(), at.seq)); }
dot parse_dot(std::string_view raw) {
  const auto stream = keys::parse_stream(raw);
  return {stream.origin, stream.epoch, keys::read_u64(raw.substr(24))};
}

} // namespace

bool replica::too_far_ahead(const hlc& stamp, uint64_t wall_ms) const {
  return stamp.wall_ms > wall_ms && stamp.wall_ms - wall_ms > options_.max_drift_ms;
}

/// A stamp beyond the drift does not move the clock. Own device-owned rows are ordered by nothing
/// but this device's stamps: its next write of one must be later all the same.
void replica::observe(record_class cls, const hlc& stamp, uint64_t wall_ms) {
  const bool near = clock_.observe(stamp, wall_ms, options_.max_drift_ms);
  if (!near && cls == record_class::owned && stamp.device == self_)
    own_rows_ = std::max(own_rows_, stamp);
}

hlc replica::next_stamp(record_class cls, uint64_t wall_ms) {
  const auto stamp = clock_.tick(wall_ms);
  if (cls == record_class::shared || stamp > own_rows_)
    return stamp;
  hlc_clock ahead(self_, own_rows_);
  return own_rows_ = ahead.tick(wall_ms);
}

// Of sums of FNV-1a many are equal.
static uint64_t hash_of_text(std::string_view text) {
  return XXH3_64bits(text.data(), text.size());
}

uint64_t replica::hash_of_name(const dot& at) {
  return hash_of_text(keys::by_seq(at.stream(), at.seq));
}

/// What an op adds to the hash. One that came without what it supersedes leaves this node's records
/// like nobody else's until it is merged.
uint64_t replica::hash_of_held(const held_op& h) const {
  auto name = keys::by_seq(h.at.stream(), h.at.seq);
  if (!h.complete || h.alone)
    name += self_.view();
  return hash_of_text(name);
}

void replica::move_quarantined(const dot& at, bool in) {
  quarantine_moves_.push_back({at, in});
  if (in) {
    quarantined_of_[at.origin] += quarantined_[at.stream()].insert(at.seq).second;
  } else if (const auto it = quarantined_.find(at.stream()); it != quarantined_.end()) {
    if (it->second.erase(at.seq) > 0 && --quarantined_of_[at.origin] == 0)
      quarantined_of_.erase(at.origin);
    if (it->second.empty())
      quarantined_.erase(it);
  }
}

void replica::hold(kv_transaction& txn, held_op h) {
  const bool future = h.why == held_why::quarantined;
  ++(future ? held_counts_.quarantined : held_counts_.unmergeable);
  held_counts_.incomplete += future && !h.complete;
  held_counts_.hidden += h.hidden;
  held_counts_.halves += h.shows_half();
  held_counts_.hash += hash_of_held(h);
  if (future) {
    next_due_ms_ = std::min(next_due_ms_, h.stamp.wall_ms);
    move_quarantined(h.at, true);
    txn.put(family::deadletter, time_key(h), keys::u64(h.batch_rest) + (h.complete ? '\1' : '\0'));
  } else {
    held_counts_.unread += hash_of_name(h.at);
    txn.put(family::deadletter, dead_key(h.at), "");
    if (h.may_be_of_batch() && !h.shows_half())
      unread_batches_.insert(h.at.stream());
    if (!h.alone)
      unread_streams_.insert(h.at.stream());
  }
  put_held(txn, h);
}

void replica::let_go(kv_transaction& txn, const held_op& h) {
  const bool future = h.why == held_why::quarantined;
  --(future ? held_counts_.quarantined : held_counts_.unmergeable);
  held_counts_.incomplete -= future && !h.complete;
  held_counts_.hidden -= h.hidden;
  held_counts_.halves -= h.shows_half();
  held_counts_.hash -= hash_of_held(h);
  if (future)
    move_quarantined(h.at, false);
  else
    held_counts_.unread -= hash_of_name(h.at);
  txn.erase(family::deadletter, future ? time_key(h) : dead_key(h.at));
  txn.erase(family::deadletter, keys::tagged('h', keys::by_seq(h.at.stream(), h.at.seq)));
}

/// Totals of a counter include what went before: a stream's shared ops merge in their order.
bool replica::must_wait(record_class cls, const hlc& stamp, const stream_id& stream,
                        uint64_t wall_ms) const {
  return cls == record_class::shared
         && (too_far_ahead(stamp, wall_ms) || quarantined_.contains(stream));
}

bool replica::hold_back(kv_transaction& txn, const ranged_op& o, const range& part,
                        uint64_t wall_ms) {
  const auto& decoded = o.decoded;
  const bool ahead = too_far_ahead(decoded.stamp, wall_ms);
  if (!o.fault && !must_wait(decoded.cls, decoded.stamp, part.stream, wall_ms))
    return false;
  held_op h;
  h.at = {part.stream.origin, part.stream.epoch, decoded.seq};
  h.batch_rest = decoded.batch_rest;
  h.stamp = decoded.stamp;
  h.since_ms = wall_ms;
  h.complete = decoded.seq > seq_of(rows_until_, part.stream) || excused_.contains(h.at);
  h.bytes = o.bytes;
  if (o.fault) {
    h.why = held_why::unmergeable;
    h.alone = decoded.seq <= seq_of(until_, part.stream);
    h.reason = std::string(to_string(o.fault->code)) + ": " + o.fault->message;
  } else {
    h.reason = ahead ? "stamped " + std::to_string((decoded.stamp.wall_ms - wall_ms) / 1000)
                           + " s ahead of this node's clock; at most "
                           + std::to_string(options_.max_drift_ms / 1000) + " s are merged"
                     : "comes after an op of the same device that is held";
  }
  hold(txn, std::move(h));
  return true;
}

/// A range that names an `until` lacks what ops up to there superseded: with one of those here that
/// this version cannot read, the rows are this node's alone.
status replica::heed_until(kv_transaction& txn, const frontier& until) {
  wait_for(until);
  std::vector<held_op> found;
  for (auto it = unread_streams_.begin(); it != unread_streams_.end() && !until.empty();) {
    const auto stream = *it++;
    const auto to = seq_of(until, stream);
    if (to == 0)
      continue;
    bool more = false;
    const dot before{stream.origin, stream.epoch, 0};
    auto listed = list_held(txn, &before, [&](held_op&& h) {
      if (h.at.stream() != stream)
        return false;
      more = h.at.seq > to;
      if (!more && h.why == held_why::unmergeable && !h.alone)
        found.push_back(std::move(h));
      return !more;
    });
    if (!listed)
      return listed;
    if (!more) {
      unread_streams_.erase(stream);
      left_streams_.insert(stream);
    }
  }
  for (auto& h : found) {
    let_go(txn, h);
    h.alone = true;
    hold(txn, std::move(h));
  }
  return success();
}

/// A range read from rows lacks what the ops that its sender had merged superseded, also other
/// streams' ones: with one of those held here, this node is not settled.
status replica::heed_rows(kv_transaction& txn, const range& last) {
  if (last.log_complete || last.until.empty())
    return success();
  const std::set<dot> unmerged(last.unmerged.begin(), last.unmerged.end());
  const auto needed = [&](const dot& d) {
    return d.seq <= seq_of(last.until, d.stream()) && !unmerged.contains(d);
  };
  std::erase_if(excused_, needed);
  for (const auto& d : unmerged)
    if (d.seq > seq_of(held_, d.stream()) && d.seq > seq_of(rows_until_, d.stream())
        && excused_.size() < excused_max)
      excused_.insert(d);
  for (const auto& [s, seq] : last.until)
    if (auto& mine = rows_until_[s]; mine < seq) {
      mine = seq;
      txn.put(family::frontiers, keys::tagged('r', keys::stream(s)), keys::u64(seq));
    }
  std::vector<held_op> found;
  for (const auto& [stream, seqs] : quarantined_) {
    if (seq_of(last.until, stream) == 0)
      continue;
    const dot before{stream.origin, stream.epoch, 0};
    auto listed = list_held(txn, &before, [&, of = stream](held_op&& h) {
      if (h.at.stream() != of)
        return false;
      if (h.why == held_why::quarantined && h.complete && needed(h.at))
        found.push_back(std::move(h));
      return true;
    });
    if (!listed)
      return listed;
  }
  for (auto& h : found) {
    let_go(txn, h);
    h.complete = false;
    hold(txn, std::move(h));
  }
  return success();
}

/// Of an op that a repair brings: what is held waits for its own time, and what is too far ahead is
/// not merged through this door either.
result<bool> replica::is_set_aside(const kv_view& view, const ranged_op& o, const stream_id& stream,
                                   uint64_t wall_ms) const {
  if (o.decoded.cls == record_class::shared && too_far_ahead(o.decoded.stamp, wall_ms))
    return true;
  if (held_counts_ == held_counts{})
    return false;
  auto found = get_held(view, {stream.origin, stream.epoch, o.decoded.seq});
  if (!found)
    return found.err();
  return found->has_value();
}

result<bool> replica::merge_held(kv_transaction& txn, const dot& at, uint64_t wall_ms) {
  auto found = get_held(txn, at);
  if (!found)
    return found.err();
  if (!*found)
    return error{ec::not_found, "no op " + to_string(at.stream()) + " " + std::to_string(at.seq)
                                    + " is held back"};
  auto& h = **found;
  reader in(h.bytes);
  const auto o = read_op(in, at.origin);
  in.finish("op");
  const bool future =
      !in.failed() && o.cls == record_class::shared && too_far_ahead(o.stamp, wall_ms);
  if (in.failed() || future) {
    const auto why = future ? held_why::quarantined : held_why::unmergeable;
    if (why != h.why) { // read by one version, not by the other
      let_go(txn, h);
      h.why = why;
      h.stamp = o.stamp;
      h.reason = future ? "stamped too far ahead of this node's clock"
                        : std::string(to_string(in.err().code)) + ": " + in.err().message;
      hold(txn, std::move(h));
    }
    return false;
  }
  if (auto kept = remember_released(txn, h, o, wall_ms); !kept)
    return kept.err();
  let_go(txn, h);
  // Below log_from a range is read from rows: the log must not hold what it does not serve.
  const bool into_log = at.seq > seq_of(log_from_, at.stream());
  if (auto done = apply_op(txn, o, at.stream(), h.bytes, into_log); !done)
    return done.err();
  observe(o.cls, o.stamp, wall_ms);
  if (held_counts_.unmergeable > 0)
    if (auto marked = mark_rest(txn, at.stream(), at.seq + h.batch_rest); !marked)
      return marked.err();
  return true;
}

status replica::load_held(const kv_view& store) {
  quarantined_.clear();
  quarantined_of_.clear();
  unread_batches_.clear();
  unread_streams_.clear();
  auto dead = scan_prefix(store, family::deadletter, "d", "d", [&](std::string_view key, auto) {
    const auto stream = parse_dot(key.substr(1)).stream();
    unread_batches_.insert(stream);
    unread_streams_.insert(stream);
    return true;
  });
  if (!dead)
    return dead;
  auto scanned =
      scan_prefix(store, family::deadletter, "t", "t", [&](std::string_view key, std::string_view) {
        const auto at = parse_dot(key.substr(9));
        quarantined_of_[at.origin] += quarantined_[at.stream()].insert(at.seq).second;
        return true;
      });
  return scanned ? find_next_due(store) : scanned;
}

status replica::find_next_due(const kv_view& view) {
  next_due_ms_ = UINT64_MAX;
  return scan_prefix(view, family::deadletter, "t", "t",
                     [&](std::string_view key, std::string_view) {
                       next_due_ms_ = keys::read_u64(key.substr(1));
                       return false;
                     });
}

result<uint64_t> replica::release(kv_transaction& txn, uint64_t wall_ms, uint64_t max) {
  wall_ms_ = wall_ms;
  uint64_t merged = 0;
  if (const auto due = next_release_ms(); due && *due <= wall_ms) {
    std::vector<dot> ready;
    uint64_t batch_end = 0; // the last seq of the atomic batch that the newest one belongs to
    auto scanned = scan_prefix(
        txn, family::deadletter, "t", "t", [&](std::string_view key, std::string_view rest) {
          if (too_far_ahead({keys::read_u64(key.substr(1)), 0, {}}, wall_ms))
            return false;
          const auto at = parse_dot(key.substr(9));
          // The ops of an atomic batch have one wall and one stream, so they are neighbours here.
          const bool inside =
              !ready.empty() && ready.back().stream() == at.stream() && at.seq <= batch_end;
          if (ready.size() >= max && !inside)
            return false;
          batch_end = at.seq + keys::read_u64(rest);
          ready.push_back(at);
          return true;
        });
    if (!scanned)
      return scanned.err();
    for (const auto& at : ready) {
      auto done = merge_held(txn, at, wall_ms);
      if (!done)
        return done.err();
      merged += *done;
    }
    if (auto found = find_next_due(txn); !found)
      return found.err();
  }
  if (retry_from_ && merged < max) {
    auto tried = retry_some(txn, wall_ms, max - merged);
    if (!tried)
      return tried.err();
    merged += *tried;
  }
  return merged;
}

/// The next dead letters of a pass over all of them. Those of one atomic batch are tried together;
/// where only some of them can be read now, the others show it in half.
result<uint64_t> replica::retry_some(kv_transaction& txn, uint64_t wall_ms, uint64_t max) {
  std::vector<held_op> some;
  const auto from = *retry_from_;
  bool more = false;
  status read = success();
  const auto end_of = [](const held_op& h) { return h.at.seq + h.batch_rest; };
  auto scanned =
      scan_prefix(txn, family::deadletter, "d", from, [&](std::string_view key, std::string_view) {
        const auto at = parse_dot(key.substr(1));
        more = some.size() >= max
               && (some.back().at.stream() != at.stream() || at.seq > end_of(some.back()));
        if (more)
          return false;
        auto h = get_held(txn, at);
        if (!h)
          read = h.err();
        else if (*h)
          some.push_back(std::move(**h));
        return read.ok();
      });
  if (!scanned || !read.ok())
    return !scanned ? scanned.err() : read.err();
  uint64_t merged = 0;
  for (const auto& h : some) {
    auto done = merge_held(txn, h.at, wall_ms);
    if (!done)
      return done.err();
    merged += *done;
  }
  if (!more) {
    retry_from_.reset();
  } else {
    auto last = some.back().at;
    ++last.seq;
    retry_from_ = dead_key(last);
  }
  return merged;
}

void replica::retry_all() { retry_from_ = "d"; }

std::optional<uint64_t> replica::next_release_ms() const {
  if (next_due_ms_ == UINT64_MAX)
    return std::nullopt;
  return next_due_ms_ - std::min(next_due_ms_, options_.max_drift_ms);
}

result<bool> replica::retry(kv_transaction& txn, const dot& at, uint64_t wall_ms) {
  wall_ms_ = wall_ms;
  auto done = merge_held(txn, at, wall_ms);
  if (!done || !*done)
    return done;
  if (auto found = find_next_due(txn); !found)
    return found.err();
  return done;
}

status replica::hide(kv_transaction& txn, const dot& at) {
  auto found = get_held(txn, at);
  if (!found)
    return found.err();
  if (!*found)
    return {ec::not_found,
            "no op " + to_string(at.stream()) + " " + std::to_string(at.seq) + " is held back"};
  auto& h = **found;
  if (h.hidden)
    return success();
  held_counts_.halves -= h.shows_half();
  h.hidden = true;
  ++held_counts_.hidden;
  put_held(txn, h);
  return success();
}

} // namespace shoal
