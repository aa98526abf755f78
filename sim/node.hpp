#pragma once
// One library on one node: a replica on a disk, a replicator above it, and between them what the
// production shell does: effects are carried out, requests to the store wait in one queue, are
// committed in groups and answered when the group is on disk. The libraries of one node are one
// process on one machine: they start and die together, and share its links, clock and disk.

#include "actors/protocol/replicator.hpp"
#include "sim/net.hpp"
#include "sim/oracle.hpp"
#include "sim/saboteur.hpp"
#include "sim/script.hpp"
#include "sim/trace.hpp"

namespace shoal::sim {

/// On the wire and under signatures.
inline library_id library_of(size_t number) {
  return {{'l', 'i', 'b', static_cast<uint8_t>(number)}};
}

/// What the nodes share, in one library.
struct surroundings {
  const plan& planned;
  timeline& time;
  sim_net& net;
  oracle& judge;
  occurred& seen;
  const member_set& members;           // as operators have it: what an empty node begins with
  trace_lines* lines;                  // nullptr: no trace
  size_t library = 0;                  // its number
  std::vector<const sim_store*> disks; // by node; empty: prunes are not checked
  uint64_t trace = 0;                  // hash of everything that happened
  template <class Text>
  void say(Text text) const {
    if (lines)
      lines->push_back(
          {time.now(), {}, (library == 0 ? "" : "lib" + std::to_string(library) + ": ") + text()});
  }
  void note(uint64_t what) { trace = (trace ^ what) * 0x100000001b3ULL + (trace >> 29); }
};

class sim_node {
public:
  sim_node(surroundings& s, size_t index);
  /// Tests only: see saboteur.hpp.
  void bear(std::unique_ptr<saboteur> s) { saboteur_ = std::move(s); }
  /// The other libraries of its node.
  void share(std::vector<sim_node*> others) { others_ = std::move(others); }
  const std::vector<sim_node*>& others() const { return others_; }
  /// Queues a request as it is, in a while, unless the node is down by then.
  void ask_in(uint64_t us, store_request r);

  /// Opens what is on the disk, or makes a new one; the node's other libraries start with it.
  void start();
  /// … after a while, if it is down then and no operator has stopped it.
  void start_in(uint64_t us);
  /// An operator stopped it for good (true), or takes it back.
  void retire(bool on);
  /// Everything in memory is gone; a group on its way to the disk may have reached it or not, and
  /// by the plan the disk may be an older one. Returns what became of it, for the trace.
  std::string crash(random_source& r);
  /// What is on the disk is of no use: the node is down and this library's part of the disk empty.
  void wipe(random_source& r);
  /// Takes the image that a crash or `restore` brings back.
  void take_image() { image_ = disk_; }
  void drop_image() { image_ = {}; }
  bool has_image() const { return !image_.of(family::meta).empty(); }
  /// Restarts on the image.
  void restore();
  void fail_next_sync(random_source& r) { failing_sync_ = r; }
  void fail_reads(uint64_t until_us, random_source& r);
  void fill_disk(uint64_t until_us);
  /// Faults end: of the disk, and of the clock, which goes where all walls are in the end: as far
  /// ahead as any was, give or take the skew.
  void heal();
  bool up() const { return data_ != nullptr; }
  /// Runs the later version from its next start on, which is now if it is up.
  void upgrade();

  void linked(size_t peer);
  void unlinked(size_t peer);
  void arrived(size_t peer, const frame_ptr& frame);
  /// A message of this library, as it was decoded.
  void hear(size_t peer, uint64_t sent_wall_ms, message body);
  bool holds_member(size_t peer) const;
  void write(std::vector<edit> edits);
  /// An operator hands this node a member set.
  void admit(const member_set& members);
  /// Moves the wall clock to an offset of at most ± plan.skew_ms, or plan.far_ms away.
  void step_clock(random_source& r);
  std::string clock_text() const;
  /// An operator has it compared with its peers, and repaired.
  void verify() { step(protocol::verify{true}); }
  const sim_store& disk() const { return disk_; }
  const protocol::replicator& core() const { return *core_; }
  const replica_summary& summary() const { return durable_; }
  const device_id& device() const { return self_; }
  bool idle() const { return up() && !writing_ && queue_.empty(); }
  bool ready() const;
  /// It is being filled, and has not agreed with anyone since.
  bool filling() const { return up() && data_->filling(); }
  /// Encoded bytes of ranges that came in.
  uint64_t range_bytes_in() const { return range_bytes_in_; }

private:
  /// A group that was run and is on its way to the disk.
  struct group {
    kv_batch batch;
    replica_summary summary;
    std::vector<committed> commits;
    protocol::stored answer;
    bool touched = false;
    bool state_changed = false;
    std::optional<error> failure; // of a read: nothing of the group is written
  };

