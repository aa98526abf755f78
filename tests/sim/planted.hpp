#pragma once
// Bugs that the tests plant between the code under test and its world, one for each way in which a
// checker must bite. The code under test has no doors for them, the shipped simulator none of them.

#include "sim/saboteur.hpp"

#include <string>
#include <vector>

namespace shoal::sim {

enum class bug {
  ack_before_durable,   // clients are told when the group starts, not when it is on disk
  disk_forgets,         // a crash also loses the last group that was synced
  epoch_reused,         // … and the restarted node goes on under its old epoch
  clock_goes_back,      // the persisted bound of the clock is lost at restart
  prune_ignores_member, // the log goes when one member's word covers it
  range_over_gap,       // a range is applied though what precedes it is missing
  range_emptied,        // one op of a range is dropped on the way to the store
  until_dropped,        // ranges read from rows pass for complete
  batch_split,          // an atomic batch reaches the store in two ranges
  delete_mark_lost,     // delete marks are missing from the rows on disk
  cascade_index_lost,   // children are not found when their parent changes
  value_tampered,       // a row on disk is not the row that was digested
  prune_forgotten,      // nothing is ever pruned
  credit_forged,        // a peer's credit counts many times over
  catch_up_from_zero,   // what the peer holds is not looked at
  resurrecting_write,   // a delete's stamp is taken for older than it is
  held_op_lost,         // ops that are held back are missing on disk
  live_only,            // requests for what was missed are ignored
  ack_up_to_max,        // a member is taken to hold all that this node does
  epoch_kept,           // every start goes on under the first epoch
  marks_with_log,       // delete marks go with the log, after one round of statements
  marks_too_early,      // … and with this node's own word alone
  deletes_dropped,      // deletes are missing from ranges that come in
  horizon_ignored,      // a peer that says it has forgotten deletes is not heeded
  repair_dropped,       // what differs in a comparison never comes
  members_forgotten,    // changes of the member set are not kept
  statements_forgotten, // what members state is not kept
  acks_lost,            // link acks never arrive
  write_torn,           // now and then one row of a group does not reach the disk
  index_lost,           // rows are not found by seq
  log_lost,             // log entries are missing on disk
  owner_forged,         // an owned row on disk names another writer
  state_forgotten,      // what the protocol has to know after a restart is not kept
  relay_altered,        // device-owned records are altered by whoever relays them
  library_crossed,      // ranges reach another library of the node as well
};
std::string to_string(bug b);
std::vector<bug> all_bugs();

/// Gives the fields of device-owned ops other values; false when there is none.
bool alter_owned(range& r);

/// A world made with it has this bug in every node.
sabotage with(bug b);

} // namespace shoal::sim
