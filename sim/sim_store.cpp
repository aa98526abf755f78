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

const error read_fault{ec::disk, "simulated disk: a read failed"};

class failing_cursor final : public kv_cursor {
public:
  failing_cursor(std::unique_ptr<kv_cursor> base, const std::function<bool()>& fails)
      : base_(std::move(base)), fails_(fails) {}
  void seek(std::string_view key) override {
    failed_ = fails_();
    base_->seek(key);
  }
  bool valid() const override { return !failed_ && base_->valid(); }
  void next() override {
    failed_ = failed_ || fails_();
    base_->next();
  }
  std::string_view key() const override { return base_->key(); }
  std::string_view value() const override { return base_->value(); }
  status state() const override { return failed_ ? status(read_fault) : base_->state(); }

private:
  std::unique_ptr<kv_cursor> base_;
  const std::function<bool()>& fails_;
  bool failed_ = false;
};

} // namespace

result<std::optional<std::string>> failing_view::get(family f, std::string_view key) const {
  if (fails_())
    return read_fault;
  return base_.get(f, key);
}

std::unique_ptr<kv_cursor> failing_view::cursor(family f) const {
  return std::make_unique<failing_cursor>(base_.cursor(f), fails_);
}

kv_batch sim_store::inverse(const kv_batch& batch) const {
  kv_batch out;
  for (const auto& w : batch) {
    const auto& m = of(w.where);
    const auto it = m.find(w.key);
    out.push_back(
        {w.where, w.key, it == m.end() ? std::nullopt : std::optional<std::string>(it->second)});
  }
  return out;
}

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

status sim_store::commit(const kv_batch& batch) {
  for (const auto& w : batch) {
    auto& m = of(w.where);
    if (w.value)
      m.insert_or_assign(w.key, *w.value);
    else
      m.erase(w.key);
  }
  return success();
}

} // namespace shoal::sim
