#pragma once
// What changed since a frontier, read from rows by their versions: as long as a change can be told
// at all, something of it stands at a seq above the frontier. So the log may have been pruned, any
// node can go on from a frontier that another one named, and what was superseded is not told.

#include "store/record.hpp"
#include "store/sync/by_seq.hpp"

#include <functional>

namespace shoal {

/// How far a view may be followed.
struct change_bounds {
  frontier held;
  /// `held`, short of ops that are held and not merged: what a token may name, once settled.
  frontier merged;
  frontier deletes_from; // who has told less than this may have missed a delete
  /// Raised to `held`, and counted, when records changed below the frontier; see
  /// replica::change_below. Who has told less must begin anew.
  frontier rewritten;
  uint64_t rewrites = 0;
  std::map<device_id, uint64_t> ended; // first epoch of each device that tokens name
  uint64_t purges = 0;                 // purge_hash of the member set
  uint64_t held_back = 0;              // hash of the ops that are held and not merged
  /// The frontier says what the records are.
  bool settled = true;
  /// Records are being compared with a peer, some of them below the frontier.
  bool comparing = false;
};
result<change_bounds> read_change_bounds(const kv_view& view);

/// `told` as a token: epochs are folded where all that ended have been told.
folded_frontier token_frontier(const frontier& told, const change_bounds& bounds);

/// Names the frontier up to which records changed below it, in a batch that did so.
void put_rewritten(kv_transaction& txn, uint64_t number, const frontier& held);
struct rewritten {
  uint64_t number = 0;
  frontier held;
};
result<rewritten> read_rewritten(const kv_view& view);

/// Tells each record of which a version in (from, to] stands, once, as it stands; and those that
/// live or die with such a record. Stream by stream, so parents before children of one device.
/// Holds two frontiers and one path of parents, whatever there is to tell.
class change_scan {
public:
  /// `model`: the only one to tell; empty: all.
  change_scan(std::shared_ptr<const kv_view> view, frontier from, frontier to, std::string model);

  /// Calls `tell` for records, and `enough` after each step, until that says so or all is told;
  /// true in the latter case.
  result<bool> go_on(const std::function<void(const record_view&)>& tell,
                     const std::function<bool()>& enough);
  /// All up to here is told, or still to come under a version above it.
  const frontier& reached() const { return reached_; }
  const frontier& to() const { return to_; }
  /// Goes on in a later view of the same store, so that the older one can go.
  void read_from(std::shared_ptr<const kv_view> later, frontier to);

private:
  struct family_tree {
    record_class cls;
    std::string key;
    std::string last; // child that was looked at
  };
  result<bool> scan_stream(uint64_t to, const std::function<void(const record_view&)>& tell,
                           const std::function<bool()>& enough);
  status look(uint64_t seq, record_class cls, std::string_view raw,
              const std::function<void(const record_view&)>& tell);
  /// One child of the innermost parent.
  status descend(const std::function<void(const record_view&)>& tell);
  bool comes_later(const std::vector<dot>& standing) const;
  bool moves_children(const row& r, const dot& at, record_class cls) const;
  result<bool> has_children(record_class cls, const std::string& key) const;

  std::shared_ptr<const kv_view> view_;
  frontier from_;
  frontier to_;
  frontier reached_;
  std::string model_;
  stream_id stream_;     // being scanned
  uint64_t looking_ = 0; // seq of it whose descendants are being told
  std::vector<family_tree> parents_;
};

} // namespace shoal
