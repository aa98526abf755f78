#include "actors/store_writer.hpp"

#include "actors/held_jobs.hpp"
#include "actors/stored_event.hpp"
#include "config/limits.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

namespace shoal {

namespace {
/// Of what an apply failed with: damage or a failing disk here is not the peer's fault.
bool is_ours(const error& e) { return e.code == ec::corrupt || e.code == ec::disk; }

// One pass over the jobs of a group: everything they change goes into one transaction, everything
// they are told waits until it is durable.
class group {
public:
  explicit group(writer_setup& setup) : setup_(setup), data_(*setup.data), txn_(*setup.store) {
    stored_ = std::make_shared<protocol::stored>();
    conflicts_before_ = data_.summary().conflicts;
  }

  void operator()(write_job& w) {
    auto made = data_.commit(txn_, w.edits, setup_.wall_ms(), w.once);
    if (!made) {
      // An invalid request is known to be so now, but it waits for the others: its answer may rest
      // on their writes.
      answers_.push_back([done = std::move(w.done), e = made.err()](bool) { done(e); });
      return;
    }
    writes_ += made->covered.count;
    asked_.push_back(w.asked_us);
    answers_.push_back(
        [this, done = std::move(w.done), results = std::move(made->results)](bool durable) mutable {
          if (durable)
            done(api::write_answer{token_, std::move(results)});
          else
            done(unknown());
        });
    if (made->covered.count > 0)
      stored_->local.push_back(std::move(made->covered));
  }

  void operator()(apply_job& a) {
    auto& parts = a.what.parts;
    protocol::apply_result r;
    r.peer = a.what.peer;
    r.stream = parts.front().stream;
    r.from = parts.front().from;
    r.to = parts.front().to;
    r.cost = a.what.cost;
    uint64_t ops = 0;
    for (const auto& p : parts)
      ops += p.count;
    auto done = data_.apply(txn_, parts, setup_.wall_ms());
    if (!done && is_ours(done.err()))
      return void(failure_ = done.err());
    if (!done) {
      r.what = protocol::outcome::refused;
      r.why = "range of " + to_string(r.stream) + " refused: " + done.err().message;
      setup_.counted.ops_rejected->Increment(static_cast<double>(ops));
    } else if (*done == applied_as::applied) {
      applied_ += ops;
      received_.push_back(a.asked_us);
      if (parts.size() == 1 && parts.front().until.empty() && parts.front().log_complete)
        r.relay = std::move(parts.front());
    } else {
      r.what = *done == applied_as::gap ? protocol::outcome::gap : protocol::outcome::duplicate;
    }
    stored_->applied.push_back(std::move(r));
  }

  void operator()(members_job& m) {
    auto changed = data_.merge_members(txn_, m.members);
    if (!changed) {
      failure_ = changed.err(); // only bytes on disk that do not parse
      return;
    }
    if (*changed)
      stored_->members = data_.members();
    if (m.done)
      answers_.push_back(
          [done = std::move(m.done)](bool durable) { done(durable ? success() : unknown()); });
  }

  void operator()(keep_statement_job& k) {
    if (data_.keep_statement(txn_, k.what))
      stored_->statements.push_back(std::move(k.what));
  }

  void operator()(make_statement_job&) {
    auto s = data_.next_statement();
    if (!s)
      return;
    s->public_key = setup_.key.public_key();
    s->signature = setup_.key.sign(signed_bytes(*s, setup_.library));
    if (data_.keep_statement(txn_, *s))
      stored_->statements.push_back(std::move(*s));
  }

  void operator()(prune_job& p) {
    auto removed = data_.prune(txn_, p.stable, limits::prune_batch_rows);
    if (!removed) {
      failure_ = removed.err();
      return;
    }
    if (*removed == limits::prune_batch_rows)
      again_ = p.stable;
    if (p.done)
      answers_.push_back([this, done = std::move(p.done), n = *removed](bool durable) {
        if (durable)
          done(api::prune_answer{n, static_cast<uint64_t>(data_.summary().log_entries), {}});
        else
          done(unknown());
      });
  }

