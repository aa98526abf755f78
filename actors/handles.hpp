#pragma once
// Every actor's interface: start reading here.
//
//   api thread ── store_job ──▶ STORE WRITER ── group_stored ──▶ LIBRARY ── frames_out ──▶ link
//   link ── frames_in ──▶ PEER LINK ── inbound ──▶ LIBRARY ── store_job ──▶ STORE WRITER
//   LIBRARY ── read_job ──▶ READER ── protocol::loaded ──▶ LIBRARY
//   NODE: owns the transport, one peer link per connection, and tells libraries who is linked
//
// All messages stay within the process. Large ones are held by pointer, so that handing them on
// copies nothing.

#include "actors/api/backend.hpp"
#include "actors/protocol/replicator.hpp"
#include "actors/transport/events.hpp"
#include "store/sync/replica.hpp"
#include "store/sync/verify.hpp"

#include <caf/actor.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/type_id.hpp>

#include <functional>
#include <memory>
#include <variant>

namespace shoal {

// ---- what the store writer is asked to do

struct write_job {
  std::vector<edit> edits;
  std::optional<once_key> once;
  api::callback<api::write_answer> done; // called on the writer's thread, after the sync
  uint64_t asked_us = 0;                 // monotonic
};
struct apply_job {
  protocol::apply what;
  uint64_t asked_us = 0;
};
struct members_job {
  member_set members;
  api::callback<nothing> done; // may be empty
};
struct keep_statement_job {
  statement what; // signature checked
};
struct make_statement_job {};
struct prune_job {
  frontier stable;
  api::callback<api::prune_answer> done; // may be empty
};
struct prune_marks_job {
  frontier stable;
};
struct repair_job {
  protocol::repair what;
};
struct keep_state_job {
  protocol::keep_state what;
};
/// Makes indexes and sums anew from the rows.
struct reindex_job {
  api::callback<nothing> done;
};
/// Try held ops again: one, or all dead letters.
struct retry_job {
  std::optional<dot> which;
  api::callback<api::retry_answer> done;
};
/// Commit what a quarantined op says anew.
struct release_job {
  dot which;
  api::callback<api::release_answer> done;
};
/// Leave a held op out of lists.
struct hide_job {
  dot which;
  api::callback<nothing> done;
};
using job = std::variant<write_job, apply_job, members_job, keep_statement_job, make_statement_job,
                         prune_job, prune_marks_job, repair_job, keep_state_job, reindex_job,
                         retry_job, release_job, hide_job>;
struct store_job {
  std::shared_ptr<job> what;
};
/// Writer → itself: commit what was gathered.
struct flush_group {};
/// Writer → itself, from its n-th large commit: that has ended, or is about to.
struct look_at_commit {
  uint64_t n = 0;
};
/// Writer → itself: a held op's time may have come.
struct look_at_held {};
struct look_at_merges {};
struct look_at_mark {};
/// Writer → itself: the disk may have room again.
struct look_at_disk {};

/// STORE WRITER, one per library, among the sockets or on a thread of its own (actor_place.hpp):
/// the sole writer of its RocksDB. Gathers what waits, one synced batch, then answers all of it. A
/// failed sync answers "outcome unknown": the store must be opened anew. A large batch is synced
/// beside the making of the next. While the disk is low, clients are refused and what peers sent is
/// kept.
using store_writer_actor = caf::actor;

/// The first a library is told: what its protocol asks for since it took what the store holds.
struct library_opened {
  std::shared_ptr<protocol::effects> asked;
};
/// From the writer to its library, after each group.
struct group_stored {
  std::shared_ptr<protocol::stored> what;
  uint64_t synced_us = 0; // monotonic
};

// ---- reading for peers

/// Check the store in itself; answered by `store_verified`.
struct verify_local {};
struct store_verified {
  std::shared_ptr<verify_report> report;
};
struct read_job {
  std::shared_ptr<const kv_store> store;
  std::variant<protocol::load, protocol::load_standing, protocol::sum, verify_local> what;
  caf::actor answer_to; // gets protocol::loaded, protocol::summed or store_verified
};
/// READER, a small node-wide pool, detached: long scans on snapshots.
using reader_actor = caf::actor;

// ---- libraries

/// A link to a member is up: `number` tells it from those before and after it.
struct session_up {
  device_id peer;
  uint64_t number = 0;
  caf::actor link;
};
struct session_down {
  device_id peer;
  uint64_t number = 0;
  std::string reason;
};
/// A decoded message of this library.
struct inbound {
  device_id peer;
  uint64_t number = 0;
  caf::actor link;
  uint64_t sent_wall_ms = 0;
  uint64_t wall_ms = 0; // when it came
  uint64_t bytes = 0;   // of its frame, with the length before it
  std::shared_ptr<message> body;
  std::shared_ptr<const void> unread; // see transport::frames_in
};
struct wait_job {
  frontier what;
  api::wait_answer so_far;              // who was seen to hold it is not looked at again
  std::optional<stream_id> lacks_first; // what the last who did not hold it lacks
  size_t needed = 0;
  uint64_t deadline_us = 0; // monotonic
  api::callback<api::wait_answer> done;
};
struct wait_request {
  std::shared_ptr<wait_job> what;
};
struct member_change {
  device_id device;
  std::string address;
  std::string name;
  bool remove = false;
  bool purge = false;
  bool readmit = false;
  bool leave = false; // this device removes itself; nothing to do when it is no member
  std::shared_ptr<api::callback<nothing>> done;
};
struct prune_request {
  std::shared_ptr<api::callback<api::prune_answer>> done;
};
struct verify_request {
  bool repair = false;
  std::shared_ptr<api::callback<api::verify_answer>> done;
};

/// LIBRARY, one per library: runs the protocol, owns the library's state. Dynamically typed, for
/// the transport's sake; it takes library_opened, group_stored, protocol::loaded, protocol::summed,
/// store_verified, session_up, session_down, inbound, wait_request, member_change, prune_request,
/// verify_request, library_tick, pause_library, stop_library and pulse.
struct library_tick {
  uint64_t generation = 0;
};
/// While paused, nothing of the library is sent or taken; local work goes on.
struct pause_library {
  bool on = false;
};
/// Takes no more writes, offers linked peers what they lack of those it took, for at most
/// limits::offer_ms, says goodbye to them, ends, and answers the node with library_stopped.
struct stop_library {
  std::string reason;
  bool left = false;    // ends once the peers have taken note of this device's removal
  bool flushed = false; // the library to itself: the writer has told of all that it was given
};

// ---- the node

/// Library → node: whom it wants linked, after every change of its members.
struct members_changed {
  library_id library;
  member_set members;
};
/// Library → node: end the connection, for this reason.
struct drop_peer {
  device_id peer;
  uint64_t number = 0;
  std::string reason;
  bool breach = false;  // the peer did what no honest member does …
  bool hearsay = false; // … unless it believed another member
};
/// Api → node: dial everyone now, also who is refused for a while.
struct dial_now {};
/// To the node: end every link, and dial anew: what a Hello tells of this node has changed.
struct link_anew {
  std::string reason;
};
/// Api → node.
struct create_library_request {
  std::string name;
  std::shared_ptr<api::callback<std::shared_ptr<api::library>>> done;
};
// ---- two connections with one device (node_links.cpp)

/// In an error message: another process with the sender's key is linked already.
constexpr const char* duplicate_device = "duplicate_device";
/// Peer link → node: the first Hello, and which process of the device spoke it.
struct link_greeted {
  device_id peer;
  uint64_t number = 0;
  library_id library;
  uint64_t boot_nonce = 0;
};
/// Node → peer link: frames may go to the libraries, also those that came before.
struct admit_link {};
/// Node → peer link: answer link_alive at the next sign of life, and provoke one.
struct probe_link {
  library_id nobodys; // an id that no library has
  uint64_t boot_nonce = 0;
};
struct link_alive {
  device_id peer;
  uint64_t number = 0;
};
/// Peer link → node: the peer is linked with another process of this very device.
struct duplicate_reported {
  device_id peer;
};
/// Library → node: its last word. The store may still have readers.
struct library_stopped {
  library_id library;
  bool told = false; // a member holds this device's removal durably
};
/// Departed library → node: the peer has taken note of the removal, or has taken this device back.
struct departure_heard {
  library_id library;
  device_id peer;
  uint64_t taken_back = 0; // the generation of that; 0: noted
};
/// Store writer → node: the store is damaged; this library alone cannot go on.
struct library_damaged {
  library_id library;
  std::string reason;
};
/// Store writer → node: the disk had no room for a commit; this library is opened anew.
struct library_out_of_room {
  library_id library;
  std::string reason;
};
/// Api → node.
struct library_order {
  enum class what : uint8_t { join, leave, rebuild, pause, resume };
  what wanted = what::join;
  library_id library;
  std::string name;    // join
  device_id via;       // join: the member to ask
  std::string address; // join: where it is
  bool now = false;    // leave: without waiting for another member to hold everything
  bool drop = false;   // leave: delete instead of moving aside
  /// The value says what became of the files, or is empty.
  std::shared_ptr<api::callback<std::string>> done;
};
/// Whoever answered something the node had asked → node: goes on, on the node's thread.
struct node_step {
  std::shared_ptr<std::function<void()>> run;
};
struct node_tick {};
/// Watchdog → node, libraries, writers: nothing to do. The token is let go when the message is
/// taken, or dropped with an actor that ends: whoever waits for that knows that none of them hangs.
struct pulse {
  std::shared_ptr<const void> token;
};
/// Main thread → node: end everything in order; answers when all links are closed.
struct stop_node {};

} // namespace shoal

