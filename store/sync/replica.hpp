#pragma once
// One library's data on one node: commits local edits, applies covering ranges, keeps frontier,
// log, digest, member set and statements. Deterministic: time and randomness come in, and nothing
// is known of peers or models.
//
// Calls take a transaction and put their writes into it; `seal` adds what all of them share, and
// one synced commit makes the group durable. A call that fails leaves transaction and replica as
// they were. After a failed commit the replica must be thrown away and opened again from the store.
// One caller: the store writer.

#include "messages/members.hpp"
#include "messages/message.hpp"
#include "messages/resync.hpp"
#include "store/edit.hpp"
#include "store/sync/held.hpp"
#include "store/sync/known_names.hpp"
#include "store/sync/kv.hpp"
#include "store/sync/row.hpp"

#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <unordered_set>

namespace shoal {

struct replica_options {
  uint64_t fresh_epoch = 0; // random; used by the first write of this start
  uint64_t max_drift_ms =
      120'000; // shared ops stamped further ahead of the wall are held, not merged
  uint64_t max_quarantined = 10'000;                 // of one origin: more are not taken; see apply
  uint64_t max_record_bytes = wire_limits::op_bytes; // for local writes
  std::string program = {}; // its version: another one tries dead letters again
  // Of the filter of names in memory (known_names.hpp):
  size_t names_known_after = 256;  // new device-owned records before there is one
  size_t names_at_once = 4096;     // taken in between two ops: in about a millisecond
  size_t names_idle_groups = 4096; // in which nobody asks, before it goes
};

struct conflict;

/// A request to write that may come twice.
struct once_key {
  std::string key;
  uint64_t request_hash = 0;
};

/// What a local commit made.
struct committed {
  std::vector<edit_result> results;
  range covered; // the ops, encoded once for all peers; empty when an idempotency key had been used
                 // before
  bool any_owned = false;
  bool any_shared = false;
};

/// What the release of a quarantined op made.
struct recommitted {
  committed made;
  size_t ops = 0;                    // as many were held
  std::vector<std::string> left_out; // MODEL.FIELD of counters
};

enum class applied_as { applied, duplicate, gap, no_room };

/// What the library and its links need to know after each group of writes.
struct replica_summary {
  frontier held;
  bool settled = true;
  uint64_t log_entries = 0;
  uint64_t tombstones = 0;
  uint64_t oldest_log_ms = 0; // stamp of the oldest log entry, as of the last pruning; 0: none
  held_counts held_back;      // what is held but not merged
  uint64_t conflicts = 0;     // recorded so far
  digest_value digest;
  std::map<std::string, int64_t> records; // model → live records
};

class replica {
public:
  /// Reads what is durable. `ec::corrupt` names what does not make sense.
  static result<std::unique_ptr<replica>> open(const kv_view& store, device_id self,
                                               replica_options options);

