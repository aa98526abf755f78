// What goes out: cursors into the durable streams, bounded by credit. A slow peer is a cursor that
// lags, never a queue.

#include "actors/protocol/replicator.hpp"

#include <algorithm>
#include <span>

namespace shoal::protocol {

/// The only way to a new cursor.
session::cursor& replicator::cursor_at(session& s, const stream_id& stream) {
  relays_ = relays_ || stream.origin != settings_.self;
  return s.cursors[stream];
}

/// Own streams go to every member that is linked, others' to those who follow them.
void replicator::open_cursors(const device_id& peer, session& s) {
  if (s.below_horizon)
    return;
  const auto& theirs = announced_[peer];
  const auto open = [&](const device_id& origin) {
    for (auto it = held_.lower_bound({origin, 0}); it != held_.end() && it->first.origin == origin;
         ++it) {
      if (!s.cursors.contains(it->first))
        cursor_at(s, it->first).sent = seq_of(theirs, it->first);
    }
  };
  if (!s.asks)
    open(settings_.self);
  for (const auto& origin : s.following)
    open(origin);
}

namespace {

/// Cuts a range into parts of at most wire_limits::range_part_bytes, at op boundaries.
std::vector<range> split(range r, std::span<const op_outline> ops) {
  std::vector<range> parts;
  if (r.ops.size() <= wire_limits::range_part_bytes) {
    parts.push_back(std::move(r));
    return parts;
  }
  size_t begin = 0;
  for (auto op = ops.begin(); op != ops.end() || parts.empty();) {
    range p;
    p.stream = r.stream;
    p.from = r.from;
    p.to = r.to;
    p.log_complete = r.log_complete;
    p.more = true;
    p.part = r.part + static_cast<uint32_t>(parts.size());
    size_t bytes = 0;
    for (; op != ops.end() && (bytes == 0 || bytes + op->bytes <= wire_limits::range_part_bytes);
         ++op, ++p.count)
      bytes += op->bytes;
    p.ops.assign(r.ops, begin, bytes);
    begin += bytes;
    parts.push_back(std::move(p));
  }
  parts.back().more = r.more;
  parts.back().until = std::move(r.until);
  parts.back().unmerged = std::move(r.unmerged);
  return parts;
}

message_kind kind_of_live(std::span<const op_outline> ops) {
  const bool owned = std::all_of(ops.begin(), ops.end(), [](const auto& o) { return o.owned; });
  if (ops.size() == 1)
    return owned ? message_kind::state_change : message_kind::shared_change;
  return owned ? message_kind::state_batch : message_kind::shared_change_batch;
}

} // namespace

/// Encoded once, or twice where some peers cannot take it compressed.
void replicator::send_part(const std::vector<device_id>& to, message_kind kind, range part) {
  const auto cost = cost_of(part);
  std::vector<device_id> packed;
  std::vector<device_id> plain;
  for (const auto& peer : to) {
    auto& s = sessions_[peer];
    s.in_flight += cost;
    (compresses(s, part) ? packed : plain).push_back(peer);
  }
  if (packed.empty()) {
    out_.push_back(send{std::move(plain), range_message{kind, std::move(part)}});
    return;
  }
  if (!plain.empty())
    out_.push_back(send{std::move(plain), range_message{kind, part}});
  part.compressed = true;
  out_.push_back(send{std::move(packed), range_message{kind, std::move(part)}});
}

void replicator::send_live(const std::vector<device_id>& to, newest_range newest) {
  std::span<const op_outline> left(newest.ops);
  for (auto& part : split(std::move(newest.all), left)) {
    const auto ops = left.first(std::min<size_t>(part.count, left.size()));
    left = left.subspan(ops.size());
    send_part(to, kind_of_live(ops), std::move(part));
  }
}

void replicator::send_loaded(const device_id& to, range r) {
  std::vector<op_outline> ops;
  if (r.ops.size() > wire_limits::range_part_bytes)
    ops = outline(r);
  for (auto& part : split(std::move(r), ops)) {
    const auto kind =
        part.until.empty() ? message_kind::shared_change_response : message_kind::state_response;
    send_part({to}, kind, std::move(part));
  }
}

/// What is newest, as one batch.
std::optional<replicator::newest_range> replicator::from_ring(const stream_id& stream,
                                                              uint64_t from) const {
  auto r = ring_.collect(stream, from, wire_limits::range_part_bytes, settings_.batch_ops);
  if (!r)
    return std::nullopt;
  auto ops = coalesce(*r);
  return newest_range{std::move(*r), std::move(ops)};
}

/// What a read under way will bring is on its way as well.
bool replicator::window_open(const session& s) const {
  return s.in_flight + (s.loading ? settings_.load_bytes : 0) < s.window;
}

/// New ranges to all who stand at the same place: encoded once, whatever their number.
void replicator::pump_all() {
  if (kept_.resync && !resync_compared_)
    return; // what is here may have been deleted
  std::map<std::pair<stream_id, uint64_t>, std::vector<device_id>> level;
  relays_ = false;
  for (auto& [peer, s] : sessions_) {
    for (auto& [stream, cursor] : s.cursors)
      relays_ = relays_ || stream.origin != settings_.self;
    if (s.state != session_state::live)
      continue;
    for (auto& [stream, cursor] : s.cursors)
      if (cursor.sent < seq_of(held_, stream) && window_open(s) && !cursor.end)
        level[{stream, cursor.sent}].push_back(peer);
  }
  for (auto& [place, peers] : level) {
    if (peers.size() < 2)
      continue;
    auto r = from_ring(place.first, place.second);
    if (!r)
      continue;
    std::erase_if(peers, [&](const device_id& peer) { // the stream before took what was left
      return !window_open(sessions_[peer]);
    });
    for (const auto& peer : peers)
      sessions_[peer].cursors[place.first].sent = r->all.to;
    if (!peers.empty())
      send_live(peers, std::move(*r));
  }
  for (auto& [peer, s] : sessions_)
    pump(peer, s);
}

void replicator::pump(const device_id& peer, session& s) {
  if (s.state != session_state::live || (kept_.resync && !resync_compared_))
    return;
  // Own streams first, then those it follows.
  for (const bool own : {true, false}) {
    for (auto it = s.cursors.begin(); it != s.cursors.end();) {
      const auto& stream = it->first;
      auto& cursor = it->second;
      if ((stream.origin == settings_.self) != own) {
        ++it;
        continue;
      }
      const auto last = cursor.end.value_or(seq_of(held_, stream));
      while (cursor.sent < last && window_open(s)) {
        if (auto r = from_ring(stream, cursor.sent)) {
          cursor.sent = r->all.to;
          send_live({peer}, std::move(*r));
          continue;
        }
        if (!s.loading) {
          s.loading = true;
          out_.push_back(load{peer, stream, cursor.sent, settings_.load_bytes, settings_.page_ops});
        }
        break;
      }
      it = cursor.end && cursor.sent >= *cursor.end ? s.cursors.erase(it) : std::next(it);
    }
  }
}

void replicator::on(loaded& e) {
  const auto it = sessions_.find(e.peer);
  if (it == sessions_.end())
    return;
  auto& s = it->second;
  const bool standing = !e.parts.empty() && e.parts.front().repair;
  const bool reminder = standing && s.reminding && s.reminders.front().stream == e.stream
                        && s.reminders.front().from == e.from;
  if (reminder) {
    s.reminding = false;
    s.reminders.pop_front();
  } else {
    s.mending = s.mending && !standing && !e.parts.empty();
  }
  if (!e.failed && standing) { // asked for as such, sent as it is
    for (auto& part : e.parts) {
      if (reminder && !s.mending) { // it lacks nothing but that
        part.until.clear();
        part.unmerged.clear();
      }
      part.compressed = compresses(s, part);
      s.in_flight += cost_of(part);
      out_.push_back(
          send{{e.peer}, range_message{message_kind::shared_change_response, std::move(part)}});
    }
    remind(e.peer, s);
    return;
  }
  s.loading = false;
  if (!e.failed && e.from < e.deletes_from && !s.filling && !s.compares && !s.below_horizon) {
    // Forgotten since its Hello: by its statement from before a restore it held the delete.
    auto horizon = kept_.deletes_from;
    merge(horizon, {{e.stream, e.deletes_from}});
    s.below_horizon = true;
    s.cursors.clear();
    s.following.clear();
    demand_comparison(e.peer, std::move(horizon));
    return;
  }
  const auto cursor = s.cursors.find(e.stream);
  if (!e.failed && s.state == session_state::live && cursor != s.cursors.end()
      && cursor->second.sent == e.from && !e.parts.empty()) {
    cursor->second.sent = e.parts.front().to;
    for (auto& part : e.parts)
      send_loaded(e.peer, std::move(part));
  }
  if (e.failed)
    return close(e.peer, "reading the store failed");
  pump(e.peer, s);
}

} // namespace shoal::protocol
