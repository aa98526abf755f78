#pragma once
// The inside of the library actor: feeds events to the protocol and carries out its effects.

#include "actors/library.hpp"

#include <deque>
#include <spdlog/spdlog.h>

namespace shoal {

class library_loop {
public:
  library_loop(caf::event_based_actor* self, std::shared_ptr<library_core> core)
      : self_(self), core_(std::move(core)), setup_(core_->setup_), store_(core_->store_),
        log_(spdlog::get("library")), paused_(setup_.paused) {}

  void on(library_opened& o);
  void on(group_stored& g);
  void on(protocol::loaded& l) { step(std::move(l)); }
  void on(session_up& s);
  void on(session_down& s);
  void on(inbound& in);
  void on(wait_request& w);
  void on(member_change& c);
  void on(prune_request& p);
  void on(protocol::summed& s) { step(std::move(s)); }
  // library_verify.cpp
  void on(verify_request& v);
  void on(store_verified& v);
  void on(library_tick& t);
  void on(pause_library& p);
  void on(stop_library& s);

private:
  struct link {
    uint64_t number = 0;
    caf::actor actor;
  };
  static constexpr size_t broadcasts_measured = 4096;
  /// A local range on its way to all connected peers.
  struct broadcast {
    stream_id stream;
    uint64_t to = 0;
    uint64_t synced_us = 0;
  };

  /// One protocol step and all it asks for. Returns with the lock released.
  void step(protocol::event e);
  void follow(protocol::effects& effects, const std::optional<device_id>& heard);
  void carry_out(protocol::send& s);
  void carry_out(protocol::load& l);
  void carry_out(protocol::apply& a);
  void carry_out(protocol::close_link& c);
  void carry_out(protocol::fold_members& f);
  void carry_out(protocol::keep_statement& k);
  void carry_out(protocol::make_statement& m);
  void carry_out(protocol::prune& p);
  void carry_out(protocol::prune_marks& p) { commit(prune_marks_job{std::move(p.stable)}); }
  void carry_out(protocol::repair& r) { commit(repair_job{std::move(r)}); }
  void carry_out(protocol::keep_state& k) { commit(keep_state_job{std::move(k)}); }
  void carry_out(protocol::load_standing& l) { read(l); }
  void carry_out(protocol::sum& s) { read(std::move(s)); }
  void carry_out(protocol::compared& c);
  void carry_out(protocol::forged& f);
  void check_verified();
  template <class What>
  void read(What what) {
    next_reader_ = (next_reader_ + 1) % setup_.readers.size();
    self_->send(setup_.readers[next_reader_],
                read_job{store_, std::move(what), caf::actor_cast<caf::actor>(self_)});
  }
  void commit(job what);
  void arm();
  /// `heard`: of nobody else anything was heard since the last time.
  void check_waits(const std::optional<device_id>& heard = std::nullopt);
  void check_broadcasts();
  void note_stored(const protocol::stored& s);
  void log_stored(const protocol::stored& s);
  void bound_wall();
  void note_mismatch(const device_id& peer);
  void note_models(const device_id& peer, const hello& h);
  void end_session(const device_id& peer, const std::string& reason);
  // library_life.cpp
  void say_goodbye(const std::string& reason);
  void note_restored(const device_id& peer, const frontier& theirs);
  void note_made_up();
  void note_sessions();
  bool may_say(const device_id& peer);
  void drop_strangers();
  void consider_end();

  caf::event_based_actor* self_;
  std::shared_ptr<library_core> core_;
  library_setup& setup_;
  std::shared_ptr<kv_store> store_;
  std::shared_ptr<spdlog::logger> log_; // asked whether it is at debug; null: nobody logs
  std::map<device_id, link> links_;
  std::map<device_id, protocol::pace> lines_;          // of the log, about a peer
  std::map<device_id, std::vector<frame_ptr>> outbox_; // frames of one step, handed over together
  std::vector<std::shared_ptr<wait_job>> waits_;
  std::deque<broadcast> broadcasts_;
  device_id broadcast_lacks_; // whose ack was missing when they were looked at last
  size_t next_reader_ = 0;
  struct verifying {
    bool repair = false;
    bool with_peers = false;
    api::verify_answer answer;
    std::shared_ptr<api::callback<api::verify_answer>> done;
  };
  std::unique_ptr<verifying> verifying_; // null: nobody asked
  uint64_t armed_us_ = 0;                // when the next tick is due; 0: none is
  uint64_t generation_ = 0;
  bool paused_ = false;
  uint64_t session_changes_ = 0;  // up to which sessions were logged last
  std::set<device_id> connected_; // live sessions, as last logged
  std::set<device_id> stale_;     // those of them that are silent
  struct ending {
    std::string reason;
    bool left = false;
    uint64_t until_us = 0;
    bool flushed = false;
  };
  std::optional<ending> ending_;
  bool ended_ = false;
  bool told_ = false; // a peer holds this device's removal durably
};

} // namespace shoal
