#include "sim/oracle.hpp"

#include "sim/trace.hpp"
#include "sim/workload.hpp"
#include "store/sync/keys.hpp"
#include "store/sync/records.hpp"
#include "store/sync/stored_row.hpp"

namespace shoal::sim {

std::string oracle::missing(const frontier& held) const {
  frontier here;
  frontier there;
  const auto all = expected(held);
  for (const auto& [s, seq] : held)
    if (seq_of(all, s) != seq)
      here[s] = seq;
  for (const auto& [s, seq] : all)
    if (seq_of(held, s) != seq)
      there[s] = seq;
  return text_of(here) + " of " + text_of(there);
}

void oracle::fail(std::string checker, std::string what) {
  if (!found_)
    found_ = violation{std::move(checker), std::move(what)};
}

void oracle::acknowledged(const committed& c) {
  auto& seq = acknowledged_[c.covered.stream];
  seq = std::max(seq, c.covered.to);
  acknowledged_ops_ += c.results.size();
}

void oracle::durable(const committed& c) {
  const auto& r = c.covered;
  auto& seq = durable_frontier_[r.stream];
  if (r.from != seq)
    fail("seq", text_of(r.stream) + " committed (" + std::to_string(r.from) + ", "
                    + std::to_string(r.to) + "] after " + std::to_string(seq));
  seq = r.to;
  durable_bytes_ += r.ops.size();
  auto ops = decode_ops(r);
  if (!ops)
    return fail("codec", "own ops do not decode: " + ops.err().message);
  for (const auto& o : *ops) {
    // A node that gets own rows back whose stamps are years ahead goes on behind those, and with
    // shared records by its clock.
    const bool apart = plan_.far_ms != 0 && restored_.contains(r.stream.origin);
    auto& newest = newest_[{r.stream.origin, apart ? o.decoded.cls : record_class::owned}];
    if (o.decoded.stamp <= newest)
      fail("hlc", text_of(r.stream) + " stamped " + to_string(o.decoded.stamp) + " after "
                      + to_string(newest));
    newest = o.decoded.stamp;
  }
  streams_[r.stream].push_back(r);
}

void oracle::compared(const protocol::comparison_report& report) {
  const bool adopts = report.goal == protocol::comparison_goal::adopt;
  seen_[situation::compared] += !adopts && report.complete ? 1 : 0;
  seen_[situation::adopted] += adopts ? 1 : 0;
}

void oracle::restored(const device_id& device, const sim_store& disk) {
  const auto held = frontier_on(disk);
  restored_.insert(device);
  for (const auto cls : {record_class::owned, record_class::shared})
    newest_.erase({device, cls}); // the clock's bound is the older one too
  for (const auto& [stream, seq] : durable_frontier_)
    if (stream.origin == device && seq_of(held, stream) < seq)
      cut_short_.insert(stream);
}

frontier oracle::expected(const frontier& held) const {
  auto out = durable_frontier_;
  for (const auto& stream : cut_short_) {
    const auto seq = std::min(seq_of(held, stream), out[stream]);
    if (seq == 0)
      out.erase(stream);
    else
      out[stream] = seq;
  }
  return out;
}

uint64_t oracle::bytes_beyond(const frontier& held) const {
  uint64_t sum = 0;
  for (const auto& [stream, ranges] : streams_)
    for (const auto& r : ranges)
      if (r.to > seq_of(held, stream) && !cut_short_.contains(stream))
        sum += r.ops.size();
  return sum;
}

frontier frontier_on(const sim_store& disk) {
  frontier out;
  for (const auto& [key, value] : disk.of(family::frontiers))
    if (key[0] == 'f')
      out[keys::parse_stream(std::string_view(key).substr(1))] = keys::read_u64(value);
  return out;
}

void oracle::check_accounts(const device_id& device, const sim_store& disk) {
  int64_t sum = 0;
  for (uint64_t n = 0; n < account_count; ++n) {
    auto r = get_record(disk, record_class::shared, "account", account_id(n));
    if (!r)
      return fail("codec", r.err().message);
    if (!*r || !(*r)->fields.contains("balance"))
      continue;
    reader in((*r)->fields.at("balance"));
    sum += in.integer("balance");
  }
  if (sum != 0)
    fail("atomic", text_of(device) + " is ready and its accounts sum up to " + std::to_string(sum)
                       + ": a batch is there in part");
}

void oracle::check_digest(const device_id& device, const sim_store& disk,
                          const digest_value& said) {
  digest_value sum;
  for (auto cls : {record_class::owned, record_class::shared})
    for (const auto& [key, raw] :
         disk.of(cls == record_class::owned ? family::owned : family::shared)) {
      auto r = read_row(disk, cls, key, raw);
      if (!r)
        return fail("codec", r.err().message);
      if (r->visible)
        add(sum, digest_of(*r, cls, key));
    }
  if (sum != said)
    fail("digest",
         text_of(device) + " says " + to_string(said) + ", its rows say " + to_string(sum));
}

void oracle::written(const device_id& device, const kv_batch& batch) {
  for (const auto& w : batch) {
    if (w.where != family::owned || !w.value || read_place(*w.value))
      continue; // a place is looked up under its owner
    const auto r = decode_row(*w.value);
    if (!r)
      return fail("codec", r.err().message);
    const auto owner = keys::parse_row(record_class::owned, w.key)->owner;
    for (const auto& d : standing(*r))
      if (d.origin != owner)
        fail("owner", text_of(device) + " has a record of " + text_of(owner) + " that "
                          + text_of(d.origin) + " wrote");
  }
}

void oracle::group_done(const device_id& device, const sim_store& disk,
                        const replica_summary& summary, bool ready, bool filling, bool moved,
                        bool thorough) {
  // A node that fills itself is not believed before it has once agreed with another.
  if (summary.settled && !filling) {
    const auto [it, fresh] =
        digests_.try_emplace({hash_of(summary.held), summary.held_back.hash}, summary.digest);
    if (!fresh && it->second != summary.digest)
      fail("convergence", text_of(device) + " is settled at " + text_of(summary.held)
                              + " with another digest than was seen there before");
  }
  // Half of a batch may have gone with a disk, as what superseded the other half.
  if (ready && summary.settled && moved && seen_[situation::given_up] == 0)
    check_accounts(device, disk);
  if (thorough)
    check_digest(device, disk, summary.digest);
}

void oracle::pruning(const device_id& device, const frontier& stable,
                     const std::map<device_id, const sim_store*>& disks) {
  for (const auto& [member, disk] : disks) {
    if (restored_.contains(member))
      continue; // it holds less than it once said; it is served from rows
    const auto held = frontier_on(*disk);
    if (!covers(held, stable))
      fail("early_prune",
           text_of(device) + " prunes " + text_of(stable) + ", a member holds " + text_of(held));
  }
}

void oracle::final_state(const device_id& device, const sim_store& disk,
                         const replica_summary& summary) {
  const auto held = frontier_on(disk);
  if (held != summary.held)
    fail("lost_write",
         text_of(device) + " says " + text_of(summary.held) + ", its disk says " + text_of(held));
  for (const auto& [stream, seq] : acknowledged_)
    if (seq_of(held, stream) < seq && !cut_short_.contains(stream))
      fail("lost_write", text_of(device) + " holds " + text_of(held) + ", acknowledged were "
                             + text_of(acknowledged_));
  if (!is_all(held))
    fail("convergence", text_of(device) + " holds " + text_of(held) + ", durable are "
                            + text_of(durable_frontier_));
  check_digest(device, disk, summary.digest);
  if (!final_digest_)
    final_digest_ = summary.digest;
  if (summary.digest != *final_digest_)
    fail("convergence", text_of(device) + " ends with another digest");
  bool any_held = summary.held_back != held_counts{};
  for (const auto& [key, value] : disk.of(family::deadletter))
    any_held |= key[0] != 'c'; // conflicts stay
  if (any_held)
    fail("held", text_of(device)
                     + " still holds ops back: " + std::to_string(summary.held_back.quarantined));
  if (summary.log_entries != 0 || !disk.of(family::log).empty()
      || !disk.of(family::log_by_seq).empty())
    fail("log_drains", text_of(device) + " counts " + std::to_string(summary.log_entries)
                           + " log entries and holds "
                           + std::to_string(disk.of(family::log).size()));

  for (const auto& stream : cut_short_) // what nobody has is gone
    std::erase_if(streams_[stream], [&](const range& r) { return r.to > seq_of(held, stream); });
  std::string all;
  model_records records;
  std::map<std::string, int64_t> counts;
  auto models = models_present(disk);
  if (!models)
    return fail("codec", models.err().message);
  for (const auto& [cls, model] : *models) {
    auto listed = list_records(disk, cls, model, nullptr, false, [&](record_view&& v) {
      const auto name = model_key(v.model, v.id, v.owner ? &*v.owner : nullptr);
      all += name + " " + to_string(v.stamp);
      for (const auto& [field, value] : v.fields)
        all += " " + field + "=" + value;
      records[name] = std::move(v.fields);
      ++counts[v.model];
      return true;
    });
    if (!listed)
      return fail("codec", listed.err().message);
  }
  for (const auto& [model, n] : summary.records)
    if (counts[model] != n)
      fail("digest", text_of(device) + " counts " + std::to_string(n) + " of " + model
                         + ", listed are " + std::to_string(counts[model]));
  if (!export_) {
    export_ = all;
    std::vector<model_op> ops;
    for (const auto& [stream, ranges] : streams_)
      for (const auto& r : ranges) {
        auto decoded = decode_ops(r);
        if (!decoded)
          return fail("codec", decoded.err().message);
        for (auto& o : *decoded)
          ops.push_back({stream, std::move(o.decoded)});
      }
    auto expected = fold(std::move(ops));
    // An owner that lost its store may write before it has its own records back: over what cascades
    // had taken, say. Its nodes agree, but the order of stamps is not the order of what it knew.
    for (const auto& owner : restored_) {
      const auto is_its = [tail = " of " + to_string(owner)](const auto& r) {
        return r.first.ends_with(tail);
      };
      std::erase_if(expected, is_its);
      std::erase_if(records, is_its);
    }
    // A write that was made without knowing of a forgotten delete, and stamped before it, stands.
    if (expected != records && !fold_is_moot()) {
      std::string what = text_of(device) + " is not the model's fold:";
      for (const auto& [name, fields] : expected)
        if (const auto it = records.find(name); it == records.end())
          what += " lacks " + name + ";";
        else if (it->second != fields)
          what += " differs in " + name + ";";
      for (const auto& [name, fields] : records)
        if (!expected.contains(name))
          what += " revived " + name + ";";
      fail("fold", what);
    }
  }
  if (*export_ != all)
    fail("convergence", text_of(device) + " exports other bytes");
}

void oracle::final_fold(random_source& r) {
  sim_store disk;
  auto opened = replica::open(disk, device_of(99), {});
  if (!opened)
    return fail("codec", opened.err().message);
  kv_transaction txn(disk);
  std::vector<const std::vector<range>*> left;
  for (const auto& [stream, ranges] : streams_)
    left.push_back(&ranges);
  std::vector<size_t> at(left.size());
  const uint64_t wall = UINT64_MAX; // no stamp is too far ahead
  while (!left.empty()) {
    const auto i = r.below(left.size());
    if (at[i] == left[i]->size()) {
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(i));
      at.erase(at.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    auto done = (*opened)->apply(txn, {&(*left[i])[at[i]++], 1}, wall);
    if (!done || *done != applied_as::applied)
      return fail("fold", "a durable range does not apply to an empty replica");
  }
  if (final_digest_ && (*opened)->summary().digest != *final_digest_ && !fold_is_moot())
    fail("fold", "the digest is not that of all durable ops");
}

} // namespace shoal::sim
