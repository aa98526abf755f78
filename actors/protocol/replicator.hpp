#pragma once
// One library's part in the protocol: `step(event) → effects`, with no clock, thread, random, file
// or socket. The library actor runs it in production, tests/sim in the simulator.
//
// It keeps one session per linked member, pushes this node's own streams to all of them, feeds the
// origins that a peer asked for, chooses a feeder for every origin that is not linked, bounds what
// is in flight, acknowledges, collects statements and says what may be pruned. What is durable it
// learns from `stored` events only.

#include "actors/protocol/backoff.hpp"
#include "actors/protocol/clock_rule.hpp"
#include "actors/protocol/coalesce.hpp"
#include "actors/protocol/events.hpp"
#include "actors/protocol/live_ring.hpp"
#include "actors/protocol/pace.hpp"
#include "actors/protocol/settings.hpp"
#include "messages/message.hpp"

#include <functional>
#include <set>
#include <vector>

namespace shoal::protocol {

enum class session_state { greeting, live, refused };

/// Why a peer is to be asked for an exchange, the more pressing the greater.
enum class exchange_cause { none, statements, holdings };

/// What is known of one linked peer.
struct session {
  session_state state = session_state::greeting;
  bool hello_sent = false;
  frontier at_hello;   // what it held when it said Hello: `ready` waits for it
  uint64_t models = 0; // hash of its model definitions, as of its Hello; 0: not told
  uint64_t window = wire_limits::window_bytes;
  uint64_t in_flight = 0; // range bytes sent and not credited

  struct cursor {
    uint64_t sent = 0;           // all up to here is on its way or held
    std::optional<uint64_t> end; // a request without follow stops here
    uint64_t asked_us = 0;       // when the peer asked to begin behind what it had got by then
  };
  std::map<stream_id, cursor> cursors; // streams that go to this peer
  std::set<device_id> following;       // origins it asked to follow
  bool loading = false;                // one read at a time

  std::vector<range> assembling; // parts of a range that is still coming
  uint64_t assembling_cost = 0;

  uint64_t expecting_us = 0; // since when ops are due from it and none came; 0: none are
  backoff expected;          // … and when to ask again

  bool stale = false; // silent for longer than a beat should take
  uint64_t last_heard_us = 0;
  uint64_t next_beat_us = 0;
  uint64_t next_ping = 1;
  std::map<uint64_t, uint64_t> pings; // ping → when it was sent
  uint64_t echo = 0;
  uint64_t echo_since_us = 0;
  uint64_t last_exchange_us = 0;
  exchange_cause to_ask = exchange_cause::none; // when its turn comes
  uint64_t differs_since_us = 0;                // … since when its heartbeats have given cause
  unsigned other_statements = 0; // how many heartbeats in a row told of others than this node has
  std::optional<uint64_t> rtt_us;
  std::optional<int64_t> clock_offset_ms;
  std::optional<int64_t> clock_from_mono_ms; // its wall less this node's monotonic clock
  uint64_t beat_frontier_hash = 0;           // of its last heartbeat
  uint64_t beat_members_hash = 0;
  uint64_t beat_statements_hash = 0;
  std::string beat_digest;
  uint64_t compared_us = 0; // when unequal digests led to a comparison last

  bool asks = false;       // from its Hello: what is pushed to others waits for its request
  bool awaits = false;     // this node's Hello said so to it
  uint64_t greeted_us = 0; // when its Hello came

  bool filling = false; // from its Hello, as are the next three
  uint64_t records = 0;
  uint64_t capabilities = 0;
  frontier deletes_from;
  bool compares = false;            // it compared what it held: forgotten deletes do it no harm
  bool below_horizon = false;       // what it lacks cannot be told from here: it must compare
  std::optional<frontier> demanded; // it said the same of this node
  bool summing = false;             // checksums for it are being read
  bool mending = false;             // what stands in an interval is being read for it
  struct run {
    stream_id stream;
    uint64_t from = 0;
    uint64_t to = 0;
  };
  std::deque<run> reminders; // what it has lost: sent as its window allows
  bool reminding = false;    // the first of them is being read
  pace exchanges;            // that it asked for
  uint64_t beat_quarantine = 0;
};

enum class library_state { uninitialized, backfilling, catching_up, ready };
std::string_view to_string(library_state s);

class replicator {
public:
  replicator(settings s, uint64_t now_us);

