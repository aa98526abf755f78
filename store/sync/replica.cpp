// Opening, sealing, members and statements. Names under `meta`:
//   format, clock (hlc), digest (16 bytes), counts, members, statement (own number), once (two
//   numbers), held (counts of ops that are not merged), conflicts (next and oldest number),
//   own_rows (hlc), program (version that tried the dead letters last), filled (set once this node
//   was level with another)

#include "store/sync/replica.hpp"

#include "store/sync/by_seq.hpp"
#include "store/sync/conflicts.hpp"
#include "store/sync/keys.hpp"

namespace shoal {

static std::string encode_counts(const std::map<std::string, int64_t>& counts, int64_t log,
                                 int64_t tombstones) {
  std::string out;
  writer w(out);
  w.array(3);
  w.integer(log);
  w.integer(tombstones);
  w.array(counts.size());
  for (const auto& [model, n] : counts)
    w.array(2), w.str(model), w.integer(n);
  return out;
}

result<std::unique_ptr<replica>> replica::open(const kv_view& store, device_id self,
                                               replica_options options) {
  std::unique_ptr<replica> r(new replica(self, options));
  if (auto loaded = r->load(store); !loaded)
    return loaded.err();
  return r;
}

status replica::load(const kv_view& store) {
  auto c = store.cursor(family::frontiers);
  for (c->seek(""); c->valid(); c->next()) {
    const auto key = c->key().substr(1);
    switch (c->key()[0]) {
    case 'f': held_[keys::parse_stream(key)] = keys::read_u64(c->value()); break;
    case 'u': until_[keys::parse_stream(key)] = keys::read_u64(c->value()); break;
    case 'r': rows_until_[keys::parse_stream(key)] = keys::read_u64(c->value()); break;
    case 'l': log_from_[keys::parse_stream(key)] = keys::read_u64(c->value()); break;
    case 'd': deletes_from_[keys::parse_stream(key)] = keys::read_u64(c->value()); break;
    case 'e':
      ended_[device_id::from_bytes(key).value_or(device_id{})] = keys::read_u64(c->value());
      break;
    case 'n':
      passed_over_[device_id::from_bytes(key).value_or(device_id{})] = keys::read_u64(c->value());
      break;
    case 's': {
      reader in(c->value());
      auto s = read_statement(in);
      if (in.failed())
        return error{ec::corrupt, "statement on disk: " + in.err().message};
      statements_[s.member] = std::move(s);
      break;
    }
    default: return {ec::corrupt, "frontiers: unknown key"};
    }
  }
  if (auto s = c->state(); !s)
    return s;
  if (auto resync = load_resync(store); !resync)
    return resync;
  if (auto local = load_local(store); !local)
    return local;
  if (auto oldest = load_oldest(store); !oldest)
    return oldest;
  std::map<std::string, std::string> meta;
  for (const char* name : {"clock", "digest", "counts", "members", "statement", "once", "filled",
                           "held", "own_rows", "program", "own_fetched", "fell_back"}) {
    auto value = store.get(family::meta, name);
    if (!value)
      return value.err();
    if (*value)
      meta[name] = **value;
  }
  filling_ = !meta.contains("filled");
  own_fetched_ = meta.contains("own_fetched");
  fell_back_ = meta.contains("fell_back");
  if (meta.contains("clock")) {
    auto last = decode_hlc(meta["clock"]);
    if (!last)
      return error{ec::corrupt, "meta clock: " + last.err().message};
    clock_ = hlc_clock(self_, *last);
  }
  if (meta.contains("digest"))
    digest_ = {keys::read_u64(meta["digest"]), keys::read_u64(meta["digest"].substr(8))};
  if (meta.contains("counts")) {
    reader in(meta["counts"]);
    in.array(3, "counts");
    log_entries_ = in.integer("counts");
    tombstones_ = in.integer("counts");
    for (size_t n = in.array(meta["counts"].size(), "counts"); n > 0 && !in.failed(); --n) {
      in.array(2, "counts");
      const std::string model(in.str(wire_limits::name_bytes, "counts"));
      counts_[model] = in.integer("counts");
    }
    if (in.failed())
      return error{ec::corrupt, "meta counts: " + in.err().message};
  }
  if (meta.contains("members")) {
    reader in(meta["members"]);
    members_ = read_member_set(in);
    if (in.failed())
      return error{ec::corrupt, "meta members: " + in.err().message};
  }
  if (meta.contains("statement"))
    statement_number_ = keys::read_u64(meta["statement"]);
  if (meta.contains("once")) {
    once_number_ = keys::read_u64(meta["once"]);
    once_oldest_ = keys::read_u64(meta["once"].substr(8));
  }
  if (meta.contains("own_rows")) {
    auto newest = decode_hlc(meta["own_rows"]);
    if (!newest)
      return error{ec::corrupt, "meta own_rows: " + newest.err().message};
    own_rows_ = *newest;
  }
  if (meta.contains("held")) {
    auto counts = read_held_counts(meta["held"]);
    if (!counts)
      return counts.err();
    held_counts_ = *counts;
    if (meta["held"].size() < held_counts_bytes) {
      held_counts_.hash = held_counts_.unread = 0;
      auto hashed = list_held(store, nullptr, [&](held_op&& h) {
        held_counts_.hash += hash_of_held(h);
        if (h.why == held_why::unmergeable)
          held_counts_.unread += hash_of_name(h.at);
        return true;
      });
      if (!hashed)
        return hashed;
    }
  }
  program_ = meta["program"];
  if (held_counts_.unmergeable > 0 && program_ != options_.program)
    retry_all();
  if (auto found = load_held(store); !found)
    return found;
  if (auto loaded = load_owner_digests(store); !loaded)
    return loaded;
  check_all_tips();
  if (auto loaded = load_conflicts(store); !loaded)
    return loaded;
  return scan_prefix(store, family::index, "w", "w", [&](std::string_view key, std::string_view) {
    awaited_.emplace(key.substr(1));
    return true;
  });
}

replica::mark replica::save(const kv_transaction& txn) const {
  return {txn.savepoint(),
          seq_of(held_, {self_, epoch_}),
          clock_,
          digest_,
          counts_,
          log_entries_,
          tombstones_,
          held_counts_,
          quarantine_moves_.size(),
          next_due_ms_,
          owner_moves_.size(),
          conflict_next_,
          conflict_oldest_};
}

void replica::restore(kv_transaction& txn, mark m) {
  txn.rollback(m.savepoint);
  if (epoch_ != 0) {
    if (m.own_seq == 0)
      held_.erase({self_, epoch_});
    else
      held_[{self_, epoch_}] = m.own_seq;
  }
  clock_ = m.clock;
  digest_ = m.digest;
  counts_ = std::move(m.counts);
  counted_ = nullptr;
  log_entries_ = m.log_entries;
  tombstones_ = m.tombstones;
  held_counts_ = m.held_back;
  while (quarantine_moves_.size() > m.quarantine_moves) {
    const auto [at, in] = quarantine_moves_.back();
    move_quarantined(at, !in);
    quarantine_moves_.resize(quarantine_moves_.size() - 2); // with the one that undid it
  }
  next_due_ms_ = m.next_due_ms;
  while (owner_moves_.size() > m.owner_moves) {
    owner_digests_[owner_moves_.back().first] = owner_moves_.back().second;
    owner_moves_.pop_back();
  }
  unread_batches_.merge(marked_streams_); // some may have been, and are looked at again
  unread_streams_.merge(left_streams_);
  conflict_next_ = m.conflict_next;
  conflict_oldest_ = m.conflict_oldest;
  parents_.clear(); // entries may reflect what was rolled back
}

error replica::undo(kv_transaction& txn, range_mark m, const error& why) {
  restore(txn, std::move(m.all));
  until_ = std::move(m.until);
  rows_until_ = std::move(m.rows_until);
  return why;
}

void replica::wait_for(const frontier& until) {
  for (const auto& [s, seq] : until)
    if (auto& mine = until_[s]; mine < seq) {
      mine = seq;
      dirty_.insert(s);
    }
}

// At once and not in `seal`: an op that changed no row, or a range without ops, is a write too, and
// a transaction that looked empty would be answered without one.
void replica::move_frontier(kv_transaction& txn, const stream_id& stream) {
  txn.put(family::frontiers, keys::tagged('f', keys::stream(stream)), keys::u64(held_[stream]));
  dirty_.insert(stream);
}

void replica::seal(kv_transaction& txn) {
  seal_names(txn);
  for (const auto& s : dirty_) {
    const auto key = keys::stream(s);
    if (const auto it = until_.find(s); it != until_.end())
      put_if_new(txn, family::frontiers, keys::tagged('u', key), keys::u64(it->second));
    if (const auto it = log_from_.find(s); it != log_from_.end())
      put_if_new(txn, family::frontiers, keys::tagged('l', key), keys::u64(it->second));
  }
  dirty_.clear();
  quarantine_moves_.clear();
  marked_streams_.clear();
  left_streams_.clear();
  seal_owner_digests(txn);
  std::string clock;
  append_hlc(clock, clock_.last());
  txn.put(family::meta, "clock", std::move(clock));
  if (!own_rows_.is_zero()) {
    std::string newest;
    append_hlc(newest, own_rows_);
    put_if_new(txn, family::meta, "own_rows", std::move(newest));
  }
  if (!retry_from_ && program_ != options_.program) {
    program_ = options_.program;
    txn.put(family::meta, "program", program_);
  }
  put_if_new(txn, family::meta, "held", encode(held_counts_));
  txn.put(family::meta, "digest", keys::u64(digest_.low) + keys::u64(digest_.high));
  txn.put(family::meta, "counts", encode_counts(counts_, log_entries_, tombstones_));
}

void replica::put_if_new(kv_transaction& txn, family f, std::string key, std::string value) {
  const auto [last, first] = sealed_.try_emplace({f, key}, value);
  if (!first && last->second == value)
    return;
  last->second = value;
  txn.put(f, std::move(key), std::move(value));
}

replica_summary replica::summary() const {
  replica_summary s;
  s.held = held_;
  s.settled = settled();
  s.log_entries = static_cast<uint64_t>(log_entries_);
  s.tombstones = static_cast<uint64_t>(tombstones_);
  s.oldest_log_ms = oldest_log_ms_;
  s.held_back = held_counts_;
  s.conflicts = conflict_next_;
  s.digest = digest_;
  s.records = counts_;
  return s;
}

result<bool> replica::merge_members(kv_transaction& txn, const member_set& other) {
  const auto before = members_;
  if (!merge(members_, other))
    return false;
  for (const auto& [device, m] : members_) {
    const auto known = before.find(device);
    const bool was = known != before.end() && known->second.removed && known->second.purge;
    if (is_purged(device) && !was)
      if (auto purged = drop_owned(txn, device); !purged) {
        members_ = before;
        return purged.err();
      }
  }
  std::string raw;
  writer w(raw);
  encode(w, members_);
  txn.put(family::meta, "members", std::move(raw));
  return true;
}

bool replica::keep_statement(kv_transaction& txn, const statement& s) {
  auto [it, fresh] = statements_.try_emplace(s.member, s);
  if (!fresh && s.number <= it->second.number)
    return false;
  it->second = s;
  std::string raw;
  writer w(raw);
  encode(w, s);
  txn.put(family::frontiers, keys::tagged('s', s.member.view()), std::move(raw));
  if (s.member == self_) {
    statement_number_ = s.number;
    txn.put(family::meta, "statement", keys::u64(s.number));
    const auto once = unfold(s.held, held_);
    if (!fell_back_ && (!once.whole || !covers(held_, once.held))) {
      fell_back_ = true;
      txn.put(family::meta, "fell_back", "1");
    }
  }
  check_tip(s.member);
  return true;
}

frontier replica::merged() const {
  auto held = held_;
  for (const auto& [stream, seqs] : quarantined_)
    held[stream] = *seqs.begin() - 1;
  drop_absent(held);
  return held;
}

std::optional<statement> replica::next_statement() const {
  if (!settled())
    return std::nullopt;
  statement s;
  s.member = self_;
  s.number = statement_number_ + 1;
  s.membership = membership_hash(members_);
  // What waits has not moved the clock: this node may yet write something older, which a mark that
  // all members are taken to have seen would have to mask.
  s.held = fold(merged(), ended_);
  s.owner_digest = own_tip();
  return s;
}

void replica::set_ended(kv_transaction& txn, const std::map<device_id, uint64_t>& before) {
  for (const auto& [origin, epoch] : before)
    if (auto& at = ended_[origin]; at < epoch) {
      at = epoch;
      txn.put(family::frontiers, keys::tagged('e', origin.view()), keys::u64(epoch));
    }
}

result<uint64_t> next_epoch(const kv_view& store, const device_id& self, uint64_t wall_ms,
                            uint64_t random) {
  constexpr unsigned random_bits = 30;
  auto own = read_frontiers(store, "fu", &self);
  if (!own)
    return own.err();
  uint64_t time = wall_ms / 1000;
  if (!own->empty())
    time = std::max(time, (own->rbegin()->first.epoch >> random_bits) + 1);
  return (time << random_bits) | (random >> (64 - random_bits));
}

} // namespace shoal
