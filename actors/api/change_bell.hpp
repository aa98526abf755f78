#pragma once
// Tells followers of a library that something durable is new. It says no more than that: what is
// new they read from the store, so nothing queues for whoever is slow.

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

namespace shoal::api {

/// Any thread. At most one callback per follower waits.
class change_bell {
public:
  /// How often it rang. Taken before a view is, what rings later may not be in that view.
  uint64_t count() const {
    const std::lock_guard guard(mutex_);
    return count_;
  }
  /// Calls `then` once, at the next ring; at once, if it rang since `seen` was taken. A later call
  /// of the same follower replaces it. `then` must not block.
  void once(uint64_t seen, const void* follower, std::function<void()> then) {
    {
      const std::lock_guard guard(mutex_);
      if (count_ == seen) {
        waiting_[follower] = std::move(then);
        return;
      }
    }
    then();
  }
  void forget(const void* follower) {
    std::function<void()> gone; // may hold what must not end under the mutex
    const std::lock_guard guard(mutex_);
    if (const auto it = waiting_.find(follower); it != waiting_.end()) {
      gone = std::move(it->second);
      waiting_.erase(it);
    }
  }
  void ring() {
    std::map<const void*, std::function<void()>> all;
    {
      const std::lock_guard guard(mutex_);
      ++count_;
      all.swap(waiting_);
    }
    for (auto& [follower, then] : all)
      then();
  }

private:
  mutable std::mutex mutex_;
  uint64_t count_ = 0;
  std::map<const void*, std::function<void()>> waiting_;
};

} // namespace shoal::api
