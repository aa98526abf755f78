#pragma once
// The inside of the library actor: feeds events to the protocol and carries out its effects.

#include "actors/library.hpp"

#include <deque>

namespace shoal {

class library_loop {
public:
  library_loop(caf::event_based_actor* self, std::shared_ptr<library_core> core)
      : self_(self), core_(std::move(core)), setup_(core_->setup_) {}

  void on(group_stored& g);
  void on(protocol::loaded& l) { step(std::move(l)); }
  void on(session_up& s);
  void on(session_down& s);
  void on(inbound& in);
  void on(wait_request& w);
  void on(member_change& c);
  void on(prune_request& p);
  void on(library_tick& t);
  void on(stop_library&);

private:
  struct link {
    uint64_t number = 0;
    caf::actor actor;
  };
  /// A local range on its way to all connected peers.
  struct broadcast {
    stream_id stream;
    uint64_t to = 0;
    uint64_t synced_us = 0;
  };

  /// One protocol step and all it asks for. Returns with the lock released.
  void step(protocol::event e);
  void carry_out(protocol::send& s);
  void carry_out(protocol::load& l);
  void carry_out(protocol::apply& a);
  void carry_out(protocol::close_link& c);
  void carry_out(protocol::fold_members& f);
  void carry_out(protocol::keep_statement& k);
  void carry_out(protocol::make_statement& m);
  void carry_out(protocol::prune& p);
  void store(job what);
  void arm();
  void check_waits();
  void check_broadcasts();
  void note_mismatch(const device_id& peer);
  void note_models(const device_id& peer, const hello& h);
  void end_session(const device_id& peer, const std::string& reason);

  caf::event_based_actor* self_;
  std::shared_ptr<library_core> core_;
  library_setup& setup_;
  std::map<device_id, link> links_;
  std::map<device_id, std::vector<frame_ptr>> outbox_; // frames of one step, handed over together
  std::vector<std::shared_ptr<wait_job>> waits_;
  std::deque<broadcast> broadcasts_;
  size_t next_reader_ = 0;
  uint64_t armed_us_ = 0; // when the next tick is due; 0: none is
  uint64_t generation_ = 0;
};

} // namespace shoal
