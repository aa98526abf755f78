// Cascades. A record with a cascading parent lives and dies with it: it is visible iff it exists,
// each such parent is visible, and no delete of a parent is newer than the reference to it. That is
// a function of the rows, not of the order in which they came, so one delete op takes a whole
// subtree everywhere, also when a child arrives late. The flag is kept in each row; when it changes
// for a parent, its children are looked at again, through the index.

#include "store/sync/keys.hpp"
#include "store/sync/marks.hpp"
#include "store/sync/replica.hpp"
#include "store/sync/stored_row.hpp"

#include <algorithm>
#include <deque>

namespace shoal {

constexpr size_t parents_kept = 16'384; // about 2 MiB; beyond it the cache starts anew

static std::string cache_key(record_class cls, std::string_view key) {
  std::string out(1, static_cast<char>(cls));
  out += key;
  return out;
}

// A device-owned record's parent is its own owner's: nobody's delete takes another owner's records.
std::string replica::parent_key(record_class cls, const parent_ref& p,
                                std::string_view child_key) const {
  device_id owner;
  if (cls == record_class::owned)
    owner = *device_id::from_bytes(child_key.substr(child_key.size() - 16));
  return keys::row(cls, p.model, p.id, owner);
}

result<const replica::parent_state*> replica::parent_of(kv_transaction& txn, record_class cls,
                                                        const std::string& key) {
  const auto cached = cache_key(cls, key);
  auto it = parents_.find(cached);
  if (it != parents_.end())
    return &it->second;
  auto raw = txn.get(cls == record_class::owned ? family::owned : family::shared, key);
  if (!raw)
    return raw.err();
  if (!*raw)
    return nullptr;
  auto parsed = read_brief(**raw);
  if (!parsed)
    return parsed.err();
  if (parents_.size() >= parents_kept)
    parents_.clear();
  it = parents_.emplace(cached, parent_state{parsed->visible, parsed->removed}).first;
  return &it->second;
}

result<bool> replica::is_visible(kv_transaction& txn, record_class cls, std::string_view key,
                                 const row& r) {
  if (!r.exists())
    return false;
  return parents_live(txn, cls, key, parents(r));
}

result<bool> replica::parents_live(kv_transaction& txn, record_class cls, std::string_view key,
                                   std::span<const parent_ref> named) {
  bool visible = true;
  for (const auto& p : named) {
    const auto name = parent_key(cls, p, key);
    auto parent = parent_of(txn, cls, name);
    if (!parent)
      return parent.err();
    if (!*parent) {
      const auto waiting = cache_key(cls, name);
      awaited_.insert(waiting);
      txn.put(family::index, keys::tagged('w', waiting),
              ""); // also if known: that may have been rolled back
      visible = false;
    } else if (!(*parent)->visible || ((*parent)->removed && *(*parent)->removed > p.at)) {
      visible = false;
    }
  }
  return visible;
}

int64_t& replica::count_of(std::string_view model) {
  if (!counted_ || counted_->first != model)
    counted_ = &*counts_.try_emplace(std::string(model)).first;
  return counted_->second;
}

void replica::count(const row& before, const row& after, record_class cls, std::string_view key) {
  const auto old = before.visible ? digest_of(before, cls, key) : digest_value{};
  const auto fresh = after.visible ? digest_of(after, cls, key) : digest_value{};
  subtract(digest_, old);
  add(digest_, fresh);
  const auto name = keys::parse_row(cls, key);
  if (cls == record_class::owned && name && old != fresh)
    move_owner_digest(name->owner, old, fresh);
  if (before.visible != after.visible) {
    auto& n = count_of(name ? name->model : std::string_view{});
    n += after.visible ? 1 : -1;
  }
  tombstones_ += static_cast<int64_t>(after.removed.has_value())
                 - static_cast<int64_t>(before.removed.has_value());
}

/// Keeps the index of marks in step with a row's.
static void index_marks(kv_transaction& txn, record_class cls, const std::string& key,
                        const row& before, const row& after) {
  const auto old_marks = marks(before);
  const auto new_marks = marks(after);
  if (old_marks == new_marks)
    return;
  for (const auto& v : old_marks)
    if (!std::binary_search(new_marks.begin(), new_marks.end(), v))
      txn.erase(family::index, keys::mark(v.stamp.wall_ms, v.at(), cls, key));
  for (const auto& v : new_marks)
    if (!std::binary_search(old_marks.begin(), old_marks.end(), v))
      txn.put(family::index, keys::mark(v.stamp.wall_ms, v.at(), cls, key), "");
}

status replica::shrink_row(kv_transaction& txn, record_class cls, const std::string& key,
                           const row& before, row& after) {
  const auto by_seq = cls == record_class::owned ? family::owned_by_seq : family::shared_by_seq;
  const auto left = standing(after);
  for (const auto& d : standing(before))
    if (!std::binary_search(left.begin(), left.end(), d))
      txn.erase(by_seq, keys::by_seq(d.stream(), d.seq));
  return write_row(txn, cls, key, before, after);
}

status replica::write_row(kv_transaction& txn, record_class cls, const std::string& key,
                          const row& before, row& after) {
  auto visible = is_visible(txn, cls, key, after);
  if (!visible)
    return visible.err();
  after.visible = *visible;
  count(before, after, cls, key);
  drop_local(txn, cls, key, before, after);

  const auto old_parents = parents(before);
  const auto new_parents = parents(after);
  if (old_parents != new_parents) {
    for (const auto& p : old_parents)
      txn.erase(family::index, keys::parent('p', cls, parent_key(cls, p, key)) + key);
    for (const auto& p : new_parents)
      txn.put(family::index, keys::parent('p', cls, parent_key(cls, p, key)) + key, "");
  }
  index_marks(txn, cls, key, before, after);
  const auto rows = cls == record_class::owned ? family::owned : family::shared;
  const auto cached = cache_key(cls, key);
  if (after.empty()) {
    txn.erase(rows, key);
    parents_.erase(cached);
    const auto prefix = keys::parent('p', cls, key);
    auto waited_for =
        txn.any_with_prefix(family::index, prefix, [&](std::string_view k, std::string_view) {
          return keys::parse_row(cls, k.substr(prefix.size())).has_value();
        });
    if (!waited_for)
      return waited_for.err();
    if (*waited_for) {
      awaited_.insert(cached);
      txn.put(family::index, keys::tagged('w', cached), "");
    }
    return before.visible ? reevaluate_children(txn, cls, key) : success();
  }
  if (auto put = store_row(txn, cls, key, before, after); !put)
    return put;

  if (const auto it = parents_.find(cached); it != parents_.end())
    it->second = {after.visible, after.removed};
  const bool new_to_children =
      before.empty() ? awaited_.contains(cached)
                     : before.visible != after.visible || before.removed != after.removed;
  if (!new_to_children)
    return success();
  if (awaited_.contains(cached)) // stays in memory: a rollback would have to put it back
    txn.erase(family::index, keys::tagged('w', cached));
  return reevaluate_children(txn, cls, key);
}

status replica::new_to_children(kv_transaction& txn, record_class cls, const std::string& key,
                                bool visible) {
  if (parents_.empty() && awaited_.empty())
    return success();
  const auto cached = cache_key(cls, key);
  if (const auto it = parents_.find(cached); it != parents_.end())
    it->second = {visible, std::nullopt};
  if (!awaited_.contains(cached))
    return success();
  txn.erase(family::index, keys::tagged('w', cached));
  return reevaluate_children(txn, cls, key);
}

status replica::reevaluate_children(kv_transaction& txn, record_class cls, const std::string& key) {
  const auto rows = cls == record_class::owned ? family::owned : family::shared;
  std::deque<std::string> parents_left{key};
  while (!parents_left.empty()) {
    const auto prefix = keys::parent('p', cls, parents_left.front());
    parents_left.pop_front();
    std::vector<std::string> children;
    auto scanned =
        scan_prefix(txn, family::index, prefix, prefix, [&](std::string_view k, std::string_view) {
          // A longer parent key may share this prefix; its child keys do not parse.
          if (keys::parse_row(cls, k.substr(prefix.size())))
            children.emplace_back(k.substr(prefix.size()));
          return true;
        });
    if (!scanned)
      return scanned;
    for (auto& child : children) {
      auto raw = txn.get(rows, child);
      if (!raw)
        return raw.err();
      if (!*raw)
        continue;
      auto before = read_row(txn, cls, child, **raw);
      if (!before)
        return before.err();
      auto visible = is_visible(txn, cls, child, *before);
      if (!visible)
        return visible.err();
      if (*visible == before->visible)
        continue;
      row after = *before;
      after.visible = *visible;
      count(*before, after, cls, child);
      drop_local(txn, cls, child, *before, after);
      if (auto put = store_row(txn, cls, child, *before, after); !put)
        return put;
      if (const auto it = parents_.find(cache_key(cls, child)); it != parents_.end())
        it->second.visible = after.visible;
      parents_left.push_back(std::move(child));
    }
  }
  return success();
}

} // namespace shoal
