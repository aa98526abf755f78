#pragma once
// What a node durably holds: per (origin, epoch) the highest seq up to which nothing is missing.

#include "messages/ids.hpp"
#include "messages/reader.hpp"
#include "messages/writer.hpp"

#include <boost/container/flat_map.hpp>
#include <map>

namespace shoal {

/// (origin, epoch) → seq. A stream that is absent counts as 0. In one piece of memory, for it is
/// copied and walked far more often than a stream is added: whatever adds or removes one ends all
/// iterators and references.
using frontier = boost::container::flat_map<stream_id, uint64_t>;

uint64_t seq_of(const frontier& f, const stream_id& s);

/// Looks up many streams that ascend, each at most once: one walk through the frontier. As a rule
/// two frontiers that are compared have the same streams, and a look costs one comparison.
class frontier_walk {
public:
  /// `f` must outlive the walk and stay as it is.
  explicit frontier_walk(const frontier& f) : at_(f.begin()), end_(f.end()) {}
  /// The entry of `s`, if there is one; it stays valid as long as the frontier.
  const frontier::value_type* find(const stream_id& s) {
    if (at_ == end_ || at_->first != s) {
      while (at_ != end_ && at_->first < s)
        ++at_;
      if (at_ == end_ || at_->first != s)
        return nullptr;
    }
    return &*at_++;
  }
  uint64_t seq_of(const stream_id& s) {
    const auto* entry = find(s);
    return entry ? entry->second : 0;
  }

private:
  frontier::const_iterator at_, end_;
};

/// Raises `into` to the element-wise maximum.
void merge(frontier& into, const frontier& other);
/// Removes the entries of 0.
void drop_absent(frontier& f);
/// True when `a` is at least `b` in every stream.
bool covers(const frontier& a, const frontier& b);
/// Element-wise minimum; a stream absent from either is absent.
frontier minimum(frontier a, const frontier& b);

/// Wire form: an array of [origin, epoch, seq], in stream order.
void encode(writer& out, const frontier& f);
frontier read_frontier(reader& in);

/// Epochs of one origin that have ended: whoever holds the same ones needs no more than this.
struct ended_epochs {
  uint64_t before = 0; // all below this one
  uint64_t count = 0;
  uint64_t hash = 0; // of their wire form
  auto operator<=>(const ended_epochs&) const = default;
};
/// A frontier as statements and tokens carry it: a device adds an epoch with every start, so that
/// they would grow for ever. Epochs of one device grow with time; see next_epoch.
struct folded_frontier {
  frontier open;
  std::map<device_id, ended_epochs> ended;
  std::strong_ordering operator<=>(const folded_frontier&) const = default;
};
/// `before`: origin → its first epoch that stays open.
folded_frontier fold(const frontier& f, const std::map<device_id, uint64_t>& before);
struct unfolded {
  frontier held;     // what is certain
  bool whole = true; // and is all
};
/// Reads a folded frontier with the help of the one that is held here. Of an origin whose ended
/// epochs differ here, only the open ones count.
unfolded unfold(const folded_frontier& f, const frontier& held);
/// Wire form: as a frontier; the entries of an origin with folded epochs begin with [origin,
/// before, count, hash].
void encode(writer& out, const folded_frontier& f);
folded_frontier read_folded_frontier(reader& in);

/// What a token says.
struct token_contents {
  folded_frontier told;
  /// purge_hash of the node that made it: a purge leaves no deletes behind, so whoever follows
  /// changes must begin anew where more was purged.
  uint64_t purges = 0;
  std::strong_ordering operator<=>(const token_contents&) const = default;
};
/// Opaque to users: url-safe base64 of the wire form, behind a version letter; then the purges,
/// where there were any.
std::string to_token(const folded_frontier& f, uint64_t purges = 0);
result<token_contents> parse_token(std::string_view token);

/// 64-bit FNV-1a of the wire form: equal frontiers have equal hashes.
uint64_t hash_of(const frontier& f);
uint64_t fnv1a(std::string_view bytes);

} // namespace shoal