CAF_BEGIN_TYPE_ID_BLOCK(shoal_node, caf::id_block::shoal_transport::end)
  CAF_ADD_TYPE_ID(shoal_node, (shoal::store_job))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::flush_group))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::look_at_commit))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::look_at_held))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::look_at_merges))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::look_at_mark))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::look_at_disk))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::library_opened))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::group_stored))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::read_job))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::protocol::loaded))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::protocol::summed))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::store_verified))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::verify_request))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::session_up))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::session_down))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::inbound))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::wait_request))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::member_change))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::prune_request))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::library_tick))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::stop_library))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::members_changed))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::drop_peer))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::dial_now))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::link_anew))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::create_library_request))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::pause_library))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::link_greeted))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::admit_link))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::probe_link))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::link_alive))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::duplicate_reported))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::library_stopped))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::departure_heard))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::library_damaged))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::library_out_of_room))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::library_order))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::node_step))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::node_tick))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::pulse))
  CAF_ADD_TYPE_ID(shoal_node, (shoal::stop_node))
CAF_END_TYPE_ID_BLOCK(shoal_node)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::store_job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::flush_group)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::look_at_commit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::look_at_held)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::look_at_merges)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::look_at_mark)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::look_at_disk)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::library_opened)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::group_stored)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::read_job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::protocol::loaded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::protocol::summed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::store_verified)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::verify_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::session_up)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::session_down)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::inbound)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::wait_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::member_change)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::prune_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::library_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::stop_library)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::members_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::drop_peer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::dial_now)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::link_anew)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::create_library_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::pause_library)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::link_greeted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::admit_link)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::probe_link)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::link_alive)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::duplicate_reported)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::library_stopped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::departure_heard)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::library_damaged)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::library_out_of_room)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::library_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::node_step)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::node_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::pulse)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(shoal::stop_node)