  /// Advances by one event. `now_us` never goes back.
  effects step(event e, uint64_t now_us);

  const frontier& held() const { return held_; }
  const member_set& members() const { return members_; }
  const std::map<device_id, session>& sessions() const { return sessions_; }
  /// Another number whenever a session began, ended, or changed its `state` or `stale`.
  uint64_t session_changes() const { return session_changes_; }
  /// What a member is known to hold durably: from its acks, its Hello, and its statements.
  frontier held_by(const device_id& device) const;
  /// A stream of `what` of which it is not known to hold as much; none: it holds all of it. `first`
  /// is looked at before the others: what lacks as a rule.
  std::optional<stream_id> lacks(const device_id& device, const frontier& what,
                                 const std::optional<stream_id>& first = std::nullopt) const;
  /// Up to which seq of one stream.
  uint64_t acked_by(const device_id& device, const stream_id& stream) const;
  const std::string& digest() const { return digest_; }
  library_state state(uint64_t now_us) const;
  /// Empty when every member is linked, settled, and has this node's frontier and digest; else what
  /// is in the way.
  std::string not_converged() const;
  /// What all members' statements cover; nothing while one is missing or was made under another
  /// member set.
  std::optional<frontier> stable() const;
  /// Members whose statements hold the log back.
  std::vector<device_id> holding_back() const;
  bool settled() const { return settled_; }
  /// While `backfilling`.
  struct backfill {
    device_id peer;
    double progress = 0;            // 0 to 1, of what the peer announced
    std::optional<uint64_t> eta_us; // not known in the first moments
  };
  std::optional<backfill> filling_from() const;
  /// Per origin the first epoch that statements and tokens name.
  const std::map<device_id, uint64_t>& ended() const { return kept_.ended; }
  /// Members that retention passes over, and since when (wall ms).
  const std::map<device_id, uint64_t>& passed_over() const { return kept_.passed_over; }
  bool comparing() const { return !comparisons_.empty() || !to_compare_.empty(); }
  /// Hash of this node's model definitions.
  uint64_t models() const { return settings_.models; }
  /// Changes it; peers learn of it with the next Hello.
  void set_models(uint64_t hash) { settings_.models = hash; }
  /// Taken back after a removal: this store is from before it, and nothing of it may reach anyone.
  bool superseded() const;
  /// Whether a session with the peer is possible: it is a member, or a contact of a node that is
  /// none yet; and this store is not from before a removal.
  bool greets(const device_id& peer) const;
  /// Every linked member has acknowledged all of this node's own ops.
  bool own_ops_taken() const;
  /// Requests that wait for their time to be made again.
  size_t retries() const;
  /// Streams of one origin of which the store takes no more: it holds as many of the origin's ops
  /// as it may, stamped too far ahead. What comes of them is left with the sender, and asked for
  /// again when something was merged, or after a growing wait.
  struct full_origin {
    std::set<stream_id> streams;
    backoff retry;
    uint64_t tried_us = 0;
    bool trying = false;
    bool room = false; // held ops of somebody were merged since
  };
  const std::map<device_id, full_origin>& full() const { return full_; }
  /// Hash of the ops that this node holds but has not merged.
  uint64_t quarantine() const { return quarantine_; }
  /// Equal frontiers, equal quarantine, both settled, and yet another digest.
  bool diverged_from(const session& s) const;
  /// Within what the wall may be, less the monotonic clock; nothing with fewer than two members'
  /// clocks known.
  std::optional<wall_bounds> bounds() const;
  /// When `tick` is wanted at the latest.
  uint64_t next_tick_us(uint64_t now_us) const;

private:
  // replicator.cpp
  void on(link_up& e);
  void on(link_down& e);
  void on(received& e);
  void on(stored& e);
  void on(summed& e);
  void on(verify& e);
  void on(tick& e);
  enum class blame { none, breach, hearsay };
  void close(const device_id& peer, std::string reason, blame of = blame::none);
  void leave(const device_id& peer);
  static bool compresses(const session& s, const range& part);
  void end_sessions_of_strangers();
  void note_level();
  void take_members(const member_set& set);
  // trust.cpp: what a peer says and asks, held to what can be true and to what can be kept
  bool believes(const device_id& peer, const frontier& said);
  bool takes_members(const device_id& peer, const member_set& told);
  bool takes_stream(const device_id& peer, const stream_id& stream);
  bool takes_bytes(const device_id& peer, uint64_t cost);
  void note_own_word(const statement& said);
  std::string not_connected(const std::function<std::string(const device_id&)>& named) const;
  bool permits_statement(const device_id& member);
  // session.cpp: messages of one peer
  void rest(const device_id& peer, session& s);
  void on_message(session& s, received& e, hello& m);
  void on_message(session& s, received& e, goodbye& m);
  void on_message(session& s, received& e, error_message& m);
  void on_message(session& s, received& e, heartbeat& m);
  void on_message(session& s, received& e, statement& m);
  void on_message(session& s, received& e, watermark_exchange& m);
  void on_message(session& s, received& e, range_message& m);
  void on_message(session& s, received& e, state_request& m);
  void on_message(session& s, received& e, link_ack& m);
  // comparison.cpp
  void on_message(session& s, received& e, compare_request& m);
  void on_message(session& s, received& e, compare_response& m);
  void on_message(session& s, received& e, shared_change_request& m);
  void on_message(session& s, received& e, snapshot_required& m);
  void compare_with(const device_id& peer, comparison_goal goal);
  void next_comparisons();
  comparison* waiting_for(const device_id& peer, const stream_id& stream, comparison::waiting what);
  void next_stream(comparison& c);
  void ask_sums(comparison& c);
  void ask_interval(comparison& c);
  void end_comparison(device_id peer, bool done);
  void finish_repair(const device_id& peer, session& s);
  void on_repaired(const repaired& r);
  void note_lost_there(const device_id& peer, session& s, const std::vector<dot>& lost_there);
  void remind(const device_id& peer, session& s);
  void tick_comparisons();
  void note_digests(const device_id& peer, session& s);
  bool a_neighbour_holds_more(const stream_id& stream) const;
  void consider_lost();

