// What the planted bugs do: they change messages, requests and disk writes on their way between the
// code under test and its world.

#include "tests/sim/planted.hpp"

#include "sim/node.hpp"
#include "sim/workload.hpp"
#include "store/sync/keys.hpp"
#include "store/sync/stored_row.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace shoal::sim {

static constexpr std::array<std::pair<bug, const char*>, 35> names{{
    {bug::ack_before_durable, "ack_before_durable"},
    {bug::disk_forgets, "disk_forgets"},
    {bug::epoch_reused, "epoch_reused"},
    {bug::clock_goes_back, "clock_goes_back"},
    {bug::prune_ignores_member, "prune_ignores_member"},
    {bug::range_over_gap, "range_over_gap"},
    {bug::range_emptied, "range_emptied"},
    {bug::until_dropped, "until_dropped"},
    {bug::batch_split, "batch_split"},
    {bug::delete_mark_lost, "delete_mark_lost"},
    {bug::cascade_index_lost, "cascade_index_lost"},
    {bug::value_tampered, "value_tampered"},
    {bug::prune_forgotten, "prune_forgotten"},
    {bug::credit_forged, "credit_forged"},
    {bug::catch_up_from_zero, "catch_up_from_zero"},
    {bug::resurrecting_write, "resurrecting_write"},
    {bug::held_op_lost, "held_op_lost"},
    {bug::live_only, "live_only"},
    {bug::ack_up_to_max, "ack_up_to_max"},
    {bug::epoch_kept, "epoch_kept"},
    {bug::marks_with_log, "marks_with_log"},
    {bug::marks_too_early, "marks_too_early"},
    {bug::deletes_dropped, "deletes_dropped"},
    {bug::horizon_ignored, "horizon_ignored"},
    {bug::repair_dropped, "repair_dropped"},
    {bug::members_forgotten, "members_forgotten"},
    {bug::statements_forgotten, "statements_forgotten"},
    {bug::acks_lost, "acks_lost"},
    {bug::write_torn, "write_torn"},
    {bug::index_lost, "index_lost"},
    {bug::log_lost, "log_lost"},
    {bug::owner_forged, "owner_forged"},
    {bug::state_forgotten, "state_forgotten"},
    {bug::relay_altered, "relay_altered"},
    {bug::library_crossed, "library_crossed"},
}};

std::string to_string(bug b) {
  for (const auto& [value, name] : names)
    if (value == b)
      return name;
  return "?";
}

std::vector<bug> all_bugs() {
  std::vector<bug> out;
  for (const auto& [value, name] : names)
    out.push_back(value);
  return out;
}

namespace {

/// Calls `change` on each op of a range; those for which it returns false go.
template <class Change>
void rewrite(range& r, Change change) {
  auto ops = decode_ops(r);
  if (!ops)
    return;
  std::string bytes;
  uint32_t count = 0;
  for (auto& o : *ops)
    if (change(o.decoded)) {
      bytes += encode_op(o.decoded);
      ++count;
    }
  r.ops = std::move(bytes);
  r.count = count;
}

} // namespace

bool alter_owned(range& r) {
  bool any = false;
  rewrite(r, [&](op& o) {
    if (o.cls == record_class::owned)
      for (auto& f : o.fields)
        if (f.kind == field_kind::lww) {
          f.value = encoded(std::string("forged"));
          any = true;
        }
    return true;
  });
  return any;
}

namespace {

class planter final : public saboteur {
public:
  planter(bug b, sim_node& node, surroundings& around, random_source r)
      : bug_(b), node_(node), around_(around), random_(r) {}

  bool arriving(message& m) override;
  bool asking(store_request& r) override;
  void begun(const std::vector<committed>& commits) override;
  void writing(const sim_store& disk, kv_batch& batch) override;
  void crashed(sim_store& disk, bool mid_sync) override;
  void starting(sim_store& disk, uint64_t& epoch) override;

private:
  bool is(bug b) const { return bug_ == b; }
  bool split(const protocol::apply& whole);

