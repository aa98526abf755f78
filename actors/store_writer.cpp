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

struct writer_state {
  std::shared_ptr<writer_setup> setup;
  caf::actor library;
  std::vector<std::shared_ptr<job>> waiting;
  bool flushing = false;
  bool gathering = false; // statements wait for a flush_group that is on its way
  bool looking = false;   // a look_at_held is on its way
  bool failed = false;
  std::optional<flight> flying;
  uint64_t flights = 0;               // so far
  std::unique_ptr<commit_group> open; // what was written since
  size_t jobs_in_open = 0;
  bool room = true;      // on the disk, when it was looked at last
  held_jobs held;        // while the disk has no room
  bool watching = false; // a look_at_disk is on its way
  bool resting = false;  // a look_at_merges is on its way

  void flush(caf::event_based_actor* self) {
    flushing = gathering = false;
    auto jobs = std::exchange(waiting, {});
    if (jobs.empty() && held.empty())
      return; // another flush took them along
    if (failed)
      return refuse(jobs);
    const auto checked = setup->disk->check();
    room = checked.ok();
    if (!room)
      return hold(std::move(jobs), checked.err(), self);
    if (!held.empty()) {
      auto all = held.give_back();
      all.insert(all.end(), jobs.begin(), jobs.end());
      jobs = std::move(all);
    }
    size_t i = 0;
    while (i < jobs.size() && !failed) {
      auto& g = group();
      for (; i < jobs.size() && !full(); ++i, ++jobs_in_open)
        std::visit(g, *jobs[i]);
      end_group_unless_flying(self);
    }
    refuse({jobs.begin() + static_cast<ptrdiff_t>(i), jobs.end()});
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
    open->release(room ? limits::release_ops_max : 0);
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

  void conclude(commit_group& g, const status& committed, caf::event_based_actor* self) {
    failed = !g.conclude(committed, library, self);
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
    const auto due = setup->data->next_release_ms();
    room = !setup->disk->low();
    if (!failed && room && (setup->data->retrying() || (due && *due <= setup->wall_ms()))) {
      group(); // whose end releases them
      end_group_unless_flying(self);
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
    state->finish(self); // what was accepted is committed also when the node stops
    if (!state->failed)
      (void)state->setup->mark.settle(); // a mark that lags is found by the next start's peers
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
        state->waiting.push_back(j.what);
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
        state->flush(self);
        state->plan_release(self);
      },
      [=](const look_at_commit& c) {
        if (c.n == state->flights) // else the next group waited for it, and it has landed
          state->land(self);
        state->end_group_unless_flying(self);
        state->plan_release(self);
      },
      [=](const look_at_held&) { state->release(self); },
      [=](const look_at_merges&) {
        state->resting = false;
        state->rest(self);
      },
      [=](const look_at_disk&) {
        state->watching = false;
        state->flush(self);
      },
      [](const pulse&) {},
  };
}

} // namespace shoal
