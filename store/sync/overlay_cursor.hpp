#pragma once
// Walks a view and writes that lie over it as one. For kv.cpp and pending_view.cpp alone.

#include "store/sync/kv.hpp"

namespace shoal {

/// `Writes` is ordered by key and has lower_bound(key), end(), and of what they return key(at) and
/// value(at), an optional. It outlives the cursor, and entries that are added meanwhile may be
/// seen.
template <class Writes>
class overlay_cursor final : public kv_cursor {
public:
  overlay_cursor(std::unique_ptr<kv_cursor> base, Writes over)
      : base_(std::move(base)), over_(over), at_(over.end()) {}

  void seek(std::string_view key) override {
    base_->seek(key);
    at_ = over_.lower_bound(key);
    settle();
  }
  bool valid() const override { return !failed_ && (from_over_ || base_->valid()); }
  void next() override {
    if (from_over_) {
      if (base_->valid() && base_->key() == over_.key(at_))
        base_->next();
      ++at_;
    } else {
      base_->next();
    }
    settle();
  }
  std::string_view key() const override { return from_over_ ? over_.key(at_) : base_->key(); }
  std::string_view value() const override {
    return from_over_ ? std::string_view(*over_.value(at_)) : base_->value();
  }
  status state() const override { return base_->state(); }

private:
  // Finds which side is next, stepping over deletions.
  void settle() {
    for (;;) {
      // Without the base's keys the overlay's next one may not be the next.
      failed_ = !base_->valid() && !base_->state();
      if (failed_)
        return;
      from_over_ = at_ != over_.end() && (!base_->valid() || over_.key(at_) <= base_->key());
      if (!from_over_ || over_.value(at_))
        return;
      if (base_->valid() && base_->key() == over_.key(at_))
        base_->next();
      ++at_;
    }
  }
  std::unique_ptr<kv_cursor> base_;
  Writes over_;
  decltype(std::declval<Writes>().end()) at_;
  bool from_over_ = false;
  bool failed_ = false; // the base has a fault; state() says which
};

} // namespace shoal
