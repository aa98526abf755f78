#pragma once
// The models that are in force, shared by the API, which reads them for each request, and the main
// thread, which puts others in their place on SIGHUP.

#include "store/models/registry.hpp"

#include <memory>
#include <mutex>

namespace shoal {

class current_models {
public:
  explicit current_models(models::registry first)
      : now_(std::make_shared<const models::registry>(std::move(first))) {}

  /// Whoever holds the pointer goes on with these, whatever comes after.
  std::shared_ptr<const models::registry> get() const {
    const std::lock_guard guard(mutex_);
    return now_;
  }
  void set(models::registry next) {
    auto made = std::make_shared<const models::registry>(std::move(next));
    const std::lock_guard guard(mutex_);
    now_.swap(made);
  }

private:
  mutable std::mutex mutex_;
  std::shared_ptr<const models::registry> now_;
};

} // namespace shoal
