// Streams of which the store takes no more for now: it holds as many ops of their origin as it may
// that are stamped too far ahead. They stay with their senders; nothing of them is acknowledged.

#include "actors/protocol/replicator.hpp"

#include <algorithm>

namespace shoal::protocol {

void replicator::note_no_room(const stream_id& stream) {
  const auto [it, fresh] = full_.try_emplace(stream.origin);
  auto& f = it->second;
  if (fresh)
    f.retry = fresh_backoff();
  f.streams.insert(stream);
  if (!fresh && !f.trying)
    return; // it was on its way together with the first
  f.trying = false;
  f.tried_us = now_us_;
  f.retry.failed(now_us_, random());
}

/// A range of the stream was applied.
void replicator::note_room(const stream_id& stream) {
  const auto it = full_.find(stream.origin);
  if (it == full_.end())
    return;
  it->second.streams.erase(stream);
  if (it->second.streams.empty())
    full_.erase(it);
}

bool replicator::is_full(const stream_id& stream) const {
  const auto it = full_.find(stream.origin);
  return it != full_.end() && !it->second.trying && it->second.streams.contains(stream);
}

/// One member's wrong clock must not keep a node from being ready: what it wrote since would not
/// show here anyway.
bool replicator::has_all_but_full(const frontier& f) const {
  return std::all_of(f.begin(), f.end(), [&](const auto& one) {
    const auto it = full_.find(one.first.origin);
    return seq_of(held_, one.first) >= one.second
           || (it != full_.end() && it->second.streams.contains(one.first));
  });
}

/// Ops that nobody who is linked holds any more are not waited for.
void replicator::try_full() {
  const auto gone = [&](const stream_id& stream) {
    return std::none_of(sessions_.begin(), sessions_.end(), [&](const auto& s) {
      const auto known = announced_.find(s.first);
      return known != announced_.end() && seq_of(known->second, stream) > seq_of(held_, stream);
    });
  };
  for (auto& [origin, f] : full_)
    std::erase_if(f.streams, gone);
  std::erase_if(full_, [](const auto& f) { return f.second.streams.empty(); });
  for (auto& [origin, f] : full_) {
    const bool again =
        f.retry.due(now_us_) || (f.room && now_us_ - f.tried_us >= settings_.exchange_every_us);
    const auto feeder = feeders_.find(origin);
    const auto peer = feeder == feeders_.end() ? origin : feeder->second;
    const auto s = sessions_.find(peer);
    if (f.trying || !again || s == sessions_.end() || s->second.state != session_state::live)
      continue;
    f.trying = true;
    f.room = false;
    f.tried_us = now_us_;
    request(peer, origin, true);
  }
}

} // namespace shoal::protocol