  // tips.cpp
  bool distrusts(const device_id& peer) const;
  void note_relayed(const device_id& origin, const device_id& peer);
  void heed(const tip_check& t);
  void take_anew(const device_id& owner, const std::set<device_id>& rather_not);
  void choose_source(const std::set<device_id>& rather_not);
  // resync.cpp
  void check_horizon(const device_id& peer, session& s);
  void start_resync(const device_id& peer, frontier deletes_from);
  void begin_resync(resync_state state);
  void demand_comparison(const device_id& peer, frontier deletes_from);
  void choose_resync_peer();
  void finish_resync();
  void consider_filled();
  bool takes_from(const device_id& peer) const;
  void send_hello(const device_id& peer, session& s);
  uint64_t crowd() const { return crowd_; } // of members
  uint64_t crowd_of_peers() const;
  void note_crowd();
  void beat(const device_id& peer, session& s);
  uint64_t hash_of_held() const;
  uint64_t hash_of_members() const;
  uint64_t hash_of_membership() const;
  void finish_range(const device_id& peer, session& s);
  void ask_again(const device_id& peer, const stream_id& stream);
  void ask_the_silent();
  backoff fresh_backoff() const;
  uint64_t random();
  void request(const device_id& peer, const device_id& origin, bool follow);
  void ask_exchange(const device_id& peer, session& s);
  void note_passed();
  bool held_lately(uint64_t hash) const;
  exchange_cause cause_to_ask(const device_id& peer, const session& s) const;
  void ask_next_exchange();
  std::map<device_id, known_statement> known_statements() const;
  void exchange(const device_id& peer, session& s, const watermark_exchange* asked = nullptr);
  void greet_with_statements(const device_id& peer, session& s);
  // flow.cpp: what goes out
  void on(loaded& e);
  bool may_send(const stored& e) const;
  void open_cursors(const device_id& peer, session& s);
  session::cursor& cursor_at(session& s, const stream_id& stream);
  void pump_all();
  bool window_open(const session& s) const;
  void pump(const device_id& peer, session& s);
  struct newest_range {
    range all;
    std::vector<op_outline> ops; // of `all`
  };
  std::optional<newest_range> from_ring(const stream_id& stream, uint64_t from) const;
  void send_live(const std::vector<device_id>& to, newest_range newest);
  void send_loaded(const device_id& to, range r);
  void send_part(const std::vector<device_id>& to, message_kind kind, range part);
  // feeders.cpp
  void choose_feeders();
  bool take_over(const device_id& origin);
  uint64_t ahead(const device_id& peer, const device_id& origin) const;
  bool lies_toward(const device_id& peer, const device_id& origin) const;
  bool holds_any_of(const device_id& peer, const device_id& origin) const;
  void tell_of_new_streams(const frontier& before, std::map<device_id, link_ack>& words) const;
  bool pushes(const device_id& origin) const;
  std::set<device_id> wanted_origins() const;
  // room.cpp
  void note_no_room(const stream_id& stream);
  void note_room(const stream_id& stream);
  bool is_full(const stream_id& stream) const;
  bool has_all_but_full(const frontier& f) const;
  void try_full();
  // statements.cpp
  bool may_state() const;
  uint64_t statement_every_us() const;
  void consider_statement();
  void consider_prune();
  void consider_marks();
  void consider_retention();
  void consider_ended();
  void note_said(const statement& s);
  const frontier* said_by(const device_id& member) const;
  std::optional<frontier> covered_by_all(bool passed_over_too) const;
  void spread(const statement& s, const std::optional<device_id>& from);

