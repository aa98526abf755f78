#include "store/sync/overlay_cursor.hpp"
#include "store/sync/prefix_source.hpp"

#include <algorithm>

namespace shoal {

std::string_view to_string(family f) {
  static constexpr std::array<std::string_view, family_count> names{
      "owned",     "owned_by_seq", "shared",     "shared_by_seq", "log",  "log_by_seq",
      "frontiers", "checkpoints",  "deadletter", "meta",          "index"};
  return names[static_cast<size_t>(f)];
}

result<std::vector<std::optional<std::string>>>
kv_view::get_many(family f, std::span<const std::string> keys) const {
  std::vector<std::optional<std::string>> out;
  out.reserve(keys.size());
  for (const auto& key : keys) {
    auto value = get(f, key);
    if (!value)
      return value.err();
    out.push_back(std::move(*value));
  }
  return out;
}

/// A transaction's own, of one family.
struct own_writes {
  using map = kv_transaction::overlay;
  const map* all;
  map::const_iterator lower_bound(std::string_view key) const { return all->lower_bound(key); }
  map::const_iterator end() const { return all->end(); }
  static std::string_view key(map::const_iterator at) { return at->first; }
  static const std::optional<std::string>& value(map::const_iterator at) { return at->second; }
};

/// A transaction's, while its reads are limited.
class limited_cursor final : public kv_cursor {
public:
  limited_cursor(const kv_transaction& txn, std::unique_ptr<kv_cursor> of)
      : txn_(txn), of_(std::move(of)) {}

  void seek(std::string_view key) override {
    of_->seek(key);
    charge();
  }
  bool valid() const override { return charged_.ok() && of_->valid(); }
  void next() override {
    of_->next();
    charge();
  }
  std::string_view key() const override { return of_->key(); }
  std::string_view value() const override { return of_->value(); }
  status state() const override { return charged_.ok() ? of_->state() : charged_; }

private:
  void charge() { charged_ = txn_.charge(of_->valid() ? of_->value().size() : 0); }

  const kv_transaction& txn_;
  std::unique_ptr<kv_cursor> of_;
  status charged_ = success();
};

void kv_transaction::limit_reads(size_t bytes) {
  may_read_ = bytes;
  over_limit_ = false;
}

bool kv_transaction::lift_limit() {
  may_read_.reset();
  return std::exchange(over_limit_, false);
}

status kv_transaction::charge(size_t bytes) const {
  if (!may_read_)
    return success();
  const size_t cost = bytes + read_cost;
  if (over_limit_ || cost > *may_read_) {
    over_limit_ = true;
    return {ec::unavailable, "the store: more would be read than is allowed now"};
  }
  *may_read_ -= cost;
  return success();
}

result<std::optional<std::string>> kv_transaction::get(family f, std::string_view key) const {
  const auto& over = overlays_[static_cast<size_t>(f)];
  if (const auto it = over.find(key); it != over.end())
    return it->second;
  auto value = base_.get(f, key);
  if (value)
    if (auto charged = charge(*value ? (*value)->size() : 0); !charged)
      return charged.err();
  return value;
}

result<std::vector<std::optional<std::string>>>
kv_transaction::get_many(family f, std::span<const std::string> keys) const {
  auto values = base_.get_many(f, keys);
  if (values)
    for (const auto& value : *values)
      if (auto charged = charge(value ? value->size() : 0); !charged)
        return charged.err();
  const auto& over = overlays_[static_cast<size_t>(f)];
  if (!values || over.empty())
    return values;
  for (size_t i = 0; i < keys.size(); ++i)
    if (const auto it = over.find(keys[i]); it != over.end())
      (*values)[i] = it->second;
  return values;
}

std::unique_ptr<kv_cursor> kv_transaction::cursor(family f) const {
  std::unique_ptr<kv_cursor> all = std::make_unique<overlay_cursor<own_writes>>(
      base_.cursor(f), own_writes{&overlays_[static_cast<size_t>(f)]});
  if (may_read_)
    all = std::make_unique<limited_cursor>(*this, std::move(all));
  return all;
}

kv_cursor& kv_transaction::probe(family f) const {
  auto& p = probes_[static_cast<size_t>(f)];
  if (!p) {
    const auto* quick = dynamic_cast<const prefix_source*>(&base_);
    p = quick ? quick->prefix_cursor(f) : base_.cursor(f);
  }
  return *p;
}

void kv_transaction::write(family f, std::string key, std::optional<std::string> value) {
  bytes_ += key.size() + (value ? value->size() : 0);
  if (auto* listener = listeners_[static_cast<size_t>(f)])
    listener->on_written(key);
  auto& over = overlays_[static_cast<size_t>(f)];
  const size_t before = over.size();
  // Many keys ascend, seqs for one: those cost no search.
  const bool last = over.empty() || std::string_view(over.rbegin()->first) < key;
  const auto it = last ? over.try_emplace(over.end(), written_key{std::move(key)})
                       : over.try_emplace(written_key{std::move(key)}).first;
  const bool fresh = over.size() > before;
  undo_.push_back({f, it, !fresh, std::move(it->second)});
  it->second = std::move(value);
}

void kv_transaction::tell(family f, key_listener& to, bool to_begin) {
  auto& listener = listeners_[static_cast<size_t>(f)];
  if (std::exchange(listener, &to) == &to && !to_begin)
    return;
  for (const auto& [key, value] : overlays_[static_cast<size_t>(f)])
    to.on_written(key);
}

void kv_transaction::put(family f, std::string key, std::string value) {
  write(f, std::move(key), std::move(value));
}

void kv_transaction::erase(family f, std::string key) { write(f, std::move(key), std::nullopt); }

void kv_transaction::rollback(size_t savepoint) {
  while (undo_.size() > savepoint) {
    auto& u = undo_.back();
    auto& over = overlays_[static_cast<size_t>(u.where)];
    if (u.had)
      u.at->second = std::move(u.before);
    else
      over.erase(u.at);
    undo_.pop_back();
  }
}

kv_batch kv_transaction::take() {
  kv_batch out;
  size_t entries = 0;
  for (const auto& over : overlays_)
    entries += over.size();
  out.reserve(entries);
  undo_.clear(); // before what it points at
  for (size_t i = 0; i < family_count; ++i) {
    for (auto& [key, value] : overlays_[i])
      out.push_back({static_cast<family>(i), std::move(key.bytes), std::move(value)});
    overlays_[i].clear();
  }
  for (auto& p : probes_)
    p.reset(); // they see what was before this group
  bytes_ = 0;
  return out;
}

} // namespace shoal