  void operator()(prune_marks_job& p) {
    const auto wall = setup_.wall_ms();
    const auto before = wall - std::min(wall, setup_.min_tombstone_ms);
    auto dropped = data_.prune_marks(txn_, p.stable, before, limits::prune_marks_max);
    if (!dropped) {
      failure_ = dropped.err();
      return;
    }
    state_changed_ |= *dropped > 0;
    auto dead = data_.buried(txn_, p.stable, before, limits::prune_marks_max);
    if (!dead) {
      failure_ = dead.err();
      return;
    }
    if (*dropped >= limits::prune_marks_max || dead->size() >= limits::prune_marks_max)
      marks_again_ = p.stable;
    if (dead->empty())
      return;
    auto made = data_.commit(txn_, *dead, wall);
    if (made)
      stored_->local.push_back(std::move(made->covered));
    else if (made.err().code != ec::clock) // while the clock is wrong they wait
      failure_ = made.err();
  }

  void operator()(repair_job& r) {
    const auto& first = r.what.parts.front();
    auto changed = data_.repair(txn_, r.what.parts, r.what.adopt, setup_.wall_ms());
    if (!changed && is_ours(changed.err()))
      return void(failure_ = changed.err());
    stored_->repairs.push_back({r.what.peer, first.stream, first.from, r.what.parts.back().to,
                                r.what.cost, changed ? *changed : 0, !changed});
  }

  void operator()(keep_state_job& k) {
    if (k.what.filled)
      data_.set_filled(txn_);
    if (k.what.change_resync)
      if (auto set = data_.set_resync(txn_, k.what.resync); !set)
        return void(failure_ = set.err());
    data_.raise_deletes_from(txn_, k.what.deletes_from);
    data_.lower_until(txn_, k.what.lost);
    data_.set_ended(txn_, k.what.ended);
    if (const auto& p = k.what.passed_over)
      data_.set_passed_over(txn_, p->first,
                            p->second == 0 ? std::nullopt : std::optional(p->second));
    state_changed_ = true;
  }

  void operator()(reindex_job& r) {
    auto made = data_.reindex(txn_);
    if (!made) {
      answers_.push_back([done = std::move(r.done), e = made.err()](bool) { done(e); });
      return;
    }
    answers_.push_back(
        [done = std::move(r.done)](bool durable) { done(durable ? success() : unknown()); });
  }

  void operator()(retry_job& r) {
    if (!r.which) {
      const auto all = data_.summary().held_back.unmergeable;
      data_.retry_all();
      retries_.push_back({all, std::move(r.done)});
      return;
    }
    auto merged = data_.retry(txn_, *r.which, setup_.wall_ms());
    if (!merged && merged.err().code == ec::not_found) {
      answers_.push_back([done = std::move(r.done), e = merged.err()](bool) { done(e); });
      return;
    }
    if (!merged) {
      failure_ = merged.err();
      return;
    }
    give_back();
    answers_.push_back([done = std::move(r.done), n = *merged ? 1U : 0U](bool durable) {
      if (durable)
        done(api::retry_answer{1, n, false});
      else
        done(unknown());
    });
  }

  void operator()(release_job& r) {
    auto made = data_.recommit(txn_, r.which, setup_.wall_ms());
    if (!made) {
      answers_.push_back([done = std::move(r.done), e = made.err()](bool) { done(e); });
      return;
    }
    writes_ += made->made.covered.count;
    answers_.push_back([this, done = std::move(r.done), ops = made->ops,
                        left_out = std::move(made->left_out),
                        results = std::move(made->made.results)](bool durable) mutable {
      if (durable)
        done(api::release_answer{{token_, std::move(results)}, ops, std::move(left_out)});
      else
        done(unknown());
    });
    stored_->local.push_back(std::move(made->made.covered));
  }

  void operator()(hide_job& h) {
    auto hidden = data_.hide(txn_, h.which);
    answers_.push_back(
        [done = std::move(h.done), hidden](bool durable) { done(durable ? hidden : unknown()); });
  }

  /// What came from a peer and can neither be written nor kept for now.
  void refuse(const job& j, const error& why) {
    if (const auto* a = std::get_if<apply_job>(&j)) {
      protocol::apply_result r;
      r.peer = a->what.peer;
      r.stream = a->what.parts.front().stream;
      r.what = protocol::outcome::refused;
      r.why = why.message;
      stored_->applied.push_back(std::move(r));
    } else if (const auto* m = std::get_if<repair_job>(&j)) {
      const auto& first = m->what.parts.front();
      stored_->repairs.push_back(
          {m->what.peer, first.stream, first.from, m->what.parts.back().to, m->what.cost, 0, true});
    }
  }

