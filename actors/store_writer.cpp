#include "actors/store_writer.hpp"

#include "actors/commit_group.hpp"
#include "actors/held_jobs.hpp"
#include "config/limits.hpp"
#include "store/sync/pending_view.hpp"

#include <caf/all.hpp>

#include <system_error>

namespace shoal {

namespace {

/// For a commit to go with: ten peers' statements cost no sync each.
constexpr uint64_t statements_wait_ms = 20;

/// A group whose commit is under way.
struct flight {
  std::unique_ptr<commit_group> group;
  std::shared_ptr<const kv_view> view; // the store with it
  std::future<status> result;
};

size_t bytes_of(const edit& e) {
  size_t bytes = 0;
  for (const auto& f : e.fields) {
    bytes += f.value.size();
    for (const auto* list : {&f.add, &f.remove})
      for (const auto& element : *list)
        bytes += element.size();
    for (const auto& [key, value] : f.keys)
      bytes += key.size() + value.size();
  }
  for (const auto& [name, value] : e.local)
    bytes += value.size();
  return bytes;
}

/// What there is to do for it, in about as many bytes as it carries. None: that does not tell.
std::optional<size_t> cost_of(const job& j) {
  size_t bytes = 0;
  if (const auto* a = std::get_if<apply_job>(&j)) {
    for (const auto& p : a->what.parts)
      bytes += p.ops.size() + p.count * limits::small_group_op_bytes;
    return bytes;
  }
  if (const auto* w = std::get_if<write_job>(&j)) {
    for (const auto& e : w->edits)
      bytes += bytes_of(e) + limits::small_group_op_bytes;
    return bytes;
  }
  if (const auto* k = std::get_if<keep_statement_job>(&j))
    return (k->what.held.open.size() + k->what.held.ended.size()) * sizeof(dot);
  if (std::holds_alternative<make_statement_job>(j))
    return limits::small_group_op_bytes; // signed
  return std::nullopt;
}

bool is_small_talk(const job& j) {
  return std::holds_alternative<keep_statement_job>(j)
         || std::holds_alternative<make_statement_job>(j);
}

struct writer_state {
  std::shared_ptr<writer_setup> setup;
  caf::actor library;
  std::vector<std::shared_ptr<job>> waiting;
  std::optional<size_t> waiting_cost = 0; // of cost_of; none: one has none
  size_t waiting_writes = 0;              // and ranges and the like
  unsigned quick_in_a_row = 0;            // small groups, on a thread of the writer's own
  bool on_errand = false;                 // there: back when it is done
  uint64_t watch_until_us = 0;            // what of a group's time is a wait for a processor
  bool flushing = false;
  bool gathering = false; // statements wait for a flush_group that is on its way
  bool looking = false;   // a look_at_held is on its way
  bool failed = false;
  std::optional<flight> flying;
  uint64_t flights = 0;               // so far
  std::unique_ptr<commit_group> open; // what was written since
  size_t jobs_in_open = 0;
  bool room = true;          // on the disk, when it was looked at last
  held_jobs held;            // while the disk has no room
  bool watching = false;     // a look_at_disk is on its way
  bool resting = false;      // a look_at_merges is on its way
  bool keeping_mark = false; // a look_at_mark is on its way

  void take(const std::shared_ptr<job>& j) {
    waiting.push_back(j);
    waiting_writes += is_small_talk(*j) ? 0 : 1;
    const auto more = waiting_cost ? cost_of(*j) : std::nullopt;
    waiting_cost = more ? std::optional(*waiting_cost + *more) : std::nullopt;
  }

  /// Whether links can wait for what is to be done, on a disk that is quick.
  bool small() const {
    return waiting_writes <= limits::small_group_jobs_max && waiting_cost
           && *waiting_cost <= limits::small_group_bytes_max && held.empty() && !flying
           && !releases_due();
  }
  bool releases_due() const {
    const auto due = setup->data->next_release_ms();
    return setup->data->retrying() || (due && *due <= setup->wall_ms());
  }

