#include "sim/model.hpp"

#include <algorithm>
#include <optional>
#include <tuple>

namespace shoal::sim {

static const std::string nil = "\xc0";

std::string model_key(const std::string& model, const record_id& id, const device_id* owner) {
  return model + " " + to_string(id) + (owner ? " of " + to_string(*owner) : "");
}

/// The order of ops on one record. A device that came back with an older copy of its store may give
/// a stamp a second time, in another epoch.
using rank = std::tuple<hlc, uint64_t, uint64_t>; // stamp, epoch, seq

static rank rank_of(const model_op& o) { return {o.what.stamp, o.stream.epoch, o.what.seq}; }

/// One shared record, from all ops on it.
static std::optional<std::map<std::string, std::string>>
fold_shared(const std::vector<model_op>& ops) {
  rank inserted;
  rank removed;
  for (const auto& o : ops) {
    if (o.what.kind == op_kind::remove)
      removed = std::max(removed, rank_of(o));
    else if (o.what.kind != op_kind::update)
      inserted = std::max(inserted, rank_of(o));
  }
  if (inserted <= removed)
    return std::nullopt;
  std::map<std::string, std::pair<rank, std::string>> plain;
  std::map<std::string, std::map<std::string, std::pair<rank, std::string>>> maps;
  std::map<std::string, std::map<std::string, std::set<dot>>> sets;
  std::set<std::pair<std::string, dot>> dead; // field and element, and a dot removed from it
  std::map<std::string, std::map<stream_id, std::pair<uint64_t, int64_t>>> counters;
  for (const auto& o : ops)
    for (const auto& f : o.what.fields)
      for (const auto& e : f.elements)
        for (const auto& d : e.removes)
          dead.emplace(f.name + e.element, d);
  for (const auto& o : ops) {
    if (o.what.kind == op_kind::remove || rank_of(o) < removed)
      continue;
    for (const auto& f : o.what.fields) {
      switch (f.kind) {
      case field_kind::lww:
      case field_kind::parent:
        plain[f.name] = std::max(plain[f.name], {rank_of(o), f.value});
        break;
      case field_kind::set:
        for (const auto& e : f.elements) {
          const dot own{o.stream.origin, o.stream.epoch, o.what.seq};
          if (e.adds && !dead.contains({f.name + e.element, own}))
            sets[f.name][e.element].insert(own);
        }
        break;
      case field_kind::counter: {
        auto& slot = counters[f.name][o.stream];
        if (o.what.seq > slot.first)
          slot = {o.what.seq, static_cast<int64_t>(f.added - f.subtracted)};
        break;
      }
      case field_kind::map:
        for (const auto& k : f.keys)
          maps[f.name][k.key] = std::max(maps[f.name][k.key], {rank_of(o), k.value});
        break;
      }
    }
  }
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : plain)
    if (value.second != nil)
      out[name] = value.second;
  for (const auto& [name, elements] : sets) {
    std::string raw;
    writer w(raw);
    w.array(elements.size());
    for (const auto& [element, dots] : elements)
      w.raw(element);
    out[name] = raw;
  }
  for (const auto& [name, slots] : counters) {
    int64_t sum = 0;
    for (const auto& [stream, slot] : slots)
      sum += slot.second;
    std::string raw;
    writer(raw).integer(sum);
    out[name] = raw;
  }
  for (auto& [name, entries] : maps) {
    std::erase_if(entries, [](const auto& e) { return e.second.second == nil; });
    if (entries.empty())
      continue;
    std::string raw;
    writer w(raw);
    w.map(entries.size());
    for (const auto& [key, value] : entries)
      w.str(key), w.raw(value.second);
    out[name] = raw;
  }
  return out;
}

namespace {

/// One owner's records, op by op in the order the owner made them: a delete takes what hangs below.
class owned_tree {
public:
  void apply(const op& o) {
    const auto key = o.model + std::string(o.id.view());
    if (o.kind == op_kind::remove)
      return kill(key);
    auto [it, fresh] = live_.try_emplace(key);
    if (fresh)
      it->second = {o.model, o.id, {}, {}};
    for (const auto& f : o.fields) {
      it->second.fields[f.name] = f.value;
      if (f.kind != field_kind::parent)
        continue;
      it->second.parents.erase(f.name);
      if (f.value != nil)
        it->second.parents[f.name] = f.parent_model + f.value.substr(2); // bin8 of 16 bytes
    }
  }
  void add_to(model_records& out, const device_id& owner) const {
    for (const auto& [key, r] : live_) {
      if (!shows(r))
        continue;
      auto& fields = out[model_key(r.model, r.id, &owner)];
      fields = r.fields;
      std::erase_if(fields, [](const auto& f) { return f.second == nil; });
    }
  }

private:
  struct record {
    std::string model;
    record_id id;
    std::map<std::string, std::string> fields;
    std::map<std::string, std::string> parents; // field → key
  };
  /// An owner that was restored may refer to what an op that came back had taken.
  bool shows(const record& r, size_t depth = 0) const {
    if (depth > live_.size())
      return false; // a circle
    for (const auto& [field, up] : r.parents)
      if (const auto it = live_.find(up); it == live_.end() || !shows(it->second, depth + 1))
        return false;
    return true;
  }
  void kill(const std::string& key) {
    live_.erase(key);
    std::vector<std::string> below;
    for (const auto& [child, r] : live_)
      for (const auto& [field, up] : r.parents)
        if (up == key)
          below.push_back(child);
    for (const auto& child : below)
      kill(child);
  }
  std::map<std::string, record> live_;
};

} // namespace

model_records fold(std::vector<model_op> ops) {
  std::sort(ops.begin(), ops.end(),
            [](const model_op& a, const model_op& b) { return rank_of(a) < rank_of(b); });
  model_records out;
  std::map<std::pair<std::string, record_id>, std::vector<model_op>> shared;
  std::map<device_id, owned_tree> owned;
  for (auto& o : ops) {
    if (o.what.cls == record_class::owned)
      owned[o.stream.origin].apply(o.what);
    else
      shared[{o.what.model, o.what.id}].push_back(std::move(o));
  }
  for (const auto& [name, all] : shared)
    if (auto r = fold_shared(all))
      out[model_key(name.first, name.second)] = std::move(*r);
  for (const auto& [owner, tree] : owned)
    tree.add_to(out, owner);
  return out;
}

} // namespace shoal::sim
