#pragma once
// What the HTTP API needs of the node. The api folder sees nothing else of the actors; every
// function may be called from the api's thread and none blocks. Callbacks run on any thread; the
// api posts them to its own.

#include "actors/api/change_bell.hpp"
#include "messages/frontier.hpp"
#include "messages/members.hpp"
#include "store/edit.hpp"
#include "store/models/registry.hpp"
#include "store/sync/kv.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shoal::api {

template <class T>
using callback = std::function<void(result<T>)>;

/// A write's answer, made after the sync that made it durable.
struct write_answer {
  std::string token;
  std::vector<edit_result> results;
};

/// A repeated request with the same key is one write; another request with it is ec::conflict.
struct idempotency {
  std::string key;
  uint64_t request_hash = 0; // of method, path and body
};

struct member_status {
  device_id device;
  std::string name;
  std::string address;
  bool removed = false;
  bool connected = false;
  /// "synced", "catching_up", "stale" (linked, and silent for too long), "down", "never_seen",
  /// "needs_snapshot", "removed"
  std::string state;
  std::optional<double> rtt_ms;
  std::optional<double> clock_offset_ms;
  uint64_t behind_in = 0;    // ops it holds that this node does not
  uint64_t behind_out = 0;   // ops this node holds that it does not
  uint64_t last_seen_ms = 0; // wall ms of the last frame from it; 0: never
  std::string last_error;
  std::string models; // "same" or "differ": its model definitions and this node's; empty: not told
  /// "closed": linked, or dialled as usual; "open": it failed again and again, and waits for the
  /// next try; "half_open": that try is under way.
  std::string breaker;
  uint64_t failures = 0;    // of dials and links, in a row
  uint64_t next_try_ms = 0; // wall ms of the next dial; 0: none is scheduled
  uint64_t rests_until_ms =
      0; // wall ms; it broke a rule (`last_error`) and is refused; 0: it is not
};

struct library_status {
  library_id id;
  std::string name;
  bool sync = true;
  std::string state; // "uninitialized", "backfilling", "catching_up", "ready", "paused",
                     // "removed", "failed", "closing"
  double progress = 1.0;
  std::optional<device_id> source;   // while backfilling
  std::optional<double> eta_seconds; // while backfilling, once it is known
  bool converged = false;
  std::string why;      // empty when converged
  std::string restored; // why the store is held for an older copy of itself; empty: it is not
  uint64_t log_entries = 0;
  /// Members, this node among them, that have not yet stated that they hold all that this node
  /// holds: the log is kept for them. Empty while the log is.
  std::vector<device_id> log_held_by;
  uint64_t tombstones = 0;
  uint64_t deadletters = 0; // ops that are held but not merged, those hidden left out
  uint64_t conflicts = 0;   // recorded so far
  /// Members of which no more ops are taken: too many are quarantined here.
  std::vector<device_id> quarantine_full;
  std::vector<std::string> alarms; // what an operator should look at, for people
  std::string read_only;           // why nothing can be written now; empty: it can
  bool settled = true;
  std::string digest; // 32 hex digits
  frontier held;
  std::map<std::string, uint64_t> records; // model → live records
  std::vector<member_status> members;      // without this node
};

struct wait_answer {
  std::vector<device_id> held;
  std::vector<device_id> missing;
};

struct prune_answer {
  uint64_t removed = 0;
  uint64_t log_entries = 0;
  std::vector<device_id> held_by;
};

struct verify_answer {
  bool ok = false; // no problem here, and no difference to any linked peer
  uint64_t records = 0;
  uint64_t versions = 0;
  uint64_t log_entries = 0;
  std::string digest;
  uint64_t problems = 0;
  std::vector<std::string> described; // the first of them
  struct peer {
    device_id device;
    bool complete = false;
    uint64_t versions = 0;
    uint64_t intervals_differing = 0;
    uint64_t records_changed = 0;
  };
  std::vector<peer> peers;
};

struct retry_answer {
  uint64_t tried = 0;
  uint64_t merged = 0; // the others are held as before
  bool more = false;   // the rest is tried in the groups that follow
};

struct release_answer {
  write_answer write;
  uint64_t released = 0;             // held ops: the one that was named, and others of its batch
  std::vector<std::string> left_out; // MODEL.FIELD of counters, which wait for their time
};

/// What one op has been through, as far as this node has seen it and still knows; wall ms.
struct op_trace {
  stream_id stream;
  uint64_t seq = 0;
  std::optional<uint64_t> received_ms; // from a peer; nothing for an op of this node
  std::optional<uint64_t> durable_ms;  // here
  struct member {
    device_id device;
    std::optional<uint64_t> sent_ms;
    std::optional<uint64_t> durable_ms; // when its word of that came
    bool holds = false;                 // also when it is not known since when
  };
  std::vector<member> members; // without this node
};