  bool among_sockets() const { return setup->place && !setup->place->aside(); }
  /// True: from the next message on, the writer runs elsewhere.
  bool leave_sockets() {
    quick_in_a_row = 0;
    on_errand = false;
    return among_sockets() && setup->place->leave_sockets();
  }
  /// True: what is to be done on this message, which makes the writer wait, is done when it comes
  /// again, elsewhere.
  template <class Message>
  bool leave_for(const Message& m, caf::event_based_actor* self) {
    if (!among_sockets() || !leave_sockets())
      return false;
    on_errand = true;
    self->send(self, m);
    return true;
  }
  void errand_done() {
    if (std::exchange(on_errand, false))
      setup->place->join_sockets();
  }

  /// Where the next group is made is for this one to tell.
  void flush_timed(caf::event_based_actor* self) {
    const auto begun_us = setup->time.mono_us();
    const bool was_small = small();
    const bool links_can_wait = was_small && !setup->disk->slow(begun_us);
    if (!links_can_wait && leave_sockets())
      return self->send(self, flush_group{});
    const auto delay_before = begun_us < watch_until_us ? setup->time.run_delay_us() : std::nullopt;
    if (!flush(self) || !setup->place)
      return;
    const auto now_us = setup->time.mono_us();
    const bool was_slow =
        was_small
        && disk_time_us(now_us, now_us - begun_us, delay_before) > limits::small_group_us_max;
    if (was_slow)
      setup->disk->was_slow(now_us);
    if (!links_can_wait || was_slow)
      leave_sockets();
    else if (setup->place->aside() && ++quick_in_a_row >= limits::small_groups_before_return)
      setup->place->join_sockets();
  }

  /// Of what a group took, all but the wait for a processor, for as long as that is watched: where
  /// many nodes share a machine, a thread of its own only adds to those waits.
  uint64_t disk_time_us(uint64_t now_us, uint64_t took_us, std::optional<uint64_t> delay_before) {
    if (took_us <= limits::small_group_us_max)
      return took_us;
    watch_until_us = now_us + limits::run_delay_watch_ms * 1000;
    const auto delay = delay_before ? setup->time.run_delay_us() : std::nullopt;
    return delay ? took_us - std::min(took_us, *delay - *delay_before) : took_us;
  }

  /// False: there was nothing to write, or nothing may be written.
  bool flush(caf::event_based_actor* self) {
    flushing = gathering = false;
    auto jobs = std::exchange(waiting, {});
    waiting_cost = 0;
    waiting_writes = 0;
    if (jobs.empty() && held.empty())
      return false; // another flush took them along
    if (failed)
      return refuse(jobs), false;
    const auto checked = setup->disk->check();
    room = checked.ok();
    if (!room)
      return hold(std::move(jobs), checked.err(), self), false;
    if (!held.empty()) {
      auto all = held.give_back();
      all.insert(all.end(), jobs.begin(), jobs.end());
      jobs = std::move(all);
    }
    size_t i = 0;
    const auto rest_of_jobs = [&] {
      return std::vector<std::shared_ptr<job>>{jobs.begin() + static_cast<ptrdiff_t>(i),
                                               jobs.end()};
    };
    auto most_read = among_sockets() ? std::optional(limits::small_group_read_max) : std::nullopt;
    while (i < jobs.size() && !failed) {
      auto& g = group();
      bool made = true;
      for (; made && i < jobs.size() && !full(); i += made, jobs_in_open += made)
        made = g.make(*jobs[i], most_read);
      if (!made && leave_sockets()) {
        end_group(self);
        return take_up_again(rest_of_jobs(), self), true;
      }
      if (!made)
        most_read.reset(); // no thread is to be had
      end_group_unless_flying(self);
    }
    refuse(rest_of_jobs());
    return true;
  }

  /// Elsewhere: what links cannot wait for.
  void take_up_again(const std::vector<std::shared_ptr<job>>& jobs, caf::event_based_actor* self) {
    for (const auto& j : jobs)
      take(j);
    waiting_cost.reset(); // whatever they carry
    flushing = true;
    self->send(self, flush_group{});
  }

  /// The one that is being made; it reads through the commit that is under way.
  commit_group& group() {
    if (!open) {
      open = std::make_unique<commit_group>(
          *setup, flying ? flying->view : std::shared_ptr<const kv_view>(setup->store));
      jobs_in_open = 0;
    }
    return *open;
  }