  /// All edits or none, as one atomic batch. `wall_ms` is the local wall clock. Shared edits are
  /// ec::clock while this node's stamps are further ahead of it than others would merge.
  result<committed> commit(kv_transaction& txn, std::span<const edit> edits, uint64_t wall_ms,
                           const std::optional<once_key>& once = std::nullopt);
  /// Applies all parts of one range at once. A gap and a duplicate change nothing, nor does a range
  /// for which there is no room: with it, more ops of its origin would be quarantined than
  /// max_quarantined, or more than one range has. It stays with its sender.
  result<applied_as> apply(kv_transaction& txn, std::span<const range> parts, uint64_t wall_ms);
  /// Merges up to `max` quarantined ops whose time has come, and further dead letters of a pass
  /// that is under way; an atomic batch is never cut. Returns how many were merged.
  result<uint64_t> release(kv_transaction& txn, uint64_t wall_ms, uint64_t max);
  /// The wall at which `release` has something to do; nothing when no op is quarantined.
  std::optional<uint64_t> next_release_ms() const;
  /// Has `release` try every dead letter again, as after an upgrade.
  void retry_all();
  /// See kv_store::names_are_known.
  bool knows_names() const { return names_.complete(); }
  bool retrying() const { return retry_from_.has_value(); }
  /// Tries one held op now; false: it stays held. ec::not_found.
  result<bool> retry(kv_transaction& txn, const dot& at, uint64_t wall_ms);
  /// Commits what a quarantined op says anew, with a stamp of now, and with it the rest of its
  /// atomic batch. ec::not_found; ec::conflict for what cannot be released.
  result<recommitted> recommit(kv_transaction& txn, const dot& at, uint64_t wall_ms);
  /// Edits to commit behind `release` and `retry`, in the same group: they write back what an op
  /// that had been released would undo.
  result<std::vector<edit>> given_back(kv_transaction& txn);
  /// Leaves a held op out of lists from now on; it is passed on and merged like any other.
  status hide(kv_transaction& txn, const dot& at);
  /// Folds a member set in; true when it changed.
  /// A removal with purge takes the device's own records along.
  result<bool> merge_members(kv_transaction& txn, const member_set& other);
  /// Keeps a member's statement if it is newer than the one held; the caller has checked the
  /// signature.
  bool keep_statement(kv_transaction& txn, const statement& s);
  /// `held`, short of what waits to be merged: what tokens may name.
  frontier merged() const;
  /// This node's next statement, unsigned and not kept; only when settled.
  std::optional<statement> next_statement() const;
  /// Removes up to `max` log entries that `stable` covers; returns how many went.
  result<uint64_t> prune(kv_transaction& txn, const frontier& stable, uint64_t max);
  /// Drops up to `max` delete marks, removed dots and cleared fields that `stable` covers and that
  /// are older than `before_ms`; returns how many went. A delete mark stays while a record hangs on
  /// it that a cascade took: see `buried`.
  result<uint64_t> prune_marks(kv_transaction& txn, const frontier& stable, uint64_t before_ms,
                               size_t max);
  /// Deletes of records that cascades of this device's own stable deletes took, deepest first; once
  /// these are stable as well, all of it goes.
  result<std::vector<edit>> buried(const kv_transaction& txn, const frontier& stable,
                                   uint64_t before_ms, size_t max) const;
  struct repair_outcome {
    uint64_t changed = 0; // versions or records
    /// What hides here some of the shared records that stand at the peer, though the peer has
    /// merged it. Each once.
    std::vector<dot> lost_there;
  };
  /// Merges what stands at a peer in the parts' interval, whatever is held.
  result<repair_outcome> repair(kv_transaction& txn, std::span<const range> parts, repair_goal goal,
                                uint64_t wall_ms);
  /// What of these streams was waited for exists nowhere any more, and all else has been compared.
  void lower_until(kv_transaction& txn, const std::vector<stream_id>& lost);
  /// One that begins with an `owner` drops that device's records.
  status set_resync(kv_transaction& txn, const std::optional<resync_state>& state);
  const std::optional<resync_state>& resync() const { return resync_; }
  /// Takes over a peer's horizon: what it forgot, this node never heard.
  void raise_deletes_from(kv_transaction& txn, const frontier& other);
  /// Up to here deletes have been forgotten: every member had them.
  const frontier& deletes_from() const { return deletes_from_; }
  /// Made empty, and not level with anyone since.
  bool filling() const { return filling_; }
  void set_filled(kv_transaction& txn);
  /// Per origin the first epoch that statements and tokens name: those before have ended, and every
  /// member holds them.
  const std::map<device_id, uint64_t>& ended() const { return ended_; }
  void set_ended(kv_transaction& txn, const std::map<device_id, uint64_t>& before);
  /// Members that retention passed over, since when (wall ms).
  const std::map<device_id, uint64_t>& passed_over() const { return passed_over_; }
  /// Makes indexes, counts and digest anew from the rows. Reads everything: for an operator.
  status reindex(kv_transaction& txn);
  void set_passed_over(kv_transaction& txn, const device_id& member, std::optional<uint64_t> since);
  /// Adds frontier, digest, clock and counts to the group. Call once, before `txn.take()`.
  void seal(kv_transaction& txn);

  const device_id& self() const { return self_; }
  const frontier& held() const { return held_; }
  const frontier& until() const { return until_; }
  /// Nothing that a range read from rows left out is still missing: only now the frontier says what
  /// the records are.
  bool settled() const { return held_counts_.incomplete == 0 && covers(held_, until_) && !resync_; }
  const member_set& members() const { return members_; }
  const std::map<device_id, statement>& statements() const { return statements_; }
  /// A statement of its own showed that this node once held more. Until it has compared what it
  /// holds: the next statement says less, and is no proof any more.
  bool fell_back() const { return fell_back_; }
  /// Devices' signed digests that this group came level with; taken once, after `seal`.
  std::vector<tip_check> take_tips() { return std::exchange(tips_, {}); }
  /// Streams whose log entries below the seq are gone.
  const frontier& log_from() const { return log_from_; }
  replica_summary summary() const;
  hlc last_stamp() const { return clock_.last(); }

private:
  replica(device_id self, replica_options options) : self_(self), options_(options), clock_(self) {}