  /// Merges what waited for its time, beside the group's writes.
  void release() {
    if (failure_)
      return;
    auto merged = data_.release(txn_, setup_.wall_ms(), limits::release_ops_max);
    if (!merged) {
      failure_ = merged.err();
      return;
    }
    give_back();
    for (auto& [tried, done] : retries_)
      answers_.push_back([done = std::move(done), tried = tried, n = *merged,
                          more = data_.retrying()](bool durable) {
        if (durable)
          done(api::retry_answer{tried, n, more});
        else
          done(unknown());
      });
  }

  size_t bytes() const { return txn_.bytes(); }

  /// Commits and answers. False when the outcome is unknown.
  bool finish(const caf::actor& library, caf::event_based_actor* self) {
    bool durable = !failure_;
    if (durable && !txn_.empty()) {
      data_.seal(txn_);
      if (auto committed = setup_.store->commit(txn_.take()); !committed) {
        failure_ = committed.err();
        durable = false;
      }
      if (auto marked =
              durable ? setup_.mark.reached(data_.last_stamp(), setup_.time.mono_us()) : success();
          !marked) {
        failure_ = marked.err();
        durable = false;
      }
    }
    const auto synced = setup_.time.mono_us();
    if (durable) {
      token_ = to_token(fold(data_.settled() ? data_.merged() : own_streams(), data_.ended()));
      setup_.counted.writes->Increment(static_cast<double>(writes_));
      setup_.counted.ops_applied->Increment(static_cast<double>(applied_));
      for (const auto t : asked_)
        setup_.counted.commit_seconds->Observe(static_cast<double>(synced - t) / 1e6);
      for (const auto t : received_)
        setup_.counted.apply_seconds->Observe(static_cast<double>(synced - t) / 1e6);
      auto summary = data_.summary();
      fill_in(*stored_, data_, summary, state_changed_);
      stored_->tips = data_.take_tips();
      setup_.counted.conflicts->Increment(
          static_cast<double>(summary.conflicts - conflicts_before_));
      setup_.publish(summary, data_.last_stamp().wall_ms);
      self->send(library, group_stored{stored_, synced});
    }
    for (auto& answer : answers_)
      answer(durable);
    if (!durable)
      setup_.on_failure(*failure_);
    return durable;
  }

  const std::optional<frontier>& prune_again() const { return again_; }
  const std::optional<frontier>& marks_again() const { return marks_again_; }

private:
  /// Record by record: one that cannot be written back must not keep the others from it.
  void give_back() {
    auto edits = data_.given_back(txn_);
    if (!edits) {
      failure_ = edits.err();
      return;
    }
    for (const auto& e : *edits) {
      auto made = data_.commit(txn_, std::span(&e, 1), setup_.wall_ms());
      if (made)
        stored_->local.push_back(std::move(made->covered));
      else
        spdlog::get("store")->warn("library {}: {} {} shows an op that had been released, for what "
                                   "was written since cannot be written again: {}",
                                   to_string(setup_.library), e.model, to_string(e.id),
                                   made.err().message);
    }
  }

  static error unknown() {
    return {ec::outcome_unknown,
            "the disk failed while the write was made durable: it may or may not be there"};
  }
  // Complete also while a catch-up is not: nobody else writes them.
  frontier own_streams() const {
    frontier out;
    for (const auto& [stream, seq] : data_.held())
      if (stream.origin == data_.self())
        out[stream] = seq;
    return out;
  }

