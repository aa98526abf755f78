#pragma once
// The ordered key-value store that all sync logic works on. RocksDB implements it in production, a
// map in the simulator; both order keys by their bytes.

#include "messages/error.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shoal {

/// The column families of a library; see store/README.md for their keys and values.
enum class family : uint8_t {
  owned,
  owned_by_seq,
  shared,
  shared_by_seq,
  log,
  log_by_seq,
  frontiers,
  checkpoints,
  deadletter,
  meta,
  index,
};
constexpr size_t family_count = 11;
std::string_view to_string(family f);

/// Walks one family upwards. After `valid()` turned false, `state()` says whether that was the end
/// or a fault: every scan must ask it.
class kv_cursor {
public:
  virtual ~kv_cursor() = default;
  virtual void seek(std::string_view key) = 0;
  virtual bool valid() const = 0;
  virtual void next() = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual status state() const = 0;
};

/// Something that can be read: a store, a snapshot of it, or a transaction's view.
class kv_view {
public:
  virtual ~kv_view() = default;
  virtual result<std::optional<std::string>> get(family f, std::string_view key) const = 0;
  virtual std::unique_ptr<kv_cursor> cursor(family f) const = 0;
  /// What get() says of each key, which ascend: many at once may cost less than one by one.
  virtual result<std::vector<std::optional<std::string>>>
  get_many(family f, std::span<const std::string> keys) const;
};

/// Writes that reach disk together or not at all. `nullopt` deletes.
struct kv_write {
  family where;
  std::string key;
  std::optional<std::string> value;
};
using kv_batch = std::vector<kv_write>;

/// One library's store. `commit` has one caller at a time, the store writer; everything else may be
/// called from any thread, also while a commit is under way: what it reads is then of before or of
/// after it.
class kv_store : public kv_view {
public:
  /// A view that later commits do not change.
  virtual std::shared_ptr<const kv_view> snapshot() const = 0;
  /// Applies a batch and syncs it. After an error the outcome is unknown and the store must be
  /// reopened.
  virtual status commit(const kv_batch& batch) = 0;
  /// Said between commits: whether the writer knows by itself which names are not in `owned`. While
  /// many come, commits may then leave undone what only makes looking for them cheaper.
  virtual void names_are_known(bool) {}
  /// Said between commits: does what they left undone, if it is time. Otherwise, when to say it
  /// again should no commit come.
  virtual std::optional<std::chrono::seconds> rest() { return std::nullopt; }
};

/// Is told keys that are written.
class key_listener {
public:
  virtual ~key_listener() = default;
  virtual void on_written(std::string_view key) = 0;
};

/// Reads through its own uncommitted writes. `savepoint` and `rollback` undo a request that turned
/// out invalid half way, without touching the requests before it.
class kv_transaction : public kv_view {
public:
  explicit kv_transaction(const kv_view& base) : base_(base) {}
  result<std::optional<std::string>> get(family f, std::string_view key) const override;
  std::unique_ptr<kv_cursor> cursor(family f) const override;
  result<std::vector<std::optional<std::string>>>
  get_many(family f, std::span<const std::string> keys) const override;

  /// From here on at most `bytes` are read, of which each value, and each key that a cursor comes
  /// to, costs its size and read_cost. What would be more fails with ec::unavailable.
  void limit_reads(size_t bytes);
  /// Reads as before, also for good. True: something has failed for the limit.
  bool lift_limit();
  bool over_limit() const { return over_limit_; }
  /// For reads of a bound of their own: does `what` as if there were no limit.
  template <class F>
  void without_limit(F what) {
    const auto kept = std::exchange(may_read_, std::nullopt);
    what();
    may_read_ = kept;
  }
  static constexpr size_t read_cost = 256;

  /// True if a key with this prefix stands whose value `on(key, value)` says yes to. Its cursor is
  /// made once and kept: asking costs a seek.
  template <class On>
  result<bool> any_with_prefix(family f, std::string_view prefix, On on) const;

  /// Tells `to` each key of this family that has been written here, and from here on each that is;
  /// also those that a rollback undoes. At most one listener, that outlives this. Again: no effect,
  /// unless it is `to_begin` with, and what was written until now must be told anew.
  void tell(family f, key_listener& to, bool to_begin = false);

  void put(family f, std::string key, std::string value);
  void erase(family f, std::string key);
  size_t savepoint() const { return undo_.size(); }
  void rollback(size_t savepoint);
  bool empty() const { return undo_.empty(); }
  size_t bytes() const { return bytes_; }
  /// Takes the writes out; the transaction is empty afterwards.
  kv_batch take();

private:
  friend struct own_writes;
  /// Taken out together with its value, when the order does not matter any more.
  struct written_key {
    mutable std::string bytes;
    operator std::string_view() const { return bytes; } // NOLINT: it is one
  };
  struct by_bytes {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return a < b; }
  };
  using overlay = std::map<written_key, std::optional<std::string>, by_bytes>;
  void write(family f, std::string key, std::optional<std::string> value);
  struct undo {
    family where;
    overlay::iterator at; // stays valid: entries go in rollback alone, newest first
    bool had = false;
    std::optional<std::string> before;
  };
  kv_cursor& probe(family f) const;
  friend class limited_cursor;
  status charge(size_t bytes) const;
  const kv_view& base_;
  mutable std::optional<size_t> may_read_; // bytes
  mutable bool over_limit_ = false;
  mutable std::array<std::unique_ptr<kv_cursor>, family_count> probes_;
  std::array<key_listener*, family_count> listeners_{};
  std::array<overlay, family_count> overlays_;
  std::deque<undo> undo_;
  size_t bytes_ = 0;
};

/// Calls `on(key, value) → bool` for each key that begins with `prefix`, from `from` on, until it
/// returns false. Returns the cursor's fault, if any.
template <class On>
status scan_prefix(const kv_view& view, family f, std::string_view prefix, std::string_view from,
                   On on) {
  auto c = view.cursor(f);
  for (c->seek(from < prefix ? prefix : from); c->valid(); c->next()) {
    if (c->key().substr(0, prefix.size()) != prefix)
      return success();
    if (!on(c->key(), c->value()))
      return success();
  }
  return c->state();
}

template <class On>
result<bool> kv_transaction::any_with_prefix(family f, std::string_view prefix, On on) const {
  const auto& over = overlays_[static_cast<size_t>(f)];
  for (auto it = over.lower_bound(prefix);
       it != over.end() && std::string_view(it->first).starts_with(prefix); ++it)
    if (it->second && on(std::string_view(it->first), std::string_view(*it->second)))
      return true;
  auto& c = probe(f);
  for (c.seek(prefix); c.valid() && c.key().substr(0, prefix.size()) == prefix; c.next()) {
    if (auto s = charge(c.value().size()); !s)
      return s.err();
    if (over.find(c.key()) == over.end() && on(c.key(), c.value()))
      return true;
  }
  if (auto s = c.state(); !s)
    return s.err();
  return false;
}

} // namespace shoal
