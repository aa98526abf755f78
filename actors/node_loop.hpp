#pragma once
// The inside of the node actor. node_actor.cpp has whom to accept, when to dial, start and stop.
// node_links.cpp has the links: one connection per peer. node_libraries.cpp has the libraries:
// making, joining, leaving, rebuilding, pausing them, and what happens when one of them fails.
// node_disk.cpp has what becomes of a library whose disk has no room, or does not answer.

#include "actors/node_actor.hpp"
#include "actors/protocol/pace.hpp"
#include "actors/protocol/rest.hpp"

#include <random>

namespace shoal {

class node_loop {
public:
  node_loop(caf::event_based_actor* self, std::shared_ptr<node_setup> setup);

  void start();
  void on(const members_changed& m);
  void on(const drop_peer& d);
  void on(const dial_now&);
  void on(const link_anew& l);
  void on(const node_tick&);
  void on(const stop_node&);
  // node_links.cpp
  void on(const transport::link_up& up);
  void on(const transport::link_down& down);
  void on(const transport::dial_failed& failed);
  void on(const transport::link_refused& refused);
  void dial_next();
  void on(const link_greeted& g);
  void on(const link_alive& a);
  void on(const duplicate_reported& d);
  // node_libraries.cpp
  void on(create_library_request& c);
  void on(library_order& o);
  void on(const library_stopped& s);
  void on(const library_damaged& d);
  // node_departures.cpp
  void on(const departure_heard& h);
  // node_disk.cpp
  void on(const library_out_of_room& r);

private:
  /// An authenticated connection that is not in force (yet).
  struct connection {
    caf::actor link;
    caf::actor receiver; // holds its frames
    uint64_t number = 0;
    bool outbound = false;
    std::string remote;
    uint64_t nonce = 0; // of the process that greeted on it; 0: none yet
    library_id greeted_in;
    enum class reason : uint8_t { own_dial, greeting, old_link };
    reason waits = reason::own_dial;
    uint64_t until_us = 0;
  };
  struct peer {
    caf::actor link; // null: not linked
    caf::actor receiver;
    uint64_t number = 0;   // of the connection
    uint64_t nonce = 0;    // of the process at its other end; 0: it has not said Hello
    bool outbound = false; // this node dialled it
    std::optional<connection> next;
    std::string last_failure; // of a link or dial
    uint64_t since_us = 0;
    bool dialling = false;
    bool only_removed = false; // all libraries that want it linked have removed this device
    uint64_t dialled_us = 0;
    size_t next_address = 0;
    protocol::backoff wait;
    std::vector<config::address> addresses;
    std::string drop_reason; // why this node ends the link
    protocol::pace lines;    // of the log, about it
    protocol::rest rest;     // after a breach
    uint64_t rested_for = 0; // the connection on which it broke a rule last: once is enough
  };
  struct library {
    library_entry entry;
    caf::actor actor; // null: failed, or being closed
    member_set members;
    bool disk_failed = false; // it could not be opened; it is tried again

    /// Whether a session with the device is possible.
    bool wants(const device_id& device, const device_id& self) const;
    bool removed(const device_id& self) const;
  };
  /// A library that is being closed; `then` runs when nobody uses its store any more.
  struct closing {
    std::weak_ptr<const void> in_use;
    bool stopped = false; // the library actor said its last word
    bool told = false;    // and a member has noted that this device left
    std::function<void(bool told)> then;
    std::shared_ptr<api::callback<std::string>> answer; // told when it takes long; may be null
    uint64_t patient_until_us = 0;
  };
  struct departed {
    departure note;
    std::optional<library_entry> entry; // when the configuration names it
    caf::actor actor;

    bool tells() const;
    bool wants(const device_id& device) const;
  };
  using answer = std::shared_ptr<api::callback<std::string>>;

  void update_peers();
  void want(std::map<device_id, std::vector<config::address>>& wanted, const library& l) const;
  void drop_strangers();
  void dial_due();
  void finish_stop();
  // node_links.cpp
  peer& peer_of(const device_id& device);
  void adopt(const device_id& device, peer& p, connection c);
  void adopt_next(const device_id& device, peer& p);
  void give_up_next(peer& p, const std::string& why);
  void step_next();
  void alarm(const std::string& cause, const std::string& text);
  void note_own_key(const std::string& reason);
  static bool may_say(peer& p);
  void note_breach(const device_id& device, peer& p, const std::string& reason, bool hearsay);
  void publish(const device_id& device, const peer& p);
  const device_id& self_id() const { return setup_->catalog.key.device(); }
  // node_libraries.cpp
  status open_one(const library_entry& entry);
  void open_or_show(const library_entry& entry);
  void introduce(const library& l);
  void show_closed(const library_entry& entry, const std::string& state, error why);
  void close_one(library& l, const std::string& reason, bool left, answer told,
                 std::function<void(bool told)> then);
  void step_closing();
  void begin_anew(library& l, const std::string& why, answer done);
  void refill(const library_id& id, const std::string& why, const answer& done);
  void join(const library_order& o);
  void leave(library& l, const library_order& o);
  void leave_now(const library_id& id, bool drop, const answer& done);
  void pause(library& l, bool on, const answer& done);
  // node_departures.cpp
  void each_actor_of(const device_id& device, const std::function<void(const caf::actor&)>& on);
  std::vector<library_entry> without_departed(std::vector<library_entry> entries);
  void depart(departure note, std::optional<library_entry> configured);
  void end_departure(const library_id& id);
  void note_told(const library_id& id, const device_id& by);
  void note_refusal(const device_id& device, const std::string& reason);
  void want_departed(std::unordered_set<device_id>& accepted,
                     std::map<device_id, std::vector<config::address>>& wanted) const;
  bool is_name_taken(const std::string& name) const;
  // node_disk.cpp
  void open_again();
  /// Wraps what is to go on here when another thread answers.
  void post(std::function<void()> run);

  caf::event_based_actor* self_;
  std::shared_ptr<node_setup> setup_;
  std::mt19937_64 random_;
  caf::actor listener_;
  caf::actor dialer_;
  std::map<device_id, peer> peers_;
  std::map<library_id, library> libraries_;
  std::map<library_id, closing> closing_;
  std::map<library_id, departed> departed_; // that members must be told of, or may take back
  device_id dialled_last_;
  bool dials_wait_ = false; // for one of those under way to end
  uint64_t next_number_ = 1;
  uint64_t open_again_us_ = 0; // when libraries that the disk failed are tried next
  uint64_t stop_at_us_ = 0;    // 0: running; else when libraries must be done with their offers
  bool links_told_ = false;    // to end
};

} // namespace shoal
