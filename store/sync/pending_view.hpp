#pragma once
// A store as it will be once a commit that is under way has ended.

#include "store/sync/prefix_source.hpp"

namespace shoal {

/// Reads the batch's values where it has any, and the store's elsewhere, so that it says the same
/// before, while and after the batch is committed. The batch is as kv_transaction::take() has it:
/// ascending, no key twice. `store` outlives the view. Any thread.
class pending_view final : public kv_view, public prefix_source {
public:
  pending_view(const kv_view& store, std::shared_ptr<const kv_batch> batch);
  result<std::optional<std::string>> get(family f, std::string_view key) const override;
  std::unique_ptr<kv_cursor> cursor(family f) const override;
  result<std::vector<std::optional<std::string>>>
  get_many(family f, std::span<const std::string> keys) const override;
  std::unique_ptr<kv_cursor> prefix_cursor(family f) const override;

private:
  std::span<const kv_write> writes_of(family f) const;
  const kv_view& store_;
  std::shared_ptr<const kv_batch> batch_;
  std::array<size_t, family_count + 1> begins_{}; // of each family, in the batch
};

} // namespace shoal