  // What a failed call puts back.
  struct mark {
    size_t savepoint;
    uint64_t own_seq;
    hlc_clock clock;
    digest_value digest;
    std::map<std::string, int64_t> counts;
    int64_t log_entries;
    int64_t tombstones;
    held_counts held_back;
    size_t quarantine_moves;
    uint64_t next_due_ms;
    size_t owner_moves;
    uint64_t conflict_next;
    uint64_t conflict_oldest;
  };
  mark save(const kv_transaction& txn) const;
  void restore(kv_transaction& txn, mark m);
  /// The same for calls that take ranges in; `undo` answers with why.
  struct range_mark {
    mark all;
    frontier until;
    frontier rows_until;
  };
  range_mark save_ranges(const kv_transaction& txn) const {
    return {save(txn), until_, rows_until_};
  }
  error undo(kv_transaction& txn, range_mark m, const error& why);
  void wait_for(const frontier& until);

  status load(const kv_view& store);
  status load_resync(const kv_view& store); // repair.cpp
  void move_frontier(kv_transaction& txn, const stream_id& stream);
  // commit.cpp
  /// `before`: the record's row as it stands.
  result<op> make_op(kv_transaction& txn, const edit& e, const hlc& stamp, const row& before);
  /// Writes the insert of a record that is not here, of plain values alone: what encode_op() writes
  /// of make_op()'s. `as` has seq, batch_rest and stamp, and becomes the op, of views into `e`.
  status write_fresh(kv_transaction& txn, const edit& e, plain_op& as, std::string& encoded);
  status check_parent(kv_transaction& txn, const edit& e, const field_edit& f, bool fresh);
  field_op make_field(const row& before, const field_edit& f, const hlc& stamp) const;
  result<committed> commit_now(kv_transaction& txn, std::span<const edit> edits, uint64_t wall_ms,
                               size_t& revived);
  // once.cpp
  /// What a request of this key was answered within the last day, if it was; ec::conflict when that
  /// was another request.
  result<std::optional<committed>> answer_again(kv_transaction& txn, const once_key& once,
                                                uint64_t wall_ms) const;
  void keep_answer(kv_transaction& txn, const once_key& once, uint64_t wall_ms,
                   const std::vector<edit_result>& results);
  void forget_once(kv_transaction& txn); // keys of requests beyond those that are kept
  // apply.cpp
  /// `known`: the record's row, when the caller has read it; taken from there.
  status apply_op(kv_transaction& txn, const op& o, const stream_id& stream,
                  std::string_view encoded, bool into_log, row* known = nullptr);
  /// False, and nothing done: the record is here already, or something else needs the whole op.
  /// `absent`: the key of its row, where the caller has looked and found none.
  result<bool> apply_plain(kv_transaction& txn, const plain_op& o, const stream_id& stream,
                           bool into_log, std::optional<std::string> absent = std::nullopt);
  /// Applies the first `count` of `run` in their order: plain inserts of one class, none of which
  /// must wait. Which of the records are here is asked for all at once.
  status apply_run(kv_transaction& txn, std::vector<plain_op>& run, size_t count,
                   const stream_id& stream, bool into_log);
  result<std::vector<bool>> find_absent(kv_transaction& txn, record_class cls,
                                        const std::vector<std::string>& keys);
  void use_names(kv_transaction& txn, size_t asked);
  void seal_names(kv_transaction& txn);
  result<std::optional<std::string>> find_own(kv_transaction& txn, const edit& e,
                                              const std::string& key);
  status write_row(kv_transaction& txn, record_class cls, const std::string& key, const row& before,
                   row& after);
  /// For a row that lost versions: their index entries go, and the row itself when it is empty.
  status shrink_row(kv_transaction& txn, record_class cls, const std::string& key,
                    const row& before, row& after);
  // prune.cpp
  status load_oldest(const kv_view& view);
  result<bool> has_buried(const kv_view& view, record_class cls, const std::string& key,
                          const version& removed) const;
  // quarantine.cpp, half_batches.cpp
  bool too_far_ahead(const hlc& stamp, uint64_t wall_ms) const;
  bool has_room(std::span<const range> parts, uint64_t wall_ms) const;
  /// Whether an op without a fault is held.
  bool must_wait(record_class cls, const hlc& stamp, const stream_id& stream,
                 uint64_t wall_ms) const;
  static uint64_t hash_of_name(const dot& at);
  uint64_t hash_of_held(const held_op& h) const;
  /// True when the op is held instead of merged.
  bool hold_back(kv_transaction& txn, const ranged_op& o, const range& part, uint64_t wall_ms);
  status mark_halves(kv_transaction& txn, std::span<const range> parts,
                     const std::vector<dot>& waiting);
  result<bool> is_set_aside(const kv_view& view, const ranged_op& o, const stream_id& stream,
                            uint64_t wall_ms) const;
  status mark_half(kv_transaction& txn, const dot& at);
  status mark_rest(kv_transaction& txn, const stream_id& stream, uint64_t last);
  status mark_unread_batches(kv_transaction& txn, const op& o, const stream_id& stream);
  status heed_until(kv_transaction& txn, const frontier& until);
  status heed_rows(kv_transaction& txn, const range& last);
  void hold(kv_transaction& txn, held_op h);
  void let_go(kv_transaction& txn, const held_op& h);
  result<bool> merge_held(kv_transaction& txn, const dot& at, uint64_t wall_ms);
  result<uint64_t> retry_some(kv_transaction& txn, uint64_t wall_ms, uint64_t max);
  // repair.cpp
  result<bool> is_own_and_here(const kv_view& view, const op& theirs,
                               const stream_id& stream) const;
  static std::vector<version> masks_over(const row& mine, const op& theirs, const version& at,
                                         const range& last);
  status heed_masks(kv_transaction& txn, const op& theirs, const stream_id& stream,
                    const range& last, bool adopt, std::set<dot>& lost_there);
  // tips.cpp
  status load_owner_digests(const kv_view& store);
  void move_owner_digest(const device_id& owner, const digest_value& before,
                         const digest_value& after);
  void seal_owner_digests(kv_transaction& txn);
  /// For `seal`: unless the last group that had it left the same. Who writes such a key elsewhere
  /// takes it out of sealed_.
  void put_if_new(kv_transaction& txn, family f, std::string key, std::string value);
  std::string own_tip() const;
  /// Where this node holds exactly what `owner` signed for: are the rows what it signed?
  void check_tip(const device_id& owner);
  /// With the next group that leaves this node settled.
  void check_all_tips();
  status load_held(const kv_view& store);
  void move_quarantined(const dot& at, bool in);
  status find_next_due(const kv_view& view);
  // recommit.cpp
  status remember_released(kv_transaction& txn, const held_op& h, const op& o, uint64_t wall_ms);
  void observe(record_class cls, const hlc& stamp, uint64_t wall_ms);
  hlc next_stamp(record_class cls, uint64_t wall_ms);
  // conflict_watch.cpp
  /// Compares an op of another node with what stands before it merges.
  status watch_conflicts(kv_transaction& txn, const std::string& row_key, const row& before,
                         const op& o);
  status compare_field(kv_transaction& txn, const std::string& row_key, const op& o,
                       const field_name& field, const std::string* key, const lww_state& stands,
                       std::string_view value, const previous& prev);
  void compare_delete(kv_transaction& txn, const std::string& row_key, const row& before,
                      const op& o);
  status compare_masked(kv_transaction& txn, const std::string& row_key, const version& removed,
                        const op& o);
  void record_conflict(kv_transaction& txn, const std::string& row_key, conflict c);
  status resolve_conflicts(kv_transaction& txn, const std::string& row_key, const op& o);
  status load_conflicts(const kv_view& store);
  // purge.cpp
  bool is_purged(const device_id& owner) const;
  status drop_owned(kv_transaction& txn, const device_id& owner);
  /// Records changed at versions that the frontier covers already: who follows changes by frontier
  /// would not see it, and is told to begin anew.
  status change_below(kv_transaction& txn) const;
  // local.cpp
  status load_local(const kv_view& store);
  status keep_local(kv_transaction& txn, const edit& e, const std::string& row_key);
  void drop_local(kv_transaction& txn, record_class cls, std::string_view row_key,
                  const row& before, const row& after);
  // cascade.cpp
  result<bool> is_visible(kv_transaction& txn, record_class cls, std::string_view key,
                          const row& r);
  /// As far as the parents go.
  result<bool> parents_live(kv_transaction& txn, record_class cls, std::string_view key,
                            std::span<const parent_ref> named);
  /// A record that was not here is: looks at the children that waited for it.
  status new_to_children(kv_transaction& txn, record_class cls, const std::string& key,
                         bool visible);
  status reevaluate_children(kv_transaction& txn, record_class cls, const std::string& key);
  std::string parent_key(record_class cls, const parent_ref& p, std::string_view child_key) const;
  void count(const row& before, const row& after, record_class cls, std::string_view key);
  int64_t& count_of(std::string_view model);

