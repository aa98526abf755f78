// A node's store: requests wait in one queue, are run in groups and answered when the group is on
// disk.

#include "actors/stored_event.hpp"
#include "sim/node.hpp"
#include "sim/workload.hpp"
#include "store/sync/compare.hpp"
#include "store/sync/keys.hpp"

#include <xxhash.h>

namespace shoal::sim {

/// Stands for a signature: nobody else can make it without knowing the member.
static std::string sign(const statement& s) {
  const auto bytes = signed_bytes(s, simulated_library);
  return keys::u64(XXH3_64bits_withSeed(bytes.data(), bytes.size(), s.member.bytes[7]));
}

void sim_node::write(std::vector<edit> edits) {
  if (up())
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
  std::map<device_id, const sim_store*> disks;
  for (const auto& [device, m] : core_->members())
    if (!core_->passed_over().contains(device))
      disks[device] = around_.disks[index_of(device)];
  around_.judge.pruning(self_, e.stable, disks);
}

void sim_node::begin_group() {
  writing_ = true;
  // What was asked for in this same step waits together.
  around_.time.after(1, [this, life = life_] {
    if (life != life_)
      return;
    group g;
    kv_transaction txn(disk_);
    auto requests = std::move(queue_);
    queue_.clear();
    for (auto& r : requests)
      std::visit([&](auto& x) { run(txn, g, x); }, r);
    if (auto released = data_->release(txn, bounded_wall_ms(), around_.planned.release_max);
        !released)
      around_.judge.fail("codec", "held ops: " + released.err().message);
    if (!txn.empty()) {
      data_->seal(txn);
      g.batch = txn.take();
      g.touched = true;
    }
    g.summary = data_->summary();
    if (saboteur_)
      saboteur_->begun(g.commits);
    uint64_t delay = g.touched ? 1 + random_.below(around_.planned.sync_us * 2) : 1;
    if (g.touched && random_.chance(around_.planned.stall_permille)) {
      delay += random_.below(2'000'000);
      ++around_.seen[fault::sync_stalled];
    }
    unsynced_ = std::move(g);
    around_.time.after(delay, [this, life_then = life_] {
      if (life_then != life_)
        return;
      auto done = std::move(*unsynced_);
      unsynced_.reset();
      end_group(done);
    });
  });
}

void sim_node::end_group(group& g) {
  if (saboteur_)
    saboteur_->writing(disk_, g.batch);
  (void)disk_.commit(std::move(g.batch));
  for (const auto& c : g.commits) {
    around_.judge.durable(c);
    around_.judge.acknowledged(c);
  }
  durable_ = std::move(g.summary);
  around_.note(durable_.digest.low ^ hash_of(durable_.held));
  auto& answer = g.answer;
  fill_in(answer, *data_, durable_, g.state_changed);
  writing_ = false;
  if (durable_.held_back.quarantined != 0)
    ++around_.seen[situation::quarantined];
  const auto life = life_;
  step(std::move(answer));
  if (life != life_)
    return;
  schedule_release();
  around_.judge.group_done(self_, disk_, durable_, ready(), data_->filling(), random_.chance(15));
  if (!writing_ && !queue_.empty())
    begin_group();
}

void sim_node::run(kv_transaction& txn, group& g, client_edit& r) {
  auto done = data_->commit(txn, r.edits, bounded_wall_ms());
  if (!done) {
    const auto code = done.err().code;
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
  auto done = data_->apply(txn, r.parts, bounded_wall_ms());
  if (!done) {
    around_.judge.fail("refused", "a range was refused: " + done.err().message);
    out.what = protocol::outcome::refused;
    out.why = done.err().message;
  } else {
    switch (*done) {
    case applied_as::applied: out.what = protocol::outcome::applied; break;
    case applied_as::duplicate: out.what = protocol::outcome::duplicate; break;
    case applied_as::gap: out.what = protocol::outcome::gap; break;
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
  }
  g.answer.applied.push_back(std::move(out));
}

void sim_node::run(kv_transaction& txn, group& g, protocol::fold_members& r) {
  if (const auto changed = data_->merge_members(txn, r.members); changed && *changed)
    g.answer.members = data_->members();
}

void sim_node::run(kv_transaction& txn, group& g, protocol::keep_statement& r) {
  if (r.what.signature != sign(r.what))
    return around_.judge.fail("codec", "a statement's signature does not hold");
  if (data_->keep_statement(txn, r.what))
    g.answer.statements.push_back(r.what);
}

void sim_node::run(kv_transaction& txn, group& g, protocol::make_statement&) {
  auto s = data_->next_statement();
  if (!s)
    return;
  s->signature = sign(*s);
  if (data_->keep_statement(txn, *s))
    g.answer.statements.push_back(*s);
}

void sim_node::run(kv_transaction& txn, group&, protocol::prune& r) {
  auto removed = data_->prune(txn, r.stable, around_.planned.prune_max);
  if (!removed)
    return around_.judge.fail("refused", "prune: " + removed.err().message);
  if (*removed >= around_.planned.prune_max)
    queue_.push_back(std::move(r)); // the rest with the next group
}

void sim_node::run(kv_transaction& txn, group& g, protocol::prune_marks& r) {
  const auto wall = bounded_wall_ms();
  const auto before = wall - std::min(wall, around_.planned.min_tombstone_ms);
  auto dropped = data_->prune_marks(txn, r.stable, before, 100);
  if (!dropped)
    return around_.judge.fail("refused", "prune_marks: " + dropped.err().message);
  g.state_changed |= *dropped > 0;
  around_.seen[situation::marks_dropped] += *dropped;
  auto dead = data_->buried(txn, r.stable, before, 50);
  if (!dead)
    return around_.judge.fail("refused", "buried: " + dead.err().message);
  if (!dead->empty()) {
    client_edit e{std::move(*dead)};
    run(txn, g, e);
  }
}

void sim_node::run(kv_transaction& txn, group& g, protocol::repair& r) {
  const auto& first = r.parts.front();
  auto changed = data_->repair(txn, r.parts, r.adopt, bounded_wall_ms());
  if (!changed)
    around_.judge.fail("refused", "repair: " + changed.err().message);
  g.answer.repairs.push_back(
      {r.peer, first.stream, first.from, first.to, r.cost, changed ? *changed : 0, !changed});
}

void sim_node::run(kv_transaction& txn, group& g, protocol::keep_state& r) {
  if (r.filled)
    data_->set_filled(txn);
  if (r.change_resync)
    data_->set_resync(txn, r.resync);
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