  bool full() const {
    return jobs_in_open >= limits::group_commit_requests_max
           || (jobs_in_open > 0 && open->bytes() >= limits::group_commit_bytes_max);
  }

  /// While a commit is under way the group grows until that has ended: sooner, it could not be
  /// committed anyway.
  void end_group_unless_flying(caf::event_based_actor* self) {
    if (open && (!flying || full()))
      end_group(self);
  }
  void end_group(caf::event_based_actor* self) {
    end_group(self, among_sockets() ? 0 : limits::release_ops_max);
  }
  void end_group(caf::event_based_actor* self, size_t release_max) {
    open->release(room ? release_max : 0);
    commit(std::exchange(open, nullptr), self);
  }

  /// In the order of the groups: of at most one is the commit under way, beside the next one's
  /// making.
  void commit(std::unique_ptr<commit_group> g, caf::event_based_actor* self) {
    const bool large = g->bytes() >= setup->aside_bytes_min;
    auto batch = g->seal();
    land(self);
    if (failed)
      return g->give_up();
    setup->store->names_are_known(setup->data->knows_names());
    if (batch.empty()) // also a group that failed as it was made: the next must not rest on it
      return conclude(*g, success(), self);
    if (!large || !setup->aside)
      return conclude(*g, setup->store->commit(batch), self);
    auto writes = std::make_shared<const kv_batch>(std::move(batch));
    flying.emplace();
    flying->group = std::move(g);
    flying->view = std::make_shared<pending_view>(*setup->store, writes);
    flying->result = setup->aside([store = setup->store, writes] { return store->commit(*writes); },
                                  [me = caf::actor_cast<caf::actor>(self), n = ++flights] {
                                    caf::anon_send(me, look_at_commit{n});
                                  });
  }

  /// Waits for the commit that is under way, if any.
  void land(caf::event_based_actor* self) {
    if (!flying)
      return;
    auto landed = std::move(*flying);
    const auto committed = landed.result.get();
    flying.reset();
    conclude(*landed.group, committed, self);
    if (failed && open)
      std::exchange(open, nullptr)->give_up();
  }

  /// All that was accepted, and the commit that is under way.
  void finish(caf::event_based_actor* self) {
    flush(self);
    while (flying || open) {
      land(self);
      if (open)
        end_group(self);
    }
  }

  /// Between two commits: an idle store is to have done what many of them left undone.
  void rest(caf::event_based_actor* self) {
    if (resting || failed || flying)
      return;
    if (const auto wait = setup->store->rest()) {
      resting = true;
      self->delayed_send(self, *wait, look_at_merges{});
    }
  }

  /// Behind the answers: the mark may lag, and makes nothing durable.
  void keep_mark(caf::event_based_actor* self) {
    if (failed || keeping_mark || !setup->mark.due(setup->time.mono_us()))
      return;
    if (among_sockets()) {
      keeping_mark = true;
      self->send(self, look_at_mark{});
    } else {
      settle_mark();
    }
  }
  void settle_mark() {
    if (auto kept = setup->mark.settle(setup->time.mono_us()); !kept) {
      failed = true;
      setup->on_failure(kept.err());
    }
  }

  void conclude(commit_group& g, const status& committed, caf::event_based_actor* self) {
    failed = !g.conclude(committed, library, self);
    keep_mark(self);
    rest(self);
    if (g.prune_again() && !failed)
      self->send(self, store_job{std::make_shared<job>(prune_job{*g.prune_again(), {}})});
    if (g.marks_again() && !failed)
      self->send(self, store_job{std::make_shared<job>(prune_marks_job{*g.marks_again()})});
  }

  /// After a failure: clients are told; what peers sent they send again to the
  /// store that follows.
  void refuse(const std::vector<std::shared_ptr<job>>& jobs) {
    const error why{ec::unavailable, "the library's store failed just before this request, of "
                                     "which nothing was done; try again"};
    for (const auto& j : jobs)
      static_cast<void>(held.take(j, why));
    static_cast<void>(held.give_back());
  }

  void hold(std::vector<std::shared_ptr<job>> jobs, const error& why,
            caf::event_based_actor* self) {
    for (const auto& j : jobs)
      if (!held.take(j, why))
        group().refuse(*j, why);
    end_group_unless_flying(self);
    watch_disk(self);
  }

