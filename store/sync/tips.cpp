// Tips: what a device signs of its own rows, in its statement, and how other nodes' copies of those
// rows are held against it. A relaying member that alters, adds or leaves out another device's
// records is found by that (DESIGN.md 4).

#include "store/sync/keys.hpp"
#include "store/sync/replica.hpp"
#include "store/sync/stored_row.hpp"

namespace shoal {

namespace {

constexpr const char* complete_mark =
    "owner_digests"; // meta: stores from before there were any lack it

frontier streams_of(const device_id& origin, const frontier& f) {
  auto end = f.lower_bound({origin, 0});
  const auto begin = end;
  while (end != f.end() && end->first.origin == origin)
    ++end;
  return {begin, end};
}

} // namespace

status replica::load_owner_digests(const kv_view& store) {
  auto complete = store.get(family::meta, complete_mark);
  if (!complete)
    return complete.err();
  if (*complete)
    return scan_prefix(
        store, family::meta, keys::tagged('D', {}), keys::tagged('D', {}),
        [&](std::string_view key, std::string_view raw) {
          if (const auto owner = device_id::from_bytes(key.substr(1)))
            owner_digests_[*owner] = {keys::read_u64(raw), keys::read_u64(raw.substr(8))};
          return true;
        });
  status fault = success();
  auto scanned =
      scan_prefix(store, family::owned, "", "", [&](std::string_view key, std::string_view raw) {
        auto r = read_row(store, record_class::owned, key, raw);
        const auto name = keys::parse_row(record_class::owned, key);
        if (!r || !name)
          fault = r ? error{ec::corrupt, "row key on disk"} : r.err();
        else if (r->visible)
          add(owner_digests_[name->owner], digest_of(*r, record_class::owned, key));
        return fault.ok();
      });
  for (const auto& [owner, digest] : owner_digests_)
    owner_moves_.emplace_back(owner, digest);
  return scanned ? fault : scanned;
}

void replica::move_owner_digest(const device_id& owner, const digest_value& before,
                                const digest_value& after) {
  auto& digest = owner_digests_[owner];
  owner_moves_.emplace_back(owner, digest);
  subtract(digest, before);
  add(digest, after);
}

void replica::seal_owner_digests(kv_transaction& txn) {
  if (!unchecked_.empty() && settled())
    for (const auto& owner : std::exchange(unchecked_, {}))
      check_tip(owner);
  if (owner_moves_.empty())
    return;
  std::set<device_id> moved;
  for (const auto& [owner, before] : owner_moves_)
    moved.insert(owner);
  for (const auto& owner : moved) {
    const auto& d = owner_digests_[owner];
    txn.put(family::meta, keys::tagged('D', owner.view()), keys::u64(d.low) + keys::u64(d.high));
  }
  put_if_new(txn, family::meta, complete_mark, "1");
  owner_moves_.clear();
}

std::string replica::own_tip() const {
  if (held_counts_.unmergeable != 0) // they may be its own
    return {};
  // What it wrote before it lost its store may be here in part, until it has agreed with another.
  if (filling_ && own_fetched_)
    return {};
  const auto own = quarantined_.lower_bound({self_, 0});
  if (own != quarantined_.end() && own->first.origin == self_)
    return {};
  const auto it = owner_digests_.find(self_);
  return digest_bytes(it == owner_digests_.end() ? digest_value{} : it->second);
}

void replica::check_tip(const device_id& owner) {
  const auto st = statements_.find(owner);
  if (owner == self_ || st == statements_.end() || st->second.owner_digest.empty()
      || held_counts_.unmergeable != 0 || !is_member(members_, owner))
    return;
  if (!settled()) {
    unchecked_.insert(owner);
    return;
  }
  // Only at the very frontier that was signed: later writes replace what it was about.
  const auto mine = streams_of(owner, held_);
  folded_frontier said{streams_of(owner, st->second.held.open), {}};
  if (const auto ended = st->second.held.ended.find(owner); ended != st->second.held.ended.end())
    said.ended.insert(*ended);
  if (const auto all = unfold(said, mine); mine.empty() || !all.whole || all.held != mine)
    return;
  tips_.push_back(
      {owner, digest_bytes(owner_digests_[owner]) == st->second.owner_digest, filling_});
}

void replica::check_all_tips() {
  for (const auto& [member, st] : statements_)
    unchecked_.insert(member);
}

} // namespace shoal