  device_id self_;
  replica_options options_;
  hlc_clock clock_;
  hlc own_rows_; // newest stamp of own device-owned rows that came back from peers beyond the drift
  uint64_t wall_ms_ = 0; // of the call under way
  uint64_t epoch_ = 0;   // 0 until the first write
  frontier held_;
  frontier until_;
  frontier rows_until_;   // as `until_`, of ranges without their superseded shared ops
  std::set<dot> excused_; // ops to come that nobody who sent such a range had merged
  frontier log_from_;
  frontier pruned_; // since opening: up to here no log entry is left
  member_set members_;
  std::map<device_id, statement> statements_;
  uint64_t statement_number_ = 0;
  digest_value digest_;
  std::map<std::string, int64_t> counts_;
  std::pair<const std::string, int64_t>* counted_ = nullptr; // of these the last: most are alike
  int64_t log_entries_ = 0;
  int64_t tombstones_ = 0;
  uint64_t once_number_ = 0;
  uint64_t once_oldest_ = 0;
  uint64_t oldest_log_ms_ = 0;
  frontier deletes_from_;
  bool filling_ = false;
  bool fell_back_ = false;
  bool own_fetched_ = false; // what this device wrote came back from others
  bool has_local_ = false;   // some record has fields that stay on this node
  std::optional<resync_state> resync_;
  std::map<device_id, uint64_t> passed_over_;
  std::map<device_id, uint64_t> ended_;
  held_counts held_counts_;
  std::map<stream_id, std::set<uint64_t>> quarantined_; // seqs of those; no set is empty
  std::map<device_id, uint64_t> quarantined_of_;        // how many, by origin; no zeros
  // Where ops of atomic batches may be among the dead letters, and nothing yet shows them in half.
  std::set<stream_id> unread_batches_;
  std::set<stream_id> marked_streams_; // left the set in this group
  std::set<stream_id> unread_streams_; // where dead letters may be that are not `alone`
  std::set<stream_id> left_streams_;   // left the set in this group
  struct quarantine_move {
    dot at;
    bool in;
  };
  std::map<device_id, digest_value> owner_digests_;             // of each device's own rows
  std::vector<std::pair<device_id, digest_value>> owner_moves_; // what they were, in this group
  std::vector<tip_check> tips_;
  std::map<std::pair<family, std::string>, std::string> sealed_; // what put_if_new wrote last
  std::set<device_id> unchecked_;                                // while this node was not settled
  std::vector<quarantine_move> quarantine_moves_; // of the group under way, to be undone
  uint64_t next_due_ms_ = UINT64_MAX;             // earliest wall among the quarantined stamps
  std::optional<std::string> retry_from_;         // key of the next dead letter to try again
  /// A record as it stood before released ops merged, in the group under way; by row key.
  struct overwritten {
    std::string model;
    record_id id;
    row before;
    std::set<dot> merged;
  };
  std::map<std::string, overwritten> released_;
  std::string program_;        // version that tried the dead letters last
  uint64_t conflict_next_ = 0; // their numbers: as many were recorded
  uint64_t conflict_oldest_ = 0;
  std::unordered_map<std::string, std::vector<uint64_t>>
      open_conflicts_;        // row key → conflicts, some of which may be settled
  std::set<stream_id> dirty_; // streams whose until or log_from the group may have moved
  known_names names_;         // of device-owned rows
  size_t new_names_ = 0;      // without them: rows that were looked for and not there
  size_t names_due_ = 0;      // to take in
  size_t names_idle_ = 0;     // groups since they were asked

