#pragma once
// What the store writer commits at once: the jobs that waited while the sync
// before was under way.

#include "actors/store_writer.hpp"

#include <caf/event_based_actor.hpp>

namespace shoal {

/// One pass over the jobs of a group: everything they change goes into one
/// transaction, everything they are told waits until it is durable.
class commit_group {
public:
  /// `view` is the store as all groups before leave it.
  commit_group(writer_setup& setup, std::shared_ptr<const kv_view> view);

  void operator()(write_job& w);
  void operator()(apply_job& a);
  void operator()(members_job& m);
  void operator()(keep_statement_job& k);
  void operator()(make_statement_job&);
  void operator()(prune_job& p);
  void operator()(prune_marks_job& p);
  void operator()(repair_job& r);
  void operator()(keep_state_job& k);
  void operator()(reindex_job& r);
  void operator()(retry_job& r);
  void operator()(release_job& r);
  void operator()(hide_job& h);

  /// False, and nothing done: more would have to be read for a write or a range than `most`, in the
  /// bytes of kv_transaction::limit_reads.
  bool make(job& j, std::optional<size_t> most);

  /// What came from a peer and can neither be written nor kept for now.
  void refuse(const job& j, const error& why);

  /// Merges what waited for its time, at most so many ops, beside the group's writes.
  void release(uint64_t most);

  size_t bytes() const { return txn_.bytes(); }

  /// Ends the group: what it tells is as of now, whatever the next group does while this one is
  /// committed. What is to be committed; nothing, perhaps.
  kv_batch seal();

  /// Tells everybody how the commit went. False when nothing can be written any more.
  bool conclude(const status& committed, const caf::actor& library, caf::event_based_actor* self);

  /// Instead of a commit: an earlier group's failed, and with it all that this one rests on.
  void give_up();

  const std::optional<frontier>& prune_again() const { return again_; }
  const std::optional<frontier>& marks_again() const { return marks_again_; }

private:
  /// Record by record: one that cannot be written back must not keep the others
  /// from it.
  void give_back();

  static error unknown();
  // Complete also while a catch-up is not: nobody else writes them.
  frontier own_streams() const;

  writer_setup& setup_;
  replica& data_;
  std::shared_ptr<const kv_view> view_;
  kv_transaction txn_;
  std::shared_ptr<protocol::stored> stored_;
  std::vector<std::function<void(bool)>> answers_;
  std::vector<uint64_t> asked_;
  std::vector<uint64_t> received_;
  uint64_t writes_ = 0;
  uint64_t applied_ = 0;
  std::string token_;
  std::optional<frontier> again_;
  std::optional<frontier> marks_again_;
  bool state_changed_ = false;
  std::optional<error> failure_;
  std::vector<std::pair<uint64_t, api::callback<api::retry_answer>>>
      retries_; // of all dead letters
  uint64_t conflicts_before_ = 0;
  // as sealed
  bool writes_any_ = false;
  replica_summary summary_;
  hlc newest_;
};

} // namespace shoal