  writer_setup& setup_;
  replica& data_;
  kv_transaction txn_;
  std::shared_ptr<protocol::stored> stored_;
  std::vector<std::function<void(bool)>> answers_;
  std::vector<uint64_t> asked_;
  std::vector<uint64_t> received_;
  uint64_t writes_ = 0;
  uint64_t applied_ = 0;
  std::string token_;
  std::optional<frontier> again_;
  std::optional<frontier> marks_again_;
  bool state_changed_ = false;
  std::optional<error> failure_;
  std::vector<std::pair<uint64_t, api::callback<api::retry_answer>>>
      retries_; // of all dead letters
  uint64_t conflicts_before_ = 0;
};

struct writer_state {
  std::shared_ptr<writer_setup> setup;
  caf::actor library;
  std::vector<std::shared_ptr<job>> waiting;
  bool flushing = false;
  bool looking = false; // a look_at_held is on its way
  bool failed = false;
  held_jobs held;        // while the disk has no room
  bool watching = false; // a look_at_disk is on its way

  void flush(caf::event_based_actor* self) {
    flushing = false;
    auto jobs = std::exchange(waiting, {});
    if (failed)
      return refuse(jobs);
    if (const auto room = setup->disk->check(); !room)
      return hold(std::move(jobs), room.err(), self);
    if (!held.empty()) {
      auto all = held.give_back();
      all.insert(all.end(), jobs.begin(), jobs.end());
      jobs = std::move(all);
    }
    size_t i = 0;
    while (i < jobs.size() && !failed) {
      group g(*setup);
      for (size_t n = 0; i < jobs.size() && n < limits::group_commit_requests_max
                         && (n == 0 || g.bytes() < limits::group_commit_bytes_max);
           ++i, ++n)
        std::visit(g, *jobs[i]);
      g.release();
      failed = !g.finish(library, self);
      if (g.prune_again() && !failed)
        self->send(self, store_job{std::make_shared<job>(prune_job{*g.prune_again(), {}})});
      if (g.marks_again() && !failed)
        self->send(self, store_job{std::make_shared<job>(prune_marks_job{*g.marks_again()})});
    }
    refuse({jobs.begin() + static_cast<ptrdiff_t>(i), jobs.end()});
  }

  /// After a failure: clients are told; what peers sent they send again to the store that follows.
  void refuse(const std::vector<std::shared_ptr<job>>& jobs) {
    const error why{ec::unavailable, "the library's store failed just before this request, of "
                                     "which nothing was done; try again"};
    for (const auto& j : jobs)
      static_cast<void>(held.take(j, why));
    static_cast<void>(held.give_back());
  }

  void hold(std::vector<std::shared_ptr<job>> jobs, const error& why,
            caf::event_based_actor* self) {
    group g(*setup);
    bool any = false;
    for (const auto& j : jobs)
      if (!held.take(j, why)) {
        g.refuse(*j, why);
        any = true;
      }
    if (any)
      failed = !g.finish(library, self);
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
    if (!failed && (setup->data->retrying() || (due && *due <= setup->wall_ms()))
        && !setup->disk->low()) {
      group g(*setup);
      g.release();
      failed = !g.finish(library, self);
    }
    plan_release(self);
  }

  void plan_release(caf::event_based_actor* self) {
    const auto due = setup->data->next_release_ms();
    const bool retrying = setup->data->retrying();
    if (looking || failed || (!due && !retrying))
      return;
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

caf::behavior store_writer(caf::event_based_actor* self, std::shared_ptr<writer_setup> setup,
                           caf::actor library) {
  auto state = std::make_shared<writer_state>();
  state->setup = std::move(setup);
  state->library = std::move(library);
  self->set_exit_handler([=](const caf::exit_msg& e) {
    state->flush(self); // what was accepted is committed also when the node stops
    if (!state->failed)
      (void)state->setup->mark.settle(); // a mark that lags is found by the next start's peers
    self->quit(e.reason);
  });
  self->attach_functor([=] { // handles to this actor may outlive it; the store must not
    state->library = nullptr;
    state->setup = nullptr;
  });
  state->plan_release(self);
  return {
      [=](const store_job& j) {
        state->waiting.push_back(j.what);
        // The flush lands behind everything that is queued already: each sync commits just the
        // backlog.
        if (!state->flushing) {
          state->flushing = true;
          self->send(self, flush_group{});
        }
      },
      [=](const flush_group&) {
        state->flush(self);
        state->plan_release(self);
      },
      [=](const look_at_held&) { state->release(self); },
      [=](const look_at_disk&) {
        state->watching = false;
        state->flush(self);
      },
      [](const pulse&) {},
  };
}

} // namespace shoal