/// What an operator must see to before it is too late.
struct node_health {
  uint64_t disk_free_bytes = 0;
  uint64_t disk_reserve_bytes = 0; // with less free, nothing is written
  uint64_t certificate_until_ms = 0;
};

/// One open library.
class library {
public:
  virtual ~library() = default;
  virtual library_id id() const = 0;
  virtual std::string name() const = 0;
  /// A consistent view for reads: records.hpp has what reads it.
  virtual std::shared_ptr<const kv_view> snapshot() const = 0;
  /// Rings after each commit, and when the library is closed.
  virtual std::shared_ptr<change_bell> changes() const = 0;
  virtual library_status status() const = 0;
  virtual member_set members() const = 0;
  /// All or nothing.
  virtual void write(std::vector<edit> edits, std::optional<idempotency> once,
                     callback<write_answer> done) = 0;
  /// Answers when the devices hold the frontier durably, or with what is missing after
  /// `timeout_ms`.
  virtual void wait(frontier what, std::vector<device_id> devices, size_t needed,
                    uint64_t timeout_ms, callback<wait_answer> done) = 0;
  /// A token's frontier as of now.
  virtual frontier now() const = 0;
  /// The same as a new token carries it.
  virtual folded_frontier folded_now() const = 0;
  /// The newest op that `what` names of each stream, unless all members are known to hold it and
  /// nothing more is known of it.
  virtual std::vector<op_trace> trace(const frontier& what) const = 0;
  virtual void add_member(device_id device, std::string address, std::string name, bool readmit,
                          callback<nothing> done) = 0;
  virtual void remove_member(device_id device, bool purge, callback<nothing> done) = 0;
  /// Dials every member now, without waiting for a backoff.
  virtual void sync_now() = 0;
  virtual void prune(callback<prune_answer> done) = 0;
  /// Reads everything, here and on each linked peer; answers when that is done.
  virtual void verify(bool repair, callback<verify_answer> done) = 0;
  /// Tries one op that is held but not merged, or all that this version could not merge.
  virtual void retry_held(std::optional<dot> which, callback<retry_answer> done) = 0;
  /// Commits what a quarantined op says anew, with a stamp of now.
  virtual void release_held(dot which, callback<release_answer> done) = 0;
  /// Leaves a held op out of lists from now on.
  virtual void hide_held(dot which, callback<nothing> done) = 0;
};

/// A library that another node has: `via` is a member of it.
struct join_request {
  library_id id;
  std::string name;
  device_id via;
  std::string address;
};
struct leave_request {
  bool now = false;  // without waiting for another member to hold everything
  bool drop = false; // delete the files instead of moving them aside
};

/// A line of the log.
struct logged_event {
  uint64_t time_ms = 0; // since 1970
  std::string level;
  std::string component;
  std::string message;
};

/// The node.
class node {
public:
  virtual ~node() = default;
  virtual device_id device() const = 0;
  virtual std::string name() const = 0;
  /// Where peers should dial it; empty when not known, since it listens on all addresses.
  virtual std::string address() const = 0;
  virtual std::vector<std::shared_ptr<library>> libraries() const = 0;
  virtual void create_library(std::string name, callback<std::shared_ptr<library>> done) = 0;
  /// This device was a member of the library, and has left it: it takes a re-admission.
  virtual bool left_before(const library_id& id) const = 0;
  virtual void join_library(join_request what, callback<std::shared_ptr<library>> done) = 0;
  /// Answers where the files are now; empty when they are deleted.
  virtual void leave_library(const library_id& id, leave_request how,
                             callback<std::string> done) = 0;
  /// Moves the store aside and fills a new one from peers; answers where the old one is.
  virtual void rebuild_library(const library_id& id, callback<std::string> done) = 0;
  /// Durable: also after a restart.
  virtual void pause_library(const library_id& id, bool on, callback<std::string> done) = 0;
  /// What somebody should look at, newest last.
  virtual std::vector<std::string> alarms() const = 0;
  /// The newest lines of the log, newest first; how many is bounded.
  virtual std::vector<logged_event> events() const = 0;
  virtual node_health health() const = 0;
  /// As of now: a reload puts another in its place.
  virtual std::shared_ptr<const models::registry> models() const = 0;
  /// Prometheus text.
  virtual std::string metrics() const = 0;
  virtual void set_log_level(const std::string& spec, callback<nothing> done) = 0;
};

} // namespace shoal::api
