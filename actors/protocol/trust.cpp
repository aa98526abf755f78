// What a peer says and asks, held to what can be true and to what this node can keep. A member may
// be broken or hostile: what it says of itself cannot be checked, but it must not fill this node's
// memory, stop it from speaking to others, or have it drop what it holds where
// nothing shows that it lost something (session.cpp, Hello).

#include "actors/protocol/replicator.hpp"

namespace shoal::protocol {

namespace {

/// An origin adds an epoch with each start that writes. All of a frontier goes into one frame.
constexpr size_t epochs_of_one_origin = 16'384;
constexpr size_t streams_taken = wire_limits::streams / 4 * 3;
/// Encoded; frontier and statements share the frame.
constexpr size_t member_set_bytes = size_t{512} << 10;
/// Of one peer, on their way to the store. A sender overshoots its window by a range at most, and
/// may be mending an interval, or reminding of what was lost, too.
constexpr uint64_t unstored_bytes = wire_limits::window_bytes + 2 * wire_limits::range_bytes;
/// Changes of the member set by one peer: heartbeats find what comes faster.
constexpr uint64_t members_every_us = 50'000;
constexpr uint64_t members_at_once = 32;

} // namespace

/// Takes over what the peer says it holds. False: it cannot be, and the link is closed.
bool replicator::believes(const device_id& peer, const frontier& said) {
  const stream_id own{settings_.self, own_epoch_};
  // Nobody else makes ops of this epoch, and nobody hears of one before it is in `held_`.
  if (const auto made = seq_of(held_, own); own_epoch_ != 0 && seq_of(said, own) > made) {
    close(peer,
          "it claims op " + std::to_string(seq_of(said, own)) + " of this device's epoch, in which "
              + std::to_string(made) + " were made",
          blame::hearsay); // another member may have made them up
    return false;
  }
  auto& known = announced_[peer];
  if (known.size() + said.size() > wire_limits::streams) {
    auto all = known;
    merge(all, said);
    if (all.size() > wire_limits::streams) {
      close(peer, "it claims more than " + std::to_string(wire_limits::streams) + " streams",
            blame::breach);
      return false;
    }
  }
  merge(known, said);
  return true;
}

/// Hands the member set that a peer told of to the store. False: the link is closed, for the set
/// could not be passed on.
bool replicator::takes_members(const device_id& peer, const member_set& told) {
  auto now = members_;
  if (!merge(now, told))
    return true;
  auto all = told_members_; // the store may lose a group, so it decides nothing but the size
  merge(all, told);
  std::string raw;
  writer w(raw);
  encode(w, all);
  if (all.size() > wire_limits::members || raw.size() > member_set_bytes) {
    close(peer,
          "with it the member set has " + std::to_string(all.size()) + " entries and "
              + std::to_string(raw.size()) + " bytes; " + std::to_string(wire_limits::members)
              + " and " + std::to_string(member_set_bytes) + " would do",
          blame::hearsay);
    return false;
  }
  if (!member_paces_[peer].permits(now_us_, members_every_us, members_at_once))
    return true;
  told_members_ = std::move(all);
  out_.push_back(fold_members{told});
  return true;
}

/// Whether there is room for the stream among those that this node keeps; else the link is closed.
bool replicator::takes_stream(const device_id& peer, const stream_id& stream) {
  if (submitted_.contains(stream))
    return true;
  size_t epochs = 0;
  for (auto it = submitted_.lower_bound({stream.origin, 0});
       it != submitted_.end() && it->first.origin == stream.origin; ++it)
    ++epochs;
  if (epochs < epochs_of_one_origin && submitted_.size() < streams_taken)
    return true;
  close(peer,
        "it sends stream " + to_string(stream) + ", of whose origin " + std::to_string(epochs)
            + " are here; more than " + std::to_string(epochs_of_one_origin) + ", or "
            + std::to_string(streams_taken) + " of all, are not kept",
        stream.origin == peer ? blame::breach : blame::hearsay);
  return false;
}

/// Counts what goes to the store in a peer's name, whatever session it came in: a new connection
/// begins with a whole window. False: it must be asked for again.
bool replicator::takes_bytes(const device_id& peer, uint64_t cost) {
  auto& waiting = unstored_[peer];
  if (waiting + cost > unstored_bytes)
    return false;
  waiting += cost;
  return true;
}

/// What this device signed cannot be forged: if it says more than is held, the store is an older
/// copy, and a peer may well have forgotten deletes that are missing here. Without such a proof no
/// peer can have: it forgets only what every member has signed for.
void replicator::note_own_word(const statement& said) {
  if (restored_ || said.member != settings_.self)
    return;
  const auto once = unfold(said.held, held_);
  if ((!once.whole || !covers(held_, once.held)) && settings_.is_own_word
      && settings_.is_own_word(said))
    restored_ = true;
}

} // namespace shoal::protocol
