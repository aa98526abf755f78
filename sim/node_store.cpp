// A node's store: requests wait in one queue, are run in groups and answered when the group is on
// disk.

#include "actors/stored_event.hpp"
#include "sim/node.hpp"
#include "sim/workload.hpp"
#include "store/sync/compare.hpp"
#include "store/sync/keys.hpp"

#include <xxhash.h>

#include <algorithm>

namespace shoal::sim {

std::string sign(const statement& s, size_t library) {
  const auto bytes = signed_bytes(s, library_of(library));
  return keys::u64(XXH3_64bits_withSeed(bytes.data(), bytes.size(), s.member.bytes[7]));
}

void sim_node::write(std::vector<edit> edits) {
  if (around_.time.now() < full_until_us_)
    ++around_.seen[situation::refused_full];
  else if (up())
    enqueue(client_edit{std::move(edits)});
}

void sim_node::admit(const member_set& members) { enqueue(protocol::fold_members{members}); }

void sim_node::ask_in(uint64_t us, store_request r) {
  around_.time.after(us, [this, r = std::move(r), life = life_]() mutable {
    if (life != life_)
      return;
    queue_.push_back(std::move(r));
    if (!writing_)
      begin_group();
  });
}

void sim_node::enqueue(store_request r) {
  if (saboteur_ && !saboteur_->asking(r))
    return;
  if (const auto* e = std::get_if<protocol::prune>(&r))
    check_prune(*e);
  queue_.push_back(std::move(r));
  if (!writing_)
    begin_group();
}

void sim_node::check_prune(const protocol::prune& e) const {
  if (around_.disks.empty())
    return;
  std::map<device_id, const sim_store*> disks;
  for (const auto& [device, m] : core_->members())
    if (!m.removed && !core_->passed_over().contains(device))
      disks[device] = around_.disks[index_of(device)];
  around_.judge.pruning(self_, e.stable, disks);
}

void sim_node::begin_group() {
  writing_ = true;
  const auto now = around_.time.now();
  // What was asked for in this same step waits together; while the disk is full, all of it does:
  // it looks again every 50 ms, for space may come back sooner than was planned.
  const auto us = now < full_until_us_ ? std::min<uint64_t>(full_until_us_ - now, 50'000) : 1;
  around_.time.after(us, [this, life = life_] {
    if (life != life_)
      return;
    if (around_.time.now() < full_until_us_)
      begin_group();
    else
      run_group();
  });
}

void sim_node::run_group() {
  group g;
  const bool may_fail = reads_fail();
  kv_transaction txn(may_fail ? static_cast<const kv_view&>(failing_disk_) : disk_);
  auto requests = std::move(queue_);
  queue_.clear();
  for (auto& r : requests)
    if (!g.failure)
      std::visit([&](auto& x) { run(txn, g, x); }, r);
  if (!g.failure)
    if (auto released = data_->release(txn, bounded_wall_ms(), around_.planned.release_max);
        !released)
      failed(g, "held ops", released.err());
  if (g.failure)
    return stumble();
  if (!txn.empty()) {
    data_->seal(txn);
    g.batch = txn.take();
    g.touched = true;
  }
  g.summary = data_->summary();
  if (saboteur_)
    saboteur_->begun(g.commits);
  uint64_t delay = g.touched ? 1 + syncs_.below(around_.planned.sync_us * 2) : 1;
  if (g.touched && syncs_.chance(around_.planned.stall_permille)) {
    delay += syncs_.below(2'000'000);
    ++around_.seen[fault::sync_stalled];
  }
  unsynced_ = std::move(g);
  around_.time.after(delay, [this, life = life_] {
    if (life != life_)
      return;
    if (unsynced_->touched && failing_sync_)
      return stumble();
    auto done = std::move(*unsynced_);
    unsynced_.reset();
    end_group(done);
  });
}

void sim_node::stumble() {
  auto r = failing_sync_ ? *failing_sync_ : failing_reads_;
  around_.seen[fault::sync_failed] += failing_sync_.has_value();
  failing_sync_.reset();
  const bool kept = die(r);
  around_.say([&] {
    return "n" + std::to_string(index_) + "'s store failed and is opened again"
           + (kept ? "; the last group is on disk" : "");
  });
  start_in(r.between(1'000, 500'000));
}

/// A request that cannot fail but for a read.
void sim_node::failed(group& g, const std::string& what, const error& why) {
  if (why.code == ec::disk && reads_fail())
    g.failure = why;
  else
    around_.judge.fail("refused", what + ": " + why.message);
}

void sim_node::write(const kv_batch& batch) {
  if (around_.planned.lose_tail_permille > 0) {
    constexpr size_t groups_kept = 5;
    undo_.push_back(disk_.inverse(batch));
    if (undo_.size() > groups_kept)
      undo_.pop_front();
  }
  (void)disk_.commit(batch);
}

static bool is_account(const kv_write& w) {
  static const auto prefix = keys::model_prefix("account");
  return w.where == family::shared && w.key.starts_with(prefix);
}

void sim_node::end_group(group& g) {
  if (saboteur_)
    saboteur_->writing(disk_, g.batch);
  if (checks_.chance(300))
    around_.judge.written(self_, g.batch);
  accounts_moved_ = accounts_moved_ || std::any_of(g.batch.begin(), g.batch.end(), is_account);
  write(g.batch);
  for (const auto& c : g.commits) {
    around_.judge.durable(c);
    around_.judge.acknowledged(c);
  }
  durable_ = std::move(g.summary);
  around_.note(durable_.digest.low ^ hash_of(durable_.held));
  if (g.touched)
    around_.say([&] {
      return "n" + std::to_string(index_) + " has on disk " + text_of(durable_.held)
             + (durable_.settled ? "" : ", not settled");
    });
  auto& answer = g.answer;
  fill_in(answer, *data_, durable_, g.state_changed);
  answer.tips = data_->take_tips();
  writing_ = false;
  if (durable_.held_back.quarantined != 0)
    ++around_.seen[situation::quarantined];
  if (durable_.held_back.unmergeable != 0)
    ++around_.seen[situation::unreadable];
  const auto life = life_;
  const auto before = core_->members();
  const bool members_changed = answer.members.has_value();
  step(std::move(answer));
  // The shell offers a library the links that stand already, when their peer becomes a member.
  if (members_changed && life == life_)
    for (const auto& [device, m] : member_set(core_->members()))
      if (const auto peer = index_of(device); life == life_ && !m.removed
                                              && !is_member(before, device)
                                              && around_.net.linked(index_, peer))
        linked(peer);
  if (life != life_)
    return;
  schedule_release();
  const bool is_ready = ready();
  const bool thorough = checks_.chance(15);
  if (!saboteur_ || !saboteur_->lied_to())
    around_.judge.group_done(self_, disk_, durable_, is_ready, data_->filling(), accounts_moved_,
                             thorough);
  accounts_moved_ = accounts_moved_ && !is_ready;
  if (!writing_ && !queue_.empty())
    begin_group();
}

/// As a store writer that must not read for long: what would is undone, and done later.
template <class Call>
auto sim_node::maybe_put_off(kv_transaction& txn, Call call) {
  if (limits_.chance(100)) {
    txn.limit_reads(limits_.below(4096));
    auto done = call();
    if (!txn.lift_limit())
      return done;
    ++around_.seen[situation::put_off];
  }
  return call();
}

void sim_node::run(kv_transaction& txn, group& g, client_edit& r) {
  auto done = maybe_put_off(txn, [&] { return data_->commit(txn, r.edits, bounded_wall_ms()); });
  if (!done) {
    const auto code = done.err().code;
    if (code == ec::disk && reads_fail()) {
      ++around_.seen[situation::undone];
      return;
    }
    if (code == ec::clock)
      ++around_.seen[situation::clock_refused];
    if (code != ec::not_found && code != ec::missing_field && code != ec::missing_parent
        && code != ec::invalid_field && (code != ec::clock || around_.planned.far_ms == 0))
      around_.judge.fail("refused", "an edit was refused: " + done.err().message);
    return;
  }
  g.answer.local.push_back(done->covered);
  g.commits.push_back(std::move(*done));
}

void sim_node::run(kv_transaction&, group&, look_at_held&) {}

void sim_node::run(kv_transaction& txn, group& g, protocol::apply& r) {
  const auto& first = r.parts.front();
  protocol::apply_result out;
  out.peer = r.peer;
  out.stream = first.stream;
  out.from = first.from;
  out.to = first.to;
  out.cost = r.cost;
  auto done = maybe_put_off(txn, [&] { return data_->apply(txn, r.parts, bounded_wall_ms()); });
  if (!done)
    return failed(g, "a range was refused", done.err());
  switch (*done) {
  case applied_as::applied: out.what = protocol::outcome::applied; break;
  case applied_as::duplicate: out.what = protocol::outcome::duplicate; break;
  case applied_as::gap: out.what = protocol::outcome::gap; break;
  case applied_as::no_room:
    out.what = protocol::outcome::no_room;
    ++around_.seen[situation::no_room];
    break;
  }
  range whole = first;
  whole.more = false;
  bool complete = true;
  for (const auto& part : r.parts) {
    complete = complete && part.log_complete && part.until.empty();
    if (&part != &first) {
      whole.ops += part.ops;
      whole.count += part.count;
    }
  }
  if (complete)
    out.relay = std::move(whole);
  g.answer.applied.push_back(std::move(out));
}

void sim_node::run(kv_transaction& txn, group& g, protocol::fold_members& r) {
  const auto changed = data_->merge_members(txn, r.members);
  if (!changed)
    return failed(g, "members", changed.err());
  if (*changed)
    g.answer.members = data_->members();
}

void sim_node::run(kv_transaction& txn, group& g, protocol::keep_statement& r) {
  if (r.what.signature != sign(r.what, around_.library))
    return around_.judge.fail("codec", "a statement's signature does not hold");
  if (data_->keep_statement(txn, r.what))
    g.answer.statements.push_back(r.what);
}

void sim_node::run(kv_transaction& txn, group& g, protocol::make_statement&) {
  auto s = data_->next_statement();
  if (!s)
    return;
  s->signature = sign(*s, around_.library);
  if (data_->keep_statement(txn, *s))
    g.answer.statements.push_back(*s);
}

void sim_node::run(kv_transaction& txn, group& g, protocol::prune& r) {
  auto removed = data_->prune(txn, r.stable, around_.planned.prune_max);
  if (!removed)
    return failed(g, "prune", removed.err());
  if (*removed >= around_.planned.prune_max)
    queue_.push_back(std::move(r)); // the rest with the next group
}

void sim_node::run(kv_transaction& txn, group& g, protocol::prune_marks& r) {
  const auto wall = bounded_wall_ms();
  const auto before = wall - std::min(wall, around_.planned.min_tombstone_ms);
  auto dropped = data_->prune_marks(txn, r.stable, before, 100);
  if (!dropped)
    return failed(g, "prune_marks", dropped.err());
  g.state_changed |= *dropped > 0;
  around_.seen[situation::marks_dropped] += *dropped;
  auto dead = data_->buried(txn, r.stable, before, 50);
  if (!dead)
    return failed(g, "buried", dead.err());
  if (!dead->empty()) {
    client_edit e{std::move(*dead)};
    run(txn, g, e);
  }
}

void sim_node::run(kv_transaction& txn, group& g, protocol::repair& r) {
  const auto& first = r.parts.front();
  auto done = data_->repair(txn, r.parts, r.goal, bounded_wall_ms());
  if (!done)
    return failed(g, "repair", done.err());
  g.answer.repairs.push_back({r.peer, first.stream, first.from, first.to, r.cost, done->changed,
                              false, r.goal, std::move(done->lost_there)});
}

void sim_node::run(kv_transaction& txn, group& g, protocol::keep_state& r) {
  if (r.filled)
    data_->set_filled(txn);
  if (r.change_resync)
    if (auto set = data_->set_resync(txn, r.resync); !set)
      return failed(g, "resync", set.err());
  data_->raise_deletes_from(txn, r.deletes_from);
  data_->lower_until(txn, r.lost);
  data_->set_ended(txn, r.ended);
  if (!r.lost.empty())
    ++around_.seen[situation::given_up];
  if (!r.ended.empty())
    ++around_.seen[situation::folded];
  if (r.passed_over && r.passed_over->second != 0)
    ++around_.seen[situation::passed_over];
  if (r.passed_over)
    data_->set_passed_over(txn, r.passed_over->first,
                           r.passed_over->second == 0 ? std::nullopt
                                                      : std::optional(r.passed_over->second));
  g.state_changed = true;
}

} // namespace shoal::sim