  settings settings_;
  uint64_t started_us_;
  uint64_t now_us_;
  effects out_;

  frontier held_;
  // Of what they are named for; empty: not computed since it changed.
  mutable std::optional<uint64_t> held_hash_, members_hash_, membership_hash_;
  struct held_before {
    uint64_t hash = 0;    // of what was held
    uint64_t left_us = 0; // until when; of the last: when it came
  };
  std::deque<held_before> passed_; // in a large mesh, in the time of one heartbeat
  uint64_t crowd_ = 1;
  uint64_t statements_hash_ = 0;
  frontier submitted_; // held, plus what was handed to the store and not answered yet
  bool opened_ = false;
  size_t streams_ = 0;  // size of held_ when cursors were opened last
  bool relays_ = false; // some session may have a cursor of another's stream
  // Of which frontiers newest heartbeats told that were not this node's then. Looked through with
  // every commit, so in one piece of memory; a session that ended may still be in it.
  boost::container::flat_map<device_id, uint64_t> beats_that_differ_;
  bool settled_ = true;
  uint64_t log_entries_ = 0;
  uint64_t oldest_log_ms_ = 0;
  uint64_t records_ = 0;
  uint64_t wall_ms_ = 0; // of the newest tick
  std::string digest_;
  frontier until_; // when not settled
  durable_state kept_;
  uint64_t quarantine_ = 0;
  uint64_t quarantined_ = 0;
  std::map<device_id, full_origin> full_;
  member_set members_;
  std::map<device_id, uint64_t> last_sign_us_; // end of its link, or its newest statement
  std::map<device_id, session> sessions_;
  uint64_t session_changes_ = 0;
  std::map<device_id, frontier>
      announced_; // kept when the link goes: what was durable stays durable
  std::map<device_id, statement> statements_;
  std::map<device_id, frontier> said_; // by their statements, unfolded
  std::set<device_id> said_more_;      // in epochs that differ here
  struct coming_statement {
    uint64_t number = 0;
    uint64_t since_us = 0;
  };
  std::map<device_id, coming_statement>
      coming_statements_; // of whom one is on its way to the store
  live_ring ring_;