  /// Until there is room for what is held.
  void watch_disk(caf::event_based_actor* self) {
    if (watching || failed || held.empty())
      return;
    watching = true;
    self->delayed_send(self, std::chrono::milliseconds(limits::disk_check_ms), look_at_disk{});
  }

  /// The time of held ops comes without a write to go with.
  void release(caf::event_based_actor* self) {
    looking = false;
    room = !setup->disk->low();
    if (!failed && room && releases_due()) {
      group();
      if (!flying) // else the end of that commit does
        end_group(self, limits::release_ops_max);
    }
    plan_release(self);
  }

  void plan_release(caf::event_based_actor* self) {
    const auto due = setup->data->next_release_ms();
    const bool retrying = setup->data->retrying();
    if (looking || failed || flying || (!due && !retrying))
      return; // of a commit that is under way there will be word
    const auto wall = setup->wall_ms();
    auto wait = retrying || *due <= wall ? 0 : *due - wall + 1;
    if (setup->disk->low())
      wait = std::max(wait, limits::disk_check_ms);
    looking = true;
    self->delayed_send(self, std::chrono::milliseconds(std::min(wait, limits::release_poll_ms)),
                       look_at_held{});
  }
};

} // namespace

std::future<status> commit_on_a_thread(std::function<status()> commit,
                                       std::function<void()> ended) {
  try {
    return std::async(std::launch::async, [commit, ended] {
      const std::shared_ptr<void> at_the_end(nullptr, [&](void*) { ended(); });
      return commit();
    });
  } catch (const std::system_error&) { // no thread is to be had
    ended();
    return std::async(std::launch::deferred, std::move(commit));
  }
}

caf::behavior store_writer(caf::event_based_actor* self, std::shared_ptr<writer_setup> setup,
                           caf::actor library) {
  auto state = std::make_shared<writer_state>();
  state->setup = std::move(setup);
  state->library = std::move(library);
  self->set_exit_handler([=](const caf::exit_msg& e) {
    if (state->leave_sockets()) // a store that is closed waits for its disk
      return self->send_exit(self, e.reason);
    state->finish(self); // what was accepted is committed also when the node stops
    if (!state->failed)
      (void)state->setup->mark.settle(
          state->setup->time.mono_us()); // a mark that lags is found by the next start's peers
    self->quit(e.reason);
  });
  self->attach_functor([=] { // handles to this actor may outlive it; the store must not
    state->open.reset();
    state->flying.reset();
    state->library = nullptr;
    state->setup = nullptr;
  });
  state->plan_release(self);
  return {
      [=](const store_job& j) {
        state->take(j.what);
        if (state->flushing)
          return;
        // Somebody's word about what it holds is in no hurry: it goes with what
        // comes next.
        if (std::holds_alternative<keep_statement_job>(*j.what)) {
          if (!std::exchange(state->gathering, true))
            self->delayed_send(self, std::chrono::milliseconds(statements_wait_ms), flush_group{});
          return;
        }
        // The flush lands behind everything that is queued already: each sync
        // commits just the backlog.
        state->flushing = true;
        self->send(self, flush_group{});
      },
      [=](const flush_group&) {
        state->flush_timed(self);
        state->plan_release(self);
      },
      [=](const look_at_commit& c) {
        if (c.n == state->flights) // else the next group waited for it, and it has landed
          state->land(self);
        state->end_group_unless_flying(self);
        state->plan_release(self);
      },
      [=](const look_at_held& l) {
        if (state->releases_due() && state->leave_for(l, self))
          return;
        state->release(self);
        state->errand_done();
      },
      [=](const look_at_merges& l) {
        if (state->leave_for(l, self))
          return;
        state->resting = false;
        state->rest(self);
        state->errand_done();
      },
      [=](const look_at_mark& l) {
        if (state->leave_for(l, self))
          return;
        state->keeping_mark = false;
        if (!state->failed)
          state->settle_mark();
        state->errand_done();
      },
      [=](const look_at_disk& l) {
        if (state->leave_for(l, self))
          return;
        state->watching = false;
        state->flush(self);
        state->errand_done();
      },
      [](const pulse&) {},
  };
}

} // namespace shoal
