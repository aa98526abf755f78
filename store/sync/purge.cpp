// Dropping all records that a device owned: when it is removed with --purge, whereupon no node
// takes any of them any more; and when they turn out not to be what it wrote. The frontier stays,
// so that nothing is asked for again.

#include "store/sync/changes.hpp"
#include "store/sync/keys.hpp"
#include "store/sync/marks.hpp"
#include "store/sync/replica.hpp"
#include "store/sync/stored_row.hpp"

namespace shoal {

bool replica::is_purged(const device_id& owner) const {
  const auto it = members_.find(owner);
  return it != members_.end() && it->second.removed && it->second.purge;
}

status replica::drop_owned(kv_transaction& txn, const device_id& owner) {
  std::vector<std::pair<std::string, row>> gone;
  auto c = txn.cursor(family::owned);
  for (c->seek(""); c->valid(); c->next()) {
    const auto name = keys::parse_row(record_class::owned, c->key());
    if (!name || name->owner != owner)
      continue;
    auto r = read_row(txn, record_class::owned, c->key(), c->value());
    if (!r)
      return r.err();
    gone.emplace_back(c->key(), std::move(*r));
  }
  if (auto s = c->state(); !s)
    return s;
  for (const auto& [key, r] : gone) {
    count(r, row{}, record_class::owned, key);
    for (const auto& v : marks(r))
      txn.erase(family::index, keys::mark(v.stamp.wall_ms, v.at(), record_class::owned, key));
    for (const auto& p : parents(r))
      txn.erase(family::index,
                keys::parent('p', record_class::owned, parent_key(record_class::owned, p, key))
                    + key);
    for (const auto& d : standing(r))
      txn.erase(family::owned_by_seq, keys::by_seq(d.stream(), d.seq));
    txn.erase(family::owned, key);
  }
  parents_.clear();
  return gone.empty() ? success() : change_below(txn);
}

status replica::change_below(kv_transaction& txn) const {
  auto before = read_rewritten(txn);
  if (!before)
    return before.err();
  put_rewritten(txn, before->number + 1, held_);
  return success();
}

} // namespace shoal
