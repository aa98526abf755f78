// What the planted bugs do. They change messages, requests and disk writes on their way between the
// code under test and its world; that code itself has no such doors.

#include "store/sync/row.hpp"
#include "tests/sim/node.hpp"

namespace shoal::sim {

/// Calls `change` on each op of a range; those for which it returns false go.
template <class Change>
static void rewrite(range& r, Change change) {
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

void sim_node::plant(message& arriving) {
  if (auto* m = std::get_if<range_message>(&arriving)) {
    auto& r = m->body;
    if (planted(bug::range_over_gap))
      r.from = 0;
    if (planted(bug::until_dropped))
      r.until.clear();
    if (planted(bug::resurrecting_write))
      rewrite(r, [](op& o) {
        if (o.kind == op_kind::remove)
          o.stamp.wall_ms -= 60'000;
        return true;
      });
  }
  if (auto* m = std::get_if<link_ack>(&arriving); m && planted(bug::credit_forged))
    m->credit *= 1000;
  if (planted(bug::catch_up_from_zero)) {
    if (auto* m = std::get_if<hello>(&arriving))
      m->held.clear();
    if (auto* m = std::get_if<state_request>(&arriving))
      m->from.clear();
  }
}

/// False: the request is forgotten.
bool sim_node::plant(request& r) {
  if (std::holds_alternative<protocol::prune>(r)) {
    if (planted(bug::prune_ignores_member))
      std::get<protocol::prune>(r).stable = durable_.held;
    return !planted(bug::prune_forgotten);
  }
  if (std::holds_alternative<protocol::prune_marks>(r) && planted(bug::prune_forgotten))
    return false; // it takes log entries along
  auto* a = std::get_if<protocol::apply>(&r);
  if (!a)
    return true;
  if (planted(bug::range_emptied) && random_.chance(50))
    rewrite(a->parts.back(), [&, n = a->parts.back().count](op&) mutable { return --n > 0; });
  if (planted(bug::batch_split) && a->parts.size() == 1 && a->parts.front().count > 1) {
    auto first = *a;
    auto ops = decode_ops(a->parts.front());
    if (!ops)
      return true;
    const auto middle = (*ops)[ops->size() / 2 - 1].decoded.seq;
    first.cost = 0;
    rewrite(first.parts.front(), [&](op& o) { return o.seq <= middle; });
    first.parts.front().to = middle;
    rewrite(a->parts.front(), [&](op& o) { return o.seq > middle; });
    a->parts.front().from = middle;
    queue_.push_back(std::move(first));
    if (!writing_)
      begin_group();
    around_.time.after(around_.planned.sync_us * 3 + 5, [this, rest = *a, life = life_] {
      if (life != life_)
        return;
      queue_.push_back(rest);
      if (!writing_)
        begin_group();
    });
    return false;
  }
  return true;
}

void sim_node::plant(kv_batch& batch) {
  for (auto& w : batch) {
    const bool is_row = w.where == family::owned || w.where == family::shared;
    if (planted(bug::delete_mark_lost) && is_row && w.value) {
      auto r = decode_row(*w.value);
      r->removed.reset();
      w.value = encode_row(*r);
    }
    if (planted(bug::value_tampered) && is_row && w.value && random_.chance(20)) {
      auto r = decode_row(*w.value);
      if (auto name = r->fields.find({"name", field_kind::lww}); name != r->fields.end())
        name->second.lww.value = "\xa1?";
      w.value = encode_row(*r);
    }
  }
  if (planted(bug::held_op_lost))
    std::erase_if(batch, [](const kv_write& w) {
      return w.where == family::deadletter && w.value && w.key[0] != 'c';
    });
  if (planted(bug::cascade_index_lost))
    std::erase_if(batch, [](const kv_write& w) {
      return w.where == family::index && w.value && w.key[0] == 'p';
    });
}

void sim_node::plant_restart() {
  if (planted(bug::clock_goes_back))
    disk_.of(family::meta).erase("clock");
}

} // namespace shoal::sim
