#pragma once
// A node's disk, which outlives the node's actors, and the node's way to it, which does not.

#include "sim/sim_store.hpp"

#include <functional>

namespace shoal::test {

using disk = sim::sim_store;

/// The disk as one start of a node sees it. Once the power is off nothing reaches it any more,
/// whatever actors that have not noticed yet still do.
class powered_disk final : public kv_store {
public:
  explicit powered_disk(std::shared_ptr<disk> files) : files_(std::move(files)) {}

  result<std::optional<std::string>> get(family f, std::string_view key) const override {
    return files_->get(f, key);
  }
  std::unique_ptr<kv_cursor> cursor(family f) const override { return files_->cursor(f); }
  std::shared_ptr<const kv_view> snapshot() const override { return files_->snapshot(); }
  status commit(const kv_batch& batch) override {
    const bool last = on_ && fails_in_ && (*fails_in_)-- == 0;
    if (on_ && (!last || kept_))
      static_cast<void>(files_->commit(batch));
    if (last) {
      turn_off();
      failed_();
    }
    if (on_)
      return success();
    return error{ec::outcome_unknown, "the power went off"};
  }

  void turn_off() { on_ = false; }
  bool on() const { return on_; }
  /// `failed` is called within the commit that is the last.
  void fail_in(uint64_t commits, bool kept, std::function<void()> failed) {
    fails_in_ = commits;
    kept_ = kept;
    failed_ = std::move(failed);
  }

private:
  std::shared_ptr<disk> files_;
  bool on_ = true;
  std::optional<uint64_t> fails_in_;
  bool kept_ = false;
  std::function<void()> failed_;
};

} // namespace shoal::test
