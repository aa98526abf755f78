#include "store/sync/pending_view.hpp"

#include "store/sync/overlay_cursor.hpp"

#include <algorithm>

namespace shoal {

namespace {

struct batch_writes {
  using iterator = std::span<const kv_write>::iterator;
  std::span<const kv_write> all;
  iterator lower_bound(std::string_view key) const { return lower_bound(all.begin(), key); }
  iterator lower_bound(iterator from, std::string_view key) const {
    return std::lower_bound(from, all.end(), key,
                            [](const kv_write& w, std::string_view k) { return w.key < k; });
  }
  iterator end() const { return all.end(); }
  static std::string_view key(iterator at) { return at->key; }
  static const std::optional<std::string>& value(iterator at) { return at->value; }
};

} // namespace

pending_view::pending_view(const kv_view& store, std::shared_ptr<const kv_batch> batch)
    : store_(store), batch_(std::move(batch)) {
  size_t at = 0;
  for (size_t f = 0; f < family_count; ++f) {
    begins_[f] = at;
    while (at < batch_->size() && (*batch_)[at].where == static_cast<family>(f))
      ++at;
  }
  begins_[family_count] = at;
}

std::span<const kv_write> pending_view::writes_of(family f) const {
  const auto i = static_cast<size_t>(f);
  return std::span(*batch_).subspan(begins_[i], begins_[i + 1] - begins_[i]);
}

result<std::optional<std::string>> pending_view::get(family f, std::string_view key) const {
  const batch_writes over{writes_of(f)};
  if (const auto at = over.lower_bound(key); at != over.end() && at->key == key)
    return at->value;
  return store_.get(f, key);
}

result<std::vector<std::optional<std::string>>>
pending_view::get_many(family f, std::span<const std::string> keys) const {
  auto values = store_.get_many(f, keys);
  const batch_writes over{writes_of(f)};
  if (!values || over.all.empty())
    return values;
  auto at = over.all.begin();
  for (size_t i = 0; i < keys.size(); ++i) {
    at = over.lower_bound(at, keys[i]);
    if (at != over.end() && at->key == keys[i])
      (*values)[i] = at->value;
  }
  return values;
}

std::unique_ptr<kv_cursor> pending_view::cursor(family f) const {
  return std::make_unique<overlay_cursor<batch_writes>>(store_.cursor(f),
                                                        batch_writes{writes_of(f)});
}

std::unique_ptr<kv_cursor> pending_view::prefix_cursor(family f) const {
  const auto* quick = dynamic_cast<const prefix_source*>(&store_);
  return std::make_unique<overlay_cursor<batch_writes>>(
      quick ? quick->prefix_cursor(f) : store_.cursor(f), batch_writes{writes_of(f)});
}

} // namespace shoal
