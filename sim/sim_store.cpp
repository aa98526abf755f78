#include "sim/sim_store.hpp"

namespace shoal::sim {

namespace {

class map_cursor final : public kv_cursor {
public:
  explicit map_cursor(const sim_store::map& m) : map_(m), at_(m.end()) {}
  void seek(std::string_view key) override { at_ = map_.lower_bound(key); }
  bool valid() const override { return at_ != map_.end(); }
  void next() override { ++at_; }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }
  status state() const override { return success(); }

private:
  const sim_store::map& map_;
  sim_store::map::const_iterator at_;
};

} // namespace

result<std::optional<std::string>> sim_store::get(family f, std::string_view key) const {
  const auto& m = of(f);
  const auto it = m.find(key);
  if (it == m.end())
    return std::optional<std::string>{};
  return std::optional<std::string>{it->second};
}

std::unique_ptr<kv_cursor> sim_store::cursor(family f) const {
  return std::make_unique<map_cursor>(of(f));
}

std::shared_ptr<const kv_view> sim_store::snapshot() const {
  return std::make_shared<sim_store>(*this);
}

status sim_store::commit(kv_batch batch) {
  for (auto& w : batch) {
    auto& m = of(w.where);
    if (w.value)
      m.insert_or_assign(std::move(w.key), std::move(*w.value));
    else
      m.erase(w.key);
  }
  return success();
}

} // namespace shoal::sim
