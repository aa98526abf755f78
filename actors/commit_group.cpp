#include "actors/commit_group.hpp"
#include "actors/log_about.hpp"

#include "actors/stored_event.hpp"
#include "config/limits.hpp"

#include <spdlog/spdlog.h>

namespace shoal {

/// Of what an apply failed with: damage or a failing disk here is not the
/// peer's fault.
static bool is_ours(const error& e) { return e.code == ec::corrupt || e.code == ec::disk; }

commit_group::commit_group(writer_setup& setup, std::shared_ptr<const kv_view> view)
    : setup_(setup), data_(*setup.data), view_(std::move(view)), txn_(*view_) {
  stored_ = std::make_shared<protocol::stored>();
  conflicts_before_ = data_.summary().conflicts;
}

bool commit_group::make(job& j, std::optional<size_t> most) {
  if (most)
    txn_.limit_reads(*most);
  std::visit(*this, j);
  return !txn_.lift_limit();
}

void commit_group::operator()(write_job& w) {
  auto made = data_.commit(txn_, w.edits, setup_.wall_ms(), w.once);
  if (!made && txn_.over_limit())
    return;
  if (!made) {
    // An invalid request is known to be so now, but it waits for the others:
    // its answer may rest on their writes.
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

void commit_group::operator()(apply_job& a) {
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
  if (!done && txn_.over_limit())
    return;
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
  } else if (*done == applied_as::no_room) {
    r.what = protocol::outcome::no_room;
  } else {
    r.what = *done == applied_as::gap ? protocol::outcome::gap : protocol::outcome::duplicate;
  }
  stored_->applied.push_back(std::move(r));
}

void commit_group::operator()(members_job& m) {
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

void commit_group::operator()(keep_statement_job& k) {
  if (data_.keep_statement(txn_, k.what))
    stored_->statements.push_back(std::move(k.what));
}

void commit_group::operator()(make_statement_job&) {
  auto s = data_.next_statement();
  if (!s)
    return;
  s->public_key = setup_.key.public_key();
  s->signature = setup_.key.sign(signed_bytes(*s, setup_.library));
  if (data_.keep_statement(txn_, *s))
    stored_->statements.push_back(std::move(*s));
}

void commit_group::operator()(prune_job& p) {
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

void commit_group::operator()(prune_marks_job& p) {
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

void commit_group::operator()(repair_job& r) {
  const auto& first = r.what.parts.front();
  auto done = data_.repair(txn_, r.what.parts, r.what.goal, setup_.wall_ms());
  if (!done && is_ours(done.err()))
    return void(failure_ = done.err());
  const bool failed = !done;
  auto outcome = done ? std::move(*done) : replica::repair_outcome{};
  stored_->repairs.push_back({r.what.peer, first.stream, first.from, first.to, r.what.cost,
                              outcome.changed, failed, r.what.goal, std::move(outcome.lost_there)});
}

void commit_group::operator()(keep_state_job& k) {
  if (k.what.filled)
    data_.set_filled(txn_);
  if (k.what.change_resync)
    if (auto set = data_.set_resync(txn_, k.what.resync); !set)
      return void(failure_ = set.err());
  data_.raise_deletes_from(txn_, k.what.deletes_from);
  data_.lower_until(txn_, k.what.lost);
  data_.set_ended(txn_, k.what.ended);
  if (const auto& p = k.what.passed_over)
    data_.set_passed_over(txn_, p->first, p->second == 0 ? std::nullopt : std::optional(p->second));
  state_changed_ = true;
}

void commit_group::operator()(reindex_job& r) {
  auto made = data_.reindex(txn_);
  if (!made) {
    answers_.push_back([done = std::move(r.done), e = made.err()](bool) { done(e); });
    return;
  }
  answers_.push_back(
      [done = std::move(r.done)](bool durable) { done(durable ? success() : unknown()); });
}

void commit_group::operator()(retry_job& r) {
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

void commit_group::operator()(release_job& r) {
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

void commit_group::operator()(hide_job& h) {
  auto hidden = data_.hide(txn_, h.which);
  answers_.push_back(
      [done = std::move(h.done), hidden](bool durable) { done(durable ? hidden : unknown()); });
}

void commit_group::refuse(const job& j, const error& why) {
  if (const auto* a = std::get_if<apply_job>(&j)) {
    protocol::apply_result r;
    r.peer = a->what.peer;
    r.stream = a->what.parts.front().stream;
    r.cost = a->what.cost;
    r.what = protocol::outcome::dropped;
    r.why = why.message;
    stored_->applied.push_back(std::move(r));
  } else if (const auto* m = std::get_if<repair_job>(&j)) {
    const auto& first = m->what.parts.front();
    stored_->repairs.push_back({m->what.peer,
                                first.stream,
                                first.from,
                                first.to,
                                m->what.cost,
                                0,
                                true,
                                m->what.goal,
                                {}});
  }
}

void commit_group::release(uint64_t most) {
  if (failure_)
    return;
  auto merged = data_.release(txn_, setup_.wall_ms(), most);
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
  retries_.clear();
}

kv_batch commit_group::seal() {
  if (failure_)
    return {};
  writes_any_ = !txn_.empty();
  if (writes_any_)
    data_.seal(txn_);
  if (!answers_.empty())
    token_ = to_token(fold(data_.settled() ? data_.merged() : own_streams(), data_.ended()),
                      purge_hash(data_.members()));
  summary_ = data_.summary();
  fill_in(*stored_, data_, summary_, state_changed_);
  stored_->tips = data_.take_tips();
  newest_ = data_.last_stamp();
  return txn_.take();
}

bool commit_group::conclude(const status& committed, const caf::actor& library,
                            caf::event_based_actor* self) {
  if (!failure_ && !committed)
    failure_ = committed.err();
  const bool durable = !failure_;
  const auto synced = setup_.time.mono_us();
  if (durable) {
    setup_.counted.writes->Increment(static_cast<double>(writes_));
    setup_.counted.ops_applied->Increment(static_cast<double>(applied_));
    for (const auto t : asked_)
      setup_.counted.commit_seconds->Observe(static_cast<double>(synced - t) / 1e6);
    for (const auto t : received_)
      setup_.counted.apply_seconds->Observe(static_cast<double>(synced - t) / 1e6);
    setup_.counted.conflicts->Increment(
        static_cast<double>(summary_.conflicts - conflicts_before_));
    setup_.publish(summary_, newest_.wall_ms);
    self->send(library, group_stored{stored_, synced});
  }
  for (auto& answer : answers_)
    answer(durable);
  for (auto& [tried, done] : retries_) // of a group that failed as it was made
    done(unknown());
  if (durable && writes_any_)
    setup_.mark.reached(newest_);
  if (failure_)
    setup_.on_failure(*failure_);
  return !failure_;
}

void commit_group::give_up() {
  for (auto& [tried, done] : retries_) // that release() was not to answer any more
    done(unknown());
  for (auto& answer : answers_)
    answer(false);
}

void commit_group::give_back() {
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
      about("store",
            {{"library", to_string(setup_.library)}, {"model", e.model}, {"id", to_string(e.id)}})
          ->warn("library {}: {} {} shows an op that had been released, for what "
                 "was written since cannot be written again: {}",
                 to_string(setup_.library), e.model, to_string(e.id), made.err().message);
  }
}

error commit_group::unknown() {
  return {ec::outcome_unknown, "the disk failed while the write was made "
                               "durable: it may or may not be there"};
}

frontier commit_group::own_streams() const {
  frontier out;
  for (const auto& [stream, seq] : data_.held())
    if (stream.origin == data_.self())
      out[stream] = seq;
  return out;
}

} // namespace shoal
