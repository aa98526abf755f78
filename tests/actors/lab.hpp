#pragma once
// Several nodes' real actors in one process and one thread: libraries, store writers, readers and
// peer links under CAF's test coordinator. Which of the waiting actors takes its next message is
// drawn from a seed, time is the coordinator's, and in the place of the transport stand wires that
// carry the real frames as bytes.

#include "actors/catalog.hpp"
#include "actors/transport/frame_splitter.hpp"
#include "sim/random.hpp"
#include "tests/actors/disk.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <optional>
#include <set>

namespace shoal::test {

constexpr uint64_t second = 1'000'000; // us

struct caf_config : caf::actor_system_config {
  caf_config();
};

/// A folder that is gone when the lab is.
class scratch_folder {
public:
  scratch_folder();
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

class lab {
public:
  /// Nodes that are members of one library, all started and all to be linked with each other.
  lab(uint64_t seed, size_t nodes);
  ~lab();
  lab(const lab&) = delete;
  lab& operator=(const lab&) = delete;

  // ---- what happens on its own
  /// One thing: an actor takes a message, bytes arrive, or, if there is nothing of the kind and now
  /// and then, time goes on. False when nothing will ever happen again.
  bool step();
  /// Steps until `done`, asked whenever nothing is left to do at this moment; false after `us`.
  template <class Done>
  bool run_until(Done done, uint64_t us);
  void run_for(uint64_t us);
  /// After `us`.
  void at(uint64_t us, std::function<void()> what) { events_.emplace(now() + us, std::move(what)); }

  // ---- what a story makes happen
  void start(size_t n);
  /// Nothing of what its actors do from here on has an effect; the disk stays.
  void crash(size_t n);
  /// The commit after `commits` further ones is the last thing the node does. `kept`: it is on the
  /// disk, though nobody hears of it. Starts again `us` later.
  void crash_at_commit(size_t n, uint64_t commits, bool kept, uint64_t us);
  /// Ends every connection of the pair; they are linked again `us` later, unless 0.
  void cut(size_t a, size_t b, uint64_t relink_us);
  /// Ends the connection once so many more bytes have arrived on it, in either direction.
  void cut_after(size_t a, size_t b, uint64_t bytes, uint64_t relink_us);
  /// Links a pair whose connection was cut for good.
  void relink(size_t a, size_t b) { connect(a, b); }
  bool linked(size_t a, size_t b) { return between(a, b) != nullptr; }
  /// What the pair says to each other stays on the wire while it is on.
  void hold(size_t a, size_t b, bool on);
  /// A write by a client of the node; `acknowledged` knows of it once it was answered.
  void write(size_t n, std::vector<edit> edits);

  // ---- what can be looked at
  uint64_t now() const; // us, virtual
  size_t size() const { return nodes_.size(); }
  bool up(size_t n) const { return nodes_[n].running.has_value(); }
  const std::shared_ptr<library_core>& core(size_t n) const { return nodes_[n].running->core; }
  const caf::actor& actor(size_t n) const { return nodes_[n].running->actor; }
  const caf::actor& writer(size_t n) const { return nodes_[n].running->writer; }
  std::weak_ptr<const void> store_in_use(size_t n) const { return nodes_[n].power; }
  const disk& disk_of(size_t n) const { return *nodes_[n].files; }
  device_id device(size_t n) const { return nodes_[n].key.device(); }
  void send(size_t n, stop_library what);
  caf::scheduler::test_coordinator& scheduler() { return *scheduler_; }
  /// Every library is ready, converged, and holds what the others hold.
  bool level();
  /// Every record of every model on the node's disk, as an export would have it.
  std::string records(size_t n) const;
  uint64_t diverged(size_t n);
  sim::random_source& random() { return random_; }
  uint64_t trace() const { return trace_; } // of all that happened

  struct answered {
    size_t node = 0;
    std::vector<edit> edits;
    std::optional<error> failed;
  };
  std::vector<answered> answers; // of writes, in the order in which they came
  struct dropped {
    size_t node = 0;
    device_id peer;
    std::string reason;
    uint64_t at = 0;
  };
  std::vector<dropped> drops;  // connections that a library or a peer link ended
  std::vector<size_t> stopped; // libraries that said their last word
  uint64_t bytes_arrived = 0;  // on all wires

private:
  struct node {
    transport::identity key;
    std::filesystem::path folder;
    std::shared_ptr<disk> files = std::make_shared<disk>();
    std::shared_ptr<powered_disk> power; // the disk as this start of the node sees it
    library_entry entry;
    uint64_t skew_ms = 0;
    uint64_t starts = 0;
    std::optional<running_library> running;
    std::shared_ptr<metrics> counted;
    std::shared_ptr<library_directory> directory;
    std::vector<caf::actor> actors; // all of this start
    caf::actor stand_in;            // for the node actor, which owns sockets
  };
  /// One direction of a connection.
  struct wire {
    size_t to = 0;
    caf::actor link;   // in the place of the sender's transport link
    caf::actor reader; // the receiver's peer link
    std::string bytes; // on their way
    transport::frame_splitter splitter;
  };
  struct connection {
    std::array<size_t, 2> ends{};
    uint64_t number = 0;
    std::array<wire, 2> wires; // from ends[0], from ends[1]
    bool held = false;
    std::optional<uint64_t> bytes_left; // until it is cut
    uint64_t relink_us = 0;
  };

  friend caf::behavior wire_end(caf::event_based_actor*, lab*, uint64_t, size_t);
  friend caf::behavior stand_in(caf::event_based_actor*, lab*, size_t, uint64_t);
  void connect(size_t a, size_t b);
  void end(uint64_t number, const std::string& reason, uint64_t relink_us);
  void sent(uint64_t number, size_t side, const std::vector<frame_ptr>& frames);
  void arrive(connection& c, size_t side);
  void turn_off(size_t n);
  bool pass_time();
  connection* between(size_t a, size_t b);
  void note(uint64_t what) { trace_ = (trace_ ^ what) * 0x100000001b3ULL + (trace_ >> 29); }

  scratch_folder folder_;
  sim::random_source random_;
  caf_config config_;
  std::unique_ptr<caf::actor_system> system_;
  caf::scheduler::test_coordinator* scheduler_;
  library_id library_;
  std::vector<node> nodes_;
  std::map<uint64_t, connection> connections_;
  std::multimap<uint64_t, std::function<void()>> events_;
  uint64_t next_number_ = 1;
  uint64_t trace_ = 0;
};

template <class Done>
bool lab::run_until(Done done, uint64_t us) {
  const auto until = now() + us;
  while (now() <= until) {
    if (!scheduler_->has_job() && done())
      return true;
    if (!step())
      return done();
  }
  return done();
}

record_id record_of(uint64_t number);
uint64_t number_of(const record_id& id);
/// A shared record with two fields, and a device-owned one.
edit tag_edit(uint64_t number, const std::string& name, const std::string& color);
edit volume_edit(uint64_t number, const std::string& name);
edit remove_edit(uint64_t number);

} // namespace shoal::test
