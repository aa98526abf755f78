#pragma once
// A node's disk: what is in here survives a crash. Commits are whole or not at all; *when* one
// reaches the disk is the driver's business (see sim_node).

#include "store/sync/kv.hpp"

#include <functional>

namespace shoal::sim {

class sim_store final : public kv_store {
public:
  using map = std::map<std::string, std::string, std::less<>>;

  result<std::optional<std::string>> get(family f, std::string_view key) const override;
  std::unique_ptr<kv_cursor> cursor(family f) const override;
  std::shared_ptr<const kv_view> snapshot() const override;
  status commit(const kv_batch& batch) override;

  /// What would undo a batch.
  kv_batch inverse(const kv_batch& batch) const;

  const map& of(family f) const { return families_[static_cast<size_t>(f)]; }
  map& of(family f) { return families_[static_cast<size_t>(f)]; }

private:
  std::array<map, family_count> families_;
};

/// A disk of which reads fail now and then, while `fails` says so.
class failing_view final : public kv_view {
public:
  failing_view(const kv_view& base, std::function<bool()> fails)
      : base_(base), fails_(std::move(fails)) {}
  result<std::optional<std::string>> get(family f, std::string_view key) const override;
  std::unique_ptr<kv_cursor> cursor(family f) const override;

private:
  const kv_view& base_;
  std::function<bool()> fails_;
};

} // namespace shoal::sim