  // Origin → peer whose link brought a statement of it first: it lies behind that one.
  std::map<device_id, device_id> first_to_tell_;
  std::map<device_id, device_id> feeders_; // origin → peer that was asked for it
  std::map<device_id, uint64_t>
      feeder_stalled_us_;         // origin → since when another is ahead of its feeder
  bool exchanges_due_ = false;    // some peer is to be asked for one,
  uint64_t exchange_next_us_ = 0; // from then on
  bool feeders_due_ = false;      // were to be chosen anew before
  uint64_t feeders_next_us_ = 0;  // they may be
  uint64_t feeders_look_us_ = 0;  // when one that brings nothing is to be left; 0: none
  std::map<stream_id, backoff> gaps_;
  uint64_t random_state_;

  frontier stated_; // what was held when the newest own statement was asked for
  frontier asked_;  // the same, of one that is being made
  uint64_t stated_quarantine_ = 0;
  uint64_t asked_quarantine_ = 0;
  uint64_t stated_membership_ = 0;
  uint64_t last_statement_us_ = 0;
  uint64_t statement_due_us_ = 0; // in a large mesh; 0: no cause for one yet
  bool statement_pending_ = false;
  uint64_t said_look_us_ = 0; // when what all have said was looked at last
  frontier pruned_;           // newest `prune` effect
  /// Round 1 of causal stability: all members hold `stable`; once they hold `level` too, no op that
  /// was made without knowing of it can still be on its way.
  struct stability_round {
    frontier stable;
    frontier level;
    uint64_t membership = 0;
  };
  std::optional<stability_round> round_;
  frontier marks_pruned_;
  uint64_t marks_pruned_us_ = 0;

  std::map<device_id, std::set<device_id>> relayed_; // origin → by whom, since its tip last held
  std::set<device_id> doubted_;                      // whose records were dropped since then
  std::set<device_id> blamed_; // who signed for other records than it sent itself
  struct distrust {
    uint64_t until_us = 0;
    uint64_t for_us = 0; // twice as long each time
    device_id owner;     // of the records in question
  };
  std::map<device_id, distrust> distrusted_;

  std::map<device_id, comparison> comparisons_; // under way, by peer
  std::map<device_id, comparison_goal> to_compare_;
  bool one_compared_ = false;              // to the end, since there was nothing to compare
  uint64_t own_epoch_ = 0;                 // of this run's own writes; 0: none yet
  bool restored_ = false;                  // this device's own word shows that it once held more
  std::map<device_id, uint64_t> unstored_; // range bytes of a peer that wait for the store
  member_set told_members_;                // `members_`, and those on their way to the store
  std::map<device_id, pace> member_paces_, statement_paces_;
  std::optional<device_id> resync_peer_;
  std::optional<uint64_t> lost_since_us_;
  std::vector<stream_id> lost_;
  bool resync_compared_ = false;
  frontier resync_goal_;       // what that peer held: all that its forgotten deletes may cover
  uint64_t fill_since_us_ = 0; // when backfilling began; 0: it does not run
  double fill_from_ = 0;       // its progress then
  uint64_t changed_us_ = 0;    // last change of frontier or digest; 0: peers know
  uint64_t flush_at_us_ = 0;   // end of the batch window that is open; 0: none
};

/// Bytes that a range part counts against a link's window, on both sides.
uint64_t cost_of(const range& part);

} // namespace shoal::protocol