  uint64_t wall_ms() const;
  /// The wall as stamps go by it.
  uint64_t bounded_wall_ms() const;
  void step(protocol::event e);
  void enqueue(store_request r);
  bool reads_fail() const { return around_.time.now() < failing_reads_until_us_; }
  /// Down, with the node's other libraries; true if a group that was on its way is on the disk.
  bool die(random_source& r);
  bool die_alone(random_source& r);
  /// What a crash did to the disk besides, in words.
  std::string find_disk(random_source& r);
  void put_image_back();
  void set_clock(random_source& r);
  /// An operator's upgrade: the later version can read what the earlier one kept unread.
  void read_later_ops();
  void begin_group();
  void run_group();
  /// The shell gives the replica up and opens it again from what is durable.
  void stumble();
  void end_group(group& g);
  void write(const kv_batch& batch);
  void failed(group& g, const std::string& what, const error& why);
  void schedule_tick();
  void schedule_release();
  // effects
  void carry_out(protocol::send& e);
  void carry_out(protocol::load& e);
  void carry_out(protocol::close_link& e);
  void carry_out(protocol::sum& e);
  void carry_out(protocol::load_standing& e);
  void carry_out(protocol::compared& e);
  void carry_out(protocol::forged& e);
  template <class Request>
  void carry_out(Request& e) {
    enqueue(std::move(e));
  }
  // requests, inside a group
  void run(kv_transaction& txn, group& g, client_edit& r);
  void run(kv_transaction& txn, group& g, look_at_held& r);
  template <class Call>
  auto maybe_put_off(kv_transaction& txn, Call call);
  void run(kv_transaction& txn, group& g, protocol::apply& r);
  void run(kv_transaction& txn, group& g, protocol::fold_members& r);
  void run(kv_transaction& txn, group& g, protocol::keep_statement& r);
  void run(kv_transaction& txn, group& g, protocol::make_statement& r);
  void run(kv_transaction& txn, group& g, protocol::prune& r);
  void run(kv_transaction& txn, group& g, protocol::prune_marks& r);
  void run(kv_transaction& txn, group& g, protocol::repair& r);
  void run(kv_transaction& txn, group& g, protocol::keep_state& r);
  void check_prune(const protocol::prune& e) const;

  surroundings& around_;
  std::vector<sim_node*> others_;
  size_t index_;
  device_id self_;
  random_source starts_; // epochs and nonces
  random_source syncs_;  // how long they take
  random_source reads_;
  random_source checks_; // which groups are looked at thoroughly
  random_source limits_; // of what may be read at first
  sim_store disk_;
  sim_store image_;           // an older one, which may come back
  std::deque<kv_batch> undo_; // of the newest groups, if the plan has tails lost
  std::optional<random_source> failing_sync_;
  uint64_t failing_reads_until_us_ = 0;
  random_source failing_reads_;
  failing_view failing_disk_;
  uint64_t full_until_us_ = 0;
  bool retired_ = false;
  bool later_ = false;         // it runs the later version
  bool accounts_moved_ = true; // since the node was last ready
  std::unique_ptr<saboteur> saboteur_;
  std::unique_ptr<replica> data_;
  std::unique_ptr<protocol::replicator> core_;
  uint64_t life_ = 0; // counts starts and crashes: what was scheduled before is void
  uint64_t epoch_ = 0;
  uint64_t started_us_ = 0;
  uint64_t tick_at_ = 0;
  uint64_t release_at_ = 0; // when held ops are looked at next; 0: nothing is planned
  int64_t offset_ms_ = 0;
  std::optional<uint64_t> frozen_ms_; // the wall stands there
  replica_summary durable_;

  std::deque<store_request> queue_;
  bool writing_ = false;
  std::optional<group> unsynced_;

  /// Range bytes on their way to a peer, by what the network carried: sent, and credited back.
  struct window {
    uint64_t sent = 0;
    uint64_t credited = 0;
  };
  std::map<size_t, window> windows_;
  uint64_t range_bytes_in_ = 0;
};

size_t index_of(const device_id& d);
/// Stands for a signature: nobody else can make it without knowing the member.
std::string sign(const statement& s, size_t library);

} // namespace shoal::sim