  /// What a parent's row says to its children, so that a directory's thousandth entry costs no
  /// read. Keyed by class and row key; bounded; an entry follows its row.
  struct parent_state {
    bool visible = false;
    std::optional<version> removed;
  };
  /// Nullptr for a parent that is not here; valid until the next call.
  result<const parent_state*> parent_of(kv_transaction& txn, record_class cls,
                                        const std::string& key);
  std::unordered_map<std::string, parent_state> parents_;
  std::unordered_set<std::string>
      awaited_; // class and key of absent parents that a child waits for
};

/// An epoch for the next start of `self`: beyond all it had in this store, and with time as its
/// upper part, so that epochs of one device ascend; `random` tells copies of one store apart that
/// start in the same second.
result<uint64_t> next_epoch(const kv_view& store, const device_id& self, uint64_t wall_ms,
                            uint64_t random);

/// Up to here deletes of the stream have been forgotten in this view.
result<uint64_t> forgotten_until(const kv_view& view, const stream_id& stream);

/// Reads the next covering range of a stream after `from` out of a consistent view, in parts of at
/// most wire_limits::range_part_bytes, about `max_bytes` and `max_ops` together; empty when there
/// is nothing after `from`.
result<std::vector<range>> read_range(const kv_view& view, const stream_id& stream, uint64_t from,
                                      size_t max_bytes, size_t max_ops);

} // namespace shoal
