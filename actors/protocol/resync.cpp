// The horizon of deletes: a node that lacks deletes which its peer has forgotten must compare all
// it held with that peer and drop what the peer no longer has. Until that is done it takes from
// nobody else, since another one may be as stale as itself, and serves nobody.

#include "actors/protocol/replicator.hpp"

#include <algorithm>

namespace shoal::protocol {

/// At a peer's Hello: can this node tell it all it lacks?
void replicator::check_horizon(const device_id& peer, session& s) {
  if (kept_.filling && !s.deletes_from.empty()) {
    // An old copy of a node that was being filled: what it held then may have been deleted since,
    // and its digest does not show what is left of a record that nobody sees.
    if (!s.filling && !kept_.resync && !held_.empty() && !covers(held_, s.deletes_from)
        && !covers(kept_.deletes_from, s.deletes_from))
      return start_resync(peer, s.deletes_from);
    // What a source has forgotten, whoever is filled from it never hears.
    keep_state k;
    k.deletes_from = s.deletes_from;
    out_.push_back(std::move(k));
  }
  if (kept_.filling || s.filling || covers(announced_[peer], kept_.deletes_from))
    return;
  s.below_horizon = true;
  demand_comparison(peer, kept_.deletes_from);
}

/// What the peer once said of itself goes along: it may not have heard that yet.
void replicator::demand_comparison(const device_id& peer, frontier deletes_from) {
  snapshot_required m{std::move(deletes_from)};
  if (const auto said = statements_.find(peer); said != statements_.end())
    m.said = said->second;
  out_.push_back(send{{peer}, std::move(m)});
}

void replicator::on_message(session& s, received& e, snapshot_required& m) {
  s.demanded = std::move(m.deletes_from);
  if (m.said && permits_statement(settings_.self))
    note_own_word(*m.said);
  // What it lacked came from another peer meanwhile; or it lacks nothing that a peer can have
  // forgotten, and drops nothing on that peer's word.
  if (covers(held_, *s.demanded) || !restored_)
    return request(e.peer, e.peer, true);
  choose_resync_peer();
}

void replicator::start_resync(const device_id& peer, frontier deletes_from) {
  resync_peer_ = peer;
  resync_compared_ = false;
  // Also what is on its way to the store: it came before there was a reason to refuse it.
  if (!kept_.resync)
    begin_resync({submitted_, {}, std::move(deletes_from), {}});
  to_compare_.clear();
  while (!comparisons_.empty())
    end_comparison(comparisons_.begin()->first, false);
  feeders_.clear();
  resync_goal_.clear();
  if (!kept_.resync->owner)
    resync_goal_ = announced_[peer];
  compare_with(peer, comparison_goal::adopt);
}

void replicator::begin_resync(resync_state state) {
  kept_.resync = std::move(state);
  keep_state k;
  k.change_resync = true;
  k.resync = kept_.resync;
  out_.push_back(std::move(k));
}

void replicator::choose_resync_peer() {
  if (resync_peer_ || (!kept_.resync && !restored_))
    return;
  if (kept_.resync && kept_.resync->owner)
    return choose_source({});
  for (const auto& [peer, s] : sessions_) {
    if (s.state != session_state::live || s.filling || distrusts(peer))
      continue;
    if (kept_.resync) {
      if (covers(announced_[peer], kept_.resync->deletes_from))
        return start_resync(peer, {});
    } else if (restored_ && s.demanded && !covers(held_, *s.demanded)) {
      return start_resync(peer, *s.demanded);
    }
  }
}

/// Done once everything is compared, and nothing of what the peer had forgotten is missing, nor of
/// what that took: an op that a forgotten delete covers may still be told from another's log.
void replicator::finish_resync() {
  if (!kept_.resync || !resync_compared_ || !covers(held_, kept_.resync->deletes_from)
      || !covers(held_, resync_goal_))
    return;
  keep_state k;
  k.change_resync = true;
  k.deletes_from = kept_.resync->deletes_from;
  kept_.resync.reset();
  resync_peer_.reset();
  resync_compared_ = false;
  out_.push_back(std::move(k));
  feeders_.clear();
  // What the others pushed meanwhile was refused.
  for (auto& [peer, s] : sessions_)
    if (s.state == session_state::live)
      request(peer, peer, true);
  choose_resync_peer(); // another one may have forgotten more
  choose_feeders();
  pump_all();
}

bool replicator::takes_from(const device_id& peer) const {
  if (kept_.resync)
    return resync_compared_ && peer == resync_peer_;
  const auto s = sessions_.find(peer);
  return s != sessions_.end() && !s->second.below_horizon;
}

/// A peer has the same digest at the same frontier: from now on this node's word counts.
void replicator::consider_filled() {
  if (!kept_.filling)
    return;
  kept_.filling = false;
  changed_us_ = now_us_; // peers are told
  stated_.clear();       // from now on it may sign for its records
  keep_state k;
  k.filled = true;
  out_.push_back(std::move(k));
}

std::optional<replicator::backfill> replicator::filling_from() const {
  backfill out;
  if (kept_.resync) {
    if (!resync_peer_)
      return std::nullopt;
    out.peer = *resync_peer_;
    double done = 0;
    double all = 0;
    const auto c = comparisons_.find(out.peer);
    for (const auto& [stream, seq] : kept_.resync->base) {
      all += static_cast<double>(seq);
      const bool now = c != comparisons_.end() && c->second.now == stream;
      done += static_cast<double>(now ? c->second.at : seq_of(kept_.resync->compared, stream));
    }
    out.progress = all > 0 ? done / all : 1;
  } else {
    uint64_t most = 0;
    for (const auto& [peer, s] : sessions_)
      if (kept_.filling && s.state == session_state::live && !s.filling && s.records >= most
          && !covers(held_, s.at_hello)) {
        most = s.records;
        out.peer = peer;
      }
    if (out.peer.is_nil())
      return std::nullopt;
    out.progress = most == 0 ? 0 : static_cast<double>(records_) / static_cast<double>(most);
  }
  out.progress = std::clamp(out.progress, 0.0, 1.0);
  if (fill_since_us_ != 0 && out.progress > fill_from_ && now_us_ > fill_since_us_) {
    const auto rate = (out.progress - fill_from_) / static_cast<double>(now_us_ - fill_since_us_);
    out.eta_us = static_cast<uint64_t>((1 - out.progress) / rate);
  }
  return out;
}

} // namespace shoal::protocol
