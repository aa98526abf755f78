// Statements and pruning: a shared op leaves the log when every member's statement, under one
// member set, covers it. A member that was never heard of counts as zero.

#include "actors/protocol/replicator.hpp"

#include <algorithm>

namespace shoal::protocol {

/// What this node holds is what it has merged, and somebody counts its word.
bool replicator::may_state() const {
  return opened_ && settled_ && is_member(members_, settings_.self);
}

/// At most this often. In a mesh all nodes together make as many, however many they are; where
/// links are few, statements alone tell who holds what, and go over each link once.
uint64_t replicator::statement_every_us() const {
  constexpr uint64_t mesh_max = 60; // so many times as long as in a mesh of ten
  const auto pace = crowd_of_peers() == 1 ? crowd() : std::min(crowd() * crowd(), mesh_max);
  return settings_.prune_us * std::max(pace, crowd());
}

void replicator::consider_statement() {
  constexpr uint64_t give_up_us =
      5'000'000; // the store was not settled any more when it was to make one
  if (statement_pending_ && now_us_ - last_statement_us_ < give_up_us)
    return;
  if (!may_state())
    return;
  const auto membership = hash_of_membership();
  if (stated_ == held_ && stated_quarantine_ == quarantine_ && stated_membership_ == membership)
    return;
  // Other members void what all have said.
  const auto every =
      stated_membership_ == membership ? statement_every_us() : settings_.prune_us * crowd();
  if (crowd() > 1) {
    // One write gives all nodes cause for a statement at one moment, and each goes to all: in a
    // large mesh each node chooses a moment of its own.
    statement_due_us_ = std::min(statement_due_us_, now_us_ + every * 5 / 4); // of a larger one
    if (statement_due_us_ == 0)
      statement_due_us_ =
          std::max(now_us_, last_statement_us_ + every * 3 / 4) + random() % (every / 2);
    if (now_us_ < statement_due_us_)
      return;
    statement_due_us_ = 0;
  } else {
    statement_due_us_ = 0;
    if (last_statement_us_ != 0 && now_us_ - last_statement_us_ < every)
      return;
  }
  last_statement_us_ = now_us_;
  statement_pending_ = true;
  asked_ = held_;
  asked_quarantine_ = quarantine_;
  out_.push_back(make_statement{});
}

/// To everyone linked if it is this node's own; another member's to those who follow that member
/// through this node, for they have no link to it. Heartbeats find what this misses.
void replicator::spread(const statement& st, const std::optional<device_id>& from) {
  std::vector<device_id> to;
  for (const auto& [peer, s] : sessions_)
    if (s.state == session_state::live && peer != st.member && peer != from
        && (st.member == settings_.self || s.following.contains(st.member)))
      to.push_back(peer);
  if (!to.empty())
    out_.push_back(send{std::move(to), st});
}

void replicator::note_said(const statement& st) {
  auto said = unfold(st.held, held_);
  said_[st.member] = std::move(said.held);
  if (said.whole)
    said_more_.erase(st.member);
  else
    said_more_.insert(st.member);
}

/// Of a member whose statement is kept; never more than it said.
const frontier* replicator::said_by(const device_id& member) const {
  const auto it = said_.find(member);
  return it == said_.end() ? nullptr : &it->second;
}

/// An epoch has ended when its device is in a later one. Once all members hold it to its end, it
/// needs no line of its own in what is said again and again.
void replicator::consider_ended() {
  if (!settled_ || kept_.filling || kept_.resync)
    return;
  const auto covered = stable();
  if (!covered)
    return;
  keep_state k;
  for (auto it = held_.begin(); it != held_.end();) {
    const auto origin = it->first.origin;
    bool all = true;
    uint64_t newest = 0;
    for (; it != held_.end() && it->first.origin == origin; ++it) {
      all = all && (newest == 0 || covered->contains({origin, newest}))
            && (newest == 0 || covered->at({origin, newest}) == held_.at({origin, newest}));
      newest = it->first.epoch;
    }
    const auto known = kept_.ended.find(origin);
    if (all && newest != 0 && (known == kept_.ended.end() || known->second < newest)
        && newest != held_.lower_bound({origin, 0})->first.epoch)
      k.ended[origin] = newest;
  }
  if (k.ended.empty())
    return;
  for (const auto& [origin, epoch] : k.ended)
    kept_.ended[origin] = epoch;
  out_.push_back(std::move(k));
}

std::optional<frontier> replicator::covered_by_all(bool passed_over_too) const {
  // From what is held, not from the own statement: before a restore it may have said more, and what
  // comes back would enter the log below what was pruned.
  std::optional<frontier> out = held_;
  const auto membership = hash_of_membership();
  for (const auto& [device, m] : members_) {
    if (m.removed || (!passed_over_too && kept_.passed_over.contains(device)))
      continue;
    const auto it = statements_.find(device);
    if (it == statements_.end() || it->second.membership != membership)
      return std::nullopt;
    out = minimum(std::move(*out), *said_by(device));
  }
  return out;
}

std::optional<frontier> replicator::stable() const { return covered_by_all(false); }

std::vector<device_id> replicator::holding_back() const {
  std::vector<device_id> out;
  const auto membership = hash_of_membership();
  for (const auto& [device, m] : members_) {
    if (m.removed)
      continue;
    const auto it = statements_.find(device);
    if (it == statements_.end() || it->second.membership != membership
        || !covers(*said_by(device), held_))
      out.push_back(device);
  }
  return out;
}

void replicator::consider_prune() {
  if (log_entries_ == 0)
    return;
  auto covered = stable();
  if (!covered || *covered == pruned_)
    return;
  pruned_ = *covered;
  out_.push_back(prune{std::move(*covered)});
}

/// Delete marks, removed dots and cleared fields go by two rounds: first every member's statement
/// covers them; then every member's covers all that any member had said by then, for an op that was
/// made before its author knew of the delete is among that.
void replicator::consider_marks() {
  constexpr uint64_t at_least_every_us = 60'000'000; // they also wait for their age
  if (!settled_ || kept_.resync || kept_.filling)
    return;
  // Members that are passed over too: their unsent writes may be older than any delete, and would
  // stand on nodes that forgot it and not on the others.
  auto covered = covered_by_all(true);
  const auto membership = hash_of_membership();
  // Of a statement that does not unfold here nobody knows all that it said.
  const bool more = std::any_of(said_more_.begin(), said_more_.end(),
                                [&](const auto& member) { return is_member(members_, member); });
  if (!covered || more) {
    round_.reset();
    return;
  }
  if (round_ && round_->membership != membership)
    round_.reset();
  if (round_ && covers(*covered, round_->level)) {
    const bool moved = round_->stable != marks_pruned_;
    const auto waited = now_us_ - marks_pruned_us_;
    if ((moved && waited >= settings_.prune_us) || waited >= at_least_every_us) {
      marks_pruned_ = round_->stable;
      marks_pruned_us_ = now_us_;
      out_.push_back(prune_marks{round_->stable});
    }
    if (*covered != round_->stable)
      round_.reset();
  }
  if (!round_) {
    stability_round r{*covered, held_, membership};
    for (const auto& [device, m] : members_)
      if (const auto st = statements_.find(device); !m.removed && st != statements_.end())
        merge(r.level, *said_by(device));
    round_ = std::move(r);
  }
}

/// The log may not grow for ever because of one device in a drawer: a member that was not linked
/// for a while is passed over, durably and for all to see, before anything is removed without its
/// word.
void replicator::consider_retention() {
  if (!opened_ || kept_.resync)
    return;
  const auto& passed = kept_.passed_over;
  for (const auto& [device, since] : passed) {
    const auto st = statements_.find(device);
    const bool heard = st != statements_.end() && st->second.membership == hash_of_membership()
                       && covers(*said_by(device), pruned_);
    const auto s = sessions_.find(device);
    const bool linked = s != sessions_.end() && s->second.state == session_state::live;
    if (!is_member(members_, device) || (heard && linked)) {
      keep_state k;
      k.passed_over = {device, 0};
      out_.push_back(std::move(k));
      return; // the rest when that is durable
    }
  }
  const bool too_many = log_entries_ > settings_.max_log_entries;
  const bool too_old = oldest_log_ms_ != 0 && wall_ms_ > oldest_log_ms_
                       && wall_ms_ - oldest_log_ms_ > settings_.max_log_age_ms;
  if (!too_many && !too_old)
    return;
  for (const auto& device : holding_back()) {
    const auto s = sessions_.find(device);
    if (device == settings_.self || passed.contains(device)
        || (s != sessions_.end() && s->second.state == session_state::live))
      continue;
    // Linked to this node, or speaking through another.
    const auto since = last_sign_us_.find(device);
    const auto from = since == last_sign_us_.end() ? started_us_ : since->second;
    if (now_us_ - from < std::max(settings_.passed_over_after_us, 3 * statement_every_us()))
      continue;
    keep_state k;
    k.passed_over = {device, std::max<uint64_t>(1, wall_ms_)};
    out_.push_back(std::move(k));
    return;
  }
}

} // namespace shoal::protocol
