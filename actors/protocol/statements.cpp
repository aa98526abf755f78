// Statements and pruning: a shared op leaves the log when every member's statement, under one
// member set, covers it. A member that was never heard of counts as zero.

#include "actors/protocol/replicator.hpp"

#include <algorithm>

namespace shoal::protocol {

void replicator::consider_statement() {
  constexpr uint64_t give_up_us =
      5'000'000; // the store was not settled any more when it was to make one
  if (statement_pending_ && now_us_ - last_statement_us_ < give_up_us)
    return;
  if (!opened_ || !settled_ || !is_member(members_, settings_.self))
    return;
  const auto membership = membership_hash(members_);
  if (stated_ == held_ && stated_membership_ == membership)
    return;
  if (last_statement_us_ != 0 && now_us_ - last_statement_us_ < settings_.prune_us)
    return;
  last_statement_us_ = now_us_;
  statement_pending_ = true;
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

std::optional<frontier> replicator::stable() const {
  // From what is held, not from the own statement: before a restore it may have said more, and what
  // comes back would enter the log below what was pruned.
  std::optional<frontier> out = held_;
  const auto membership = membership_hash(members_);
  for (const auto& [device, m] : members_) {
    if (m.removed)
      continue;
    const auto it = statements_.find(device);
    if (it == statements_.end() || it->second.membership != membership)
      return std::nullopt;
    out = minimum(*out, it->second.held);
  }
  return out;
}

std::vector<device_id> replicator::holding_back() const {
  std::vector<device_id> out;
  const auto membership = membership_hash(members_);
  for (const auto& [device, m] : members_) {
    if (m.removed)
      continue;
    const auto it = statements_.find(device);
    if (it == statements_.end() || it->second.membership != membership
        || !covers(it->second.held, held_))
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

} // namespace shoal::protocol
