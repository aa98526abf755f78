#pragma once
// A library: the actor that runs its protocol, and what the API sees of it.

#include "actors/clocks.hpp"
#include "actors/dial_board.hpp"
#include "actors/disk_space.hpp"
#include "actors/handles.hpp"
#include "actors/metrics.hpp"
#include "actors/op_times.hpp"
#include "actors/transport/identity.hpp"

#include <caf/event_based_actor.hpp>

#include <mutex>

namespace shoal {

struct library_setup {
  library_id id;
  std::string name;
  bool sync = true;
  std::shared_ptr<kv_store> store;
  std::vector<caf::actor> readers;
  caf::actor node;
  library_metrics counted;
  protocol::settings protocol;
  std::shared_ptr<const dial_board> dials;
  std::shared_ptr<disk_space> disk;
  bool paused = false;
  clocks time;
  std::string restored;  // see api::library_status
  bool refilled = false; // the store is new and peers may well hold more of this device
};

/// What actor and API share. The API's side is thread-safe and never waits for more than one
/// protocol step.
class library_core : public api::library {
public:
  explicit library_core(library_setup setup);

  library_id id() const override { return setup_.id; }
  std::string name() const override { return setup_.name; }
  std::shared_ptr<const kv_view> snapshot() const override;
  std::shared_ptr<api::change_bell> changes() const override { return bell_; }
  api::library_status status() const override;
  member_set members() const override;
  void write(std::vector<edit> edits, std::optional<api::idempotency> once,
             api::callback<api::write_answer> done) override;
  void wait(frontier what, std::vector<device_id> devices, size_t needed, uint64_t timeout_ms,
            api::callback<api::wait_answer> done) override;
  frontier now() const override;
  folded_frontier folded_now() const override;
  std::vector<api::op_trace> trace(const frontier& what) const override;
  void add_member(device_id device, std::string address, std::string name, bool readmit,
                  api::callback<nothing> done) override;
  void remove_member(device_id device, bool purge, api::callback<nothing> done) override;
  void sync_now() override;
  void prune(api::callback<api::prune_answer> done) override;
  void verify(bool repair, api::callback<api::verify_answer> done) override;

  /// The hash of the node's model definitions after a reload.
  void set_models(uint64_t hash);
  void retry_held(std::optional<dot> which, api::callback<api::retry_answer> done) override;
  void release_held(dot which, api::callback<api::release_answer> done) override;
  void hide_held(dot which, api::callback<nothing> done) override;

  /// The wall that stamps go by: never far from those of the members that are linked. Any thread.
  uint64_t bounded_wall_ms() const;
  /// By how much the newest stamp is ahead of the wall, in seconds; 0 when it is not.
  double hlc_drift_seconds() const;

  /// Whether local writes are taken; `reason` is what clients are told. Empty: they are. Writes
  /// accepted before the call are ahead of everything given to the writer after it.
  void refuse_writes(std::string reason);
  /// Makes this device no member any more; success when it is none.
  void remove_self(api::callback<nothing> done);
  /// Calls back once all that was given to the writer before is durable.
  void flush(api::callback<nothing> done);
  /// The last call, by the library actor: lets go of store and actors. Whoever still asks is told
  /// that the library is closed.
  void close(std::string reason);

  /// What is durable now; called by the store writer before it answers.
  void publish(const replica_summary& made, uint64_t newest_stamp_ms);
  /// Set once, before `connect`: what the store holds as it is opened. What the protocol asks for,
  /// the actor carries out.
  protocol::effects take_stored(protocol::stored first);
  /// Set once, before anything else happens.
  void connect(caf::actor actor, store_writer_actor writer);

private:
  friend class library_loop;

  /// Hands over under the mutex, so that nothing comes behind `close` or a refusal of writes.
  template <class Message>
  bool to_actor(Message m);
  void store(job what);
  uint64_t bounded(uint64_t wall) const;

  library_setup setup_;
  const std::shared_ptr<api::change_bell> bell_ = std::make_shared<api::change_bell>();

  mutable std::mutex bounds_mutex_; // never held for long: the writer asks for each group
  std::optional<protocol::wall_bounds> wall_bounds_;

  mutable std::mutex mutex_; // guards what follows; held for one step at a time
  caf::actor actor_;         // null: closed
  store_writer_actor writer_;
  std::shared_ptr<kv_store> store_;
  std::string refusal_;
  std::string restored_;
  std::vector<std::pair<uint64_t, std::string>> forged_; // alarms, and until when, mono us
  bool paused_ = false;
  std::unique_ptr<protocol::replicator> protocol_;
  replica_summary
      summary_; // may be ahead of the protocol by the groups that are on their way to it
  struct peer_note {
    uint64_t last_seen_ms = 0;
    std::string last_error;
  };
  std::map<device_id, peer_note> notes_;
  op_times times_;
  uint64_t newest_stamp_ms_ = 0;
};

/// The LIBRARY actor. Its first message is library_opened.
caf::behavior library_actor(caf::event_based_actor* self, std::shared_ptr<library_core> core);

} // namespace shoal