  bug bug_;
  sim_node& node_;
  surroundings& around_;
  random_source random_;
  sim_store before_; // the image before the last group
  uint64_t epoch_ = 0;
};

bool planter::arriving(message& m) {
  if (is(bug::live_only) && std::holds_alternative<state_request>(m))
    return false;
  if (is(bug::horizon_ignored) && std::holds_alternative<snapshot_required>(m))
    return false;
  if (is(bug::acks_lost) && std::holds_alternative<link_ack>(m))
    return false;
  if (auto* what = std::get_if<range_message>(&m)) {
    auto& r = what->body;
    const auto& others = node_.others();
    if (is(bug::library_crossed) && !others.empty() && random_.chance(100))
      others.front()->hear(index_of(r.stream.origin), 0, message(*what));
    if (is(bug::repair_dropped) && r.repair)
      return false;
    if (is(bug::deletes_dropped))
      rewrite(r, [](const op& o) { return o.kind != op_kind::remove; });
    if (is(bug::range_over_gap))
      r.from = 0;
    if (is(bug::until_dropped))
      r.until.clear();
    if (is(bug::resurrecting_write))
      rewrite(r, [](op& o) {
        if (o.kind == op_kind::remove)
          o.stamp.wall_ms -= 60'000;
        return true;
      });
  }
  if (auto* what = std::get_if<link_ack>(&m); what && is(bug::credit_forged))
    what->credit *= 1000;
  if (is(bug::catch_up_from_zero)) {
    if (auto* what = std::get_if<hello>(&m))
      what->held.clear();
    if (auto* what = std::get_if<state_request>(&m))
      what->from.clear();
  }
  return true;
}

bool planter::asking(store_request& r) {
  if (auto* p = std::get_if<protocol::prune>(&r)) {
    if (is(bug::prune_ignores_member))
      p->stable = node_.summary().held;
    if (is(bug::marks_with_log))
      node_.ask_in(1, protocol::prune_marks{p->stable});
    return !is(bug::prune_forgotten);
  }
  if (std::holds_alternative<protocol::prune_marks>(r) && is(bug::prune_forgotten))
    return false; // it takes log entries along
  if (auto* p = std::get_if<protocol::prune_marks>(&r); p && is(bug::marks_too_early))
    p->stable = node_.summary().held;
  if (auto* k = std::get_if<protocol::keep_statement>(&r)) {
    if (is(bug::ack_up_to_max)) {
      for (const auto& [stream, seq] : node_.summary().held)
        k->what.held.open[stream] = std::max(k->what.held.open[stream], seq);
      k->what.signature = sign(k->what, around_.library);
    }
    return !is(bug::statements_forgotten);
  }
  if (std::holds_alternative<protocol::fold_members>(r))
    return !is(bug::members_forgotten);
  if (std::holds_alternative<protocol::keep_state>(r))
    return !is(bug::state_forgotten);
  auto* a = std::get_if<protocol::apply>(&r);
  if (!a)
    return true;
  if (is(bug::range_emptied) && random_.chance(50))
    rewrite(a->parts.back(), [n = a->parts.back().count](op&) mutable { return --n > 0; });
  if (is(bug::relay_altered) && a->peer != a->parts.front().stream.origin && random_.chance(100))
    for (auto& part : a->parts)
      alter_owned(part);
  if (is(bug::batch_split) && a->parts.size() == 1 && a->parts.front().count > 1)
    return !split(*a);
  return true;
}

bool planter::split(const protocol::apply& whole) {
  auto ops = decode_ops(whole.parts.front());
  if (!ops)
    return false;
  const auto middle = (*ops)[ops->size() / 2 - 1].decoded.seq;
  auto first = whole;
  auto rest = whole;
  first.cost = 0;
  rewrite(first.parts.front(), [&](op& o) { return o.seq <= middle; });
  first.parts.front().to = middle;
  rewrite(rest.parts.front(), [&](op& o) { return o.seq > middle; });
  rest.parts.front().from = middle;
  node_.ask_in(1, std::move(first));
  node_.ask_in(around_.planned.sync_us * 3 + 5, std::move(rest));
  return true;
}

void planter::begun(const std::vector<committed>& commits) {
  if (is(bug::ack_before_durable))
    for (const auto& c : commits)
      around_.judge.acknowledged(c);
}

void planter::writing(const sim_store& disk, kv_batch& batch) {
  if (is(bug::disk_forgets) || is(bug::epoch_reused))
    before_ = disk;
  kv_transaction written(disk);
  if (is(bug::delete_mark_lost) || is(bug::owner_forged) || is(bug::value_tampered))
    for (const auto& w : batch)
      w.value ? written.put(w.where, w.key, *w.value) : written.erase(w.where, w.key);
  for (auto& w : batch) {
    const bool is_row = w.where == family::owned || w.where == family::shared;
    const auto row_in = [&] {
      return read_row(written,
                      w.where == family::owned ? record_class::owned : record_class::shared, w.key,
                      *w.value);
    };
    if (is(bug::delete_mark_lost) && is_row && w.value) {
      auto r = row_in();
      r->removed.reset();
      w.value = encode_row(*r);
    }
    if (is(bug::owner_forged) && w.where == family::owned && w.value && random_.chance(500)) {
      auto r = row_in();
      if (r->insert)
        r->insert->stamp.device = device_of(random_.below(around_.planned.nodes));
      // An insert that nothing hangs on any more names nobody.
      const auto owner = keys::parse_row(record_class::owned, w.key)->owner;
      const auto dots = standing(*r);
      if (std::any_of(dots.begin(), dots.end(), [&](const dot& d) { return d.origin != owner; }))
        w.value = encode_row(*r);
    }
    if (is(bug::value_tampered) && is_row && w.value && random_.chance(20)) {
      auto r = row_in();
      if (auto name = r->fields.find({"name", field_kind::lww}); name != r->fields.end())
        name->second.lww.value = "\xa1?";
      w.value = encode_row(*r);
    }
  }
  if (is(bug::write_torn) && !batch.empty() && random_.chance(50))
    batch.erase(batch.begin() + static_cast<std::ptrdiff_t>(random_.below(batch.size())));
  if (is(bug::index_lost))
    std::erase_if(batch, [](const kv_write& w) {
      return (w.where == family::owned_by_seq || w.where == family::shared_by_seq) && w.value;
    });
  if (is(bug::log_lost))
    std::erase_if(batch, [](const kv_write& w) { return w.where == family::log && w.value; });
  if (is(bug::held_op_lost))
    std::erase_if(batch, [](const kv_write& w) {
      return w.where == family::deadletter && w.value && w.key[0] != 'c';
    });
  if (is(bug::cascade_index_lost))
    std::erase_if(batch, [](const kv_write& w) {
      return w.where == family::index && w.value && w.key[0] == 'p';
    });
}

void planter::crashed(sim_store& disk, bool mid_sync) {
  if ((is(bug::disk_forgets) || is(bug::epoch_reused)) && !mid_sync)
    disk = before_;
}

void planter::starting(sim_store& disk, uint64_t& epoch) {
  if (is(bug::clock_goes_back))
    disk.of(family::meta).erase("clock");
  if (is(bug::epoch_reused) || is(bug::epoch_kept)) {
    if (epoch_ == 0)
      epoch_ = epoch;
    epoch = epoch_;
  }
}

} // namespace

sabotage with(bug b) {
  return [b](sim_node& node, surroundings& around, random_source r) {
    return std::make_unique<planter>(b, node, around, r);
  };
}

} // namespace shoal::sim
